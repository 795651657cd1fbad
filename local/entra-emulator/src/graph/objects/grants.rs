//! `oAuth2PermissionGrant`: delegated permissions that somebody agreed to.
//! <https://learn.microsoft.com/graph/api/resources/oauth2permissiongrant>
//!
//! They are kept and shown. Whether a user is asked for consent depends on the user's own state alone
//! (`withdraw-consent` of the control API), as for the applications that the emulator starts with.

use axum::http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::access::CONSENT;
use super::{Answer, Ask, bad_request, conflict, not_found};
use crate::emulator::lock;
use crate::graph::error::GraphError;
use crate::identifiers::ObjectId;
use crate::registrations::Grant;
use crate::sealed::random_text;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Body {
    client_id: ObjectId,
    resource_id: ObjectId,
    consent_type: String,
    #[serde(default)]
    principal_id: Option<ObjectId>,
    scope: String,
}

/// `/oauth2PermissionGrants`
pub(super) fn all(ask: &Ask<'_>) -> Result<Answer, GraphError> {
    ask.only(&[Method::GET, Method::POST])?;
    let tenant = ask.access.tenant();
    if ask.method == Method::GET {
        ask.access.need(&CONSENT)?;
        let registry = lock(&ask.shared.registry);
        let own = registry.grants.iter().filter(|grant| grant.tenant == tenant);
        return Ok(Answer::Collection(own.map(entity).collect()));
    }
    ask.access.may_consent()?;
    let body: Body = serde_json::from_value(Value::Object(ask.object()?))
        .map_err(|error| bad_request(format!("Invalid permission grant: {error}.")))?;
    let principal = match (body.consent_type.as_str(), body.principal_id) {
        ("AllPrincipals", None) => None,
        ("Principal", Some(user)) => Some(user),
        _ => return Err(bad_request("consentType and principalId do not fit each other.")),
    };
    let mut registry = lock(&ask.shared.registry);
    for id in [body.client_id, body.resource_id] {
        let known = |id| {
            registry
                .principals
                .iter()
                .any(|one| one.id == id && one.tenant == tenant && one.deleted_at.is_none())
        };
        if !known(id) {
            return Err(not_found(&id.to_string()));
        }
    }
    let same = |grant: &Grant| {
        (grant.client, grant.resource, grant.principal) == (body.client_id, body.resource_id, principal)
    };
    if registry.grants.iter().any(same) {
        return Err(conflict("Permission entry already exists."));
    }
    let grant = Grant {
        id: random_text::<32>(),
        tenant,
        client: body.client_id,
        resource: body.resource_id,
        principal,
        scope: body.scope,
    };
    let answer = entity(&grant);
    registry.grants.push(grant);
    Ok(Answer::Entity(StatusCode::CREATED, answer))
}

/// `/oauth2PermissionGrants/{id}`
pub(super) fn one(ask: &Ask<'_>, id: &str) -> Result<Answer, GraphError> {
    ask.only(&[Method::PATCH, Method::DELETE])?;
    ask.access.may_consent()?;
    let mut registry = lock(&ask.shared.registry);
    let tenant = ask.access.tenant();
    let position = registry.grants.iter().position(|grant| grant.id == id && grant.tenant == tenant);
    let position = position.ok_or_else(|| not_found(id))?;
    if ask.method == Method::DELETE {
        registry.grants.remove(position);
        return Ok(Answer::NoContent);
    }
    let body = ask.object()?;
    let scope = body.get("scope").and_then(Value::as_str).filter(|_| body.len() == 1);
    let scope = scope.ok_or_else(|| bad_request("Only the property 'scope' can be changed."))?;
    scope.clone_into(&mut registry.grants[position].scope);
    Ok(Answer::NoContent)
}

fn entity(grant: &Grant) -> Value {
    json!({
        "id": grant.id,
        "clientId": grant.client,
        "resourceId": grant.resource,
        "consentType": if grant.principal.is_some() { "Principal" } else { "AllPrincipals" },
        "principalId": grant.principal,
        "scope": grant.scope,
    })
}
