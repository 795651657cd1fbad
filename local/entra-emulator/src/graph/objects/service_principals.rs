//! `servicePrincipal`. <https://learn.microsoft.com/graph/api/resources/serviceprincipal>

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::READ;
use super::{Answer, Ask, Key, bad_request, conflict, moment};
use crate::emulator::lock;
use crate::graph::error::GraphError;
use crate::identifiers::{ClientId, ObjectId};
use crate::registrations::{Principal, Registry, graph_id};
use crate::scopes::all_graph_scopes;

/// `/servicePrincipals`
pub(super) fn all(ask: &Ask<'_>) -> Result<Answer, GraphError> {
    ask.only(&[Method::GET, Method::POST])?;
    if ask.method == Method::POST {
        return create(ask);
    }
    ask.access.need(&READ)?;
    let registry = lock(&ask.shared.registry);
    let own = registry.principals.iter().filter(|one| is_live(ask, one));
    Ok(Answer::Collection(own.map(|one| entity(&registry, one)).collect()))
}

/// `/servicePrincipals/{id}`
pub(super) fn one(ask: &Ask<'_>, key: &Key<'_>) -> Result<Answer, GraphError> {
    ask.only(&[Method::GET, Method::DELETE])?;
    let mut registry = lock(&ask.shared.registry);
    let position = registry
        .principals
        .iter()
        .position(|one| is_live(ask, one) && key.names(&one.id.to_string(), &one.app_id.to_string(), None));
    let position = position.ok_or_else(|| key.not_found())?;
    if ask.method == Method::GET {
        ask.access.need(&READ)?;
        return Ok(Answer::Entity(StatusCode::OK, entity(&registry, &registry.principals[position])));
    }
    let now = ask.shared.clock.now();
    let principal = &mut registry.principals[position];
    ask.access.may_change(&principal.owners)?;
    principal.deleted_at = Some(now);
    let id = principal.id;
    registry.grants.retain(|grant| grant.client != id && grant.resource != id);
    registry.settle();
    Ok(Answer::NoContent)
}

fn is_live(ask: &Ask<'_>, principal: &Principal) -> bool {
    principal.tenant == ask.access.tenant() && principal.deleted_at.is_none()
}

fn create(ask: &Ask<'_>) -> Result<Answer, GraphError> {
    ask.access.may_register()?;
    let mut body = ask.object()?;
    let text = body.remove("appId").and_then(|id| id.as_str().map(str::to_owned)).unwrap_or_default();
    let tags = match body.remove("tags") {
        None => Vec::new(),
        Some(tags) => serde_json::from_value(tags).map_err(|_| bad_request("Invalid property 'tags'."))?,
    };
    if let Some(name) = body.keys().next() {
        return Err(bad_request(format!("Invalid property '{name}'.")));
    }
    let mut registry = lock(&ask.shared.registry);
    let tenant = ask.access.tenant();
    let registration = text.parse::<ClientId>().ok().and_then(|id| registry.by_app_id(id));
    let foreign = |one: &&crate::registrations::Registration| {
        one.tenant != tenant && one.manifest.sign_in_audience == "AzureADMyOrg"
    };
    let Some(registration) = registration.filter(|one| !foreign(one)) else {
        return Err(bad_request(format!(
            "The appId '{text}' of the service principal does not reference a valid application object."
        )));
    };
    if registration.tenant == tenant {
        ask.access.may_change(&registration.owners)?;
    }
    let app_id = registration.app_id;
    if registry.principal(app_id, tenant).is_some() {
        return Err(name_in_use(app_id));
    }
    let mut principal = Principal::new(ObjectId(Uuid::new_v4()), app_id, tenant);
    principal.tags = tags;
    principal.owners = ask.access.first_owners();
    let answer = entity(&registry, &principal);
    registry.principals.push(principal);
    registry.settle();
    Ok(Answer::Entity(StatusCode::CREATED, answer))
}

pub(super) fn name_in_use(app_id: ClientId) -> GraphError {
    conflict(format!(
        "The service principal cannot be created, updated, or restored because the service principal name {app_id} is \
         already in use."
    ))
}

/// The service principal as Graph shows it.
pub(super) fn entity(registry: &Registry, principal: &Principal) -> Value {
    let registration = registry.registrations.iter().find(|one| one.app_id == principal.app_id);
    let (name, scopes, uris) = match registration {
        Some(one) => (
            one.manifest.display_name.clone(),
            json!(one.manifest.api.oauth2_permission_scopes),
            one.manifest.identifier_uris.clone(),
        ),
        None if principal.app_id == graph_id() => {
            let scopes = all_graph_scopes()
                .map(|(value, id)| json!({ "id": id, "value": value, "type": "User", "isEnabled": true }));
            ("Microsoft Graph".to_owned(), scopes.collect(), vec![crate::scopes::GRAPH_URI.to_owned()])
        }
        None => (String::new(), json!([]), Vec::new()),
    };
    let names: Vec<String> = uris.into_iter().chain([principal.app_id.to_string()]).collect();
    json!({
        "id": principal.id,
        "appId": principal.app_id,
        "appDisplayName": name,
        "displayName": name,
        "appOwnerOrganizationId": registration.map(|one| one.tenant),
        "accountEnabled": true,
        "deletedDateTime": principal.deleted_at.map(moment),
        "servicePrincipalType": "Application",
        "servicePrincipalNames": names,
        "oauth2PermissionScopes": scopes,
        "tags": principal.tags,
    })
}
