//! `application`. <https://learn.microsoft.com/graph/api/resources/application>

use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::access::READ;
use super::credentials::{self, certificates_of};
use super::{Answer, Ask, Key, bad_request, moment};
use crate::credentials::Credentials;
use crate::emulator::lock;
use crate::graph::error::GraphError;
use crate::identifiers::ObjectId;
use crate::registrations::manifest::Manifest;
use crate::registrations::{Registration, Registry};

/// `/applications`
pub(super) fn all(ask: &Ask<'_>) -> Result<Answer, GraphError> {
    if ask.method == Method::POST {
        return create(ask, None);
    }
    ask.only(&[Method::GET])?;
    ask.access.need(&READ)?;
    let registry = lock(&ask.shared.registry);
    let own = registry.registrations.iter().filter(|one| is_live(ask, one));
    Ok(Answer::Collection(own.map(|one| entity(ask, one)).collect()))
}

/// `/applications/{id}` and what is below it
pub(super) fn one(ask: &Ask<'_>, key: &Key<'_>, rest: &[&str]) -> Result<Answer, GraphError> {
    match rest {
        [] => object(ask, key),
        ["addPassword"] => credentials::add_password(ask, key),
        ["removePassword"] => credentials::remove_password(ask, key),
        ["federatedIdentityCredentials"] => credentials::federated(ask, key),
        ["federatedIdentityCredentials", id] => credentials::federated_one(ask, key, id),
        ["owners"] => owners(ask, key),
        ["owners", "$ref"] => add_owner(ask, key),
        [segment, ..] => Err(bad_request(format!("Resource not found for the segment '{segment}'."))),
    }
}

fn is_live(ask: &Ask<'_>, registration: &Registration) -> bool {
    registration.tenant == ask.access.tenant() && registration.deleted_at.is_none()
}

pub(super) fn find<'r>(
    ask: &Ask<'_>,
    registry: &'r mut Registry,
    key: &Key<'_>,
) -> Result<&'r mut Registration, GraphError> {
    let mut all = registry.registrations.iter_mut();
    let found = all.find(|one| {
        is_live(ask, one)
            && key.names(&one.id.to_string(), &one.app_id.to_string(), one.unique_name.as_deref())
    });
    found.ok_or_else(|| key.not_found())
}

fn object(ask: &Ask<'_>, key: &Key<'_>) -> Result<Answer, GraphError> {
    ask.only(&[Method::GET, Method::PATCH, Method::DELETE])?;
    if ask.method == Method::GET {
        ask.access.need(&READ)?;
        let mut registry = lock(&ask.shared.registry);
        let registration = find(ask, &mut registry, key)?;
        let mut entity = entity(ask, registration);
        if ask.query.names("keyCredentials") {
            // The certificates themselves come only for one application, and only when they are asked for.
            let all = lock(&ask.shared.credentials);
            let certificates = all.get(&registration.app_id).map(|own| certificates_of(own, true));
            entity["keyCredentials"] = json!(certificates.unwrap_or_default());
        }
        return Ok(Answer::Entity(StatusCode::OK, entity));
    }
    let mut registry = lock(&ask.shared.registry);
    if let Key::Alternate("uniqueName", name) = key
        && (ask.method == Method::PATCH && ask.upsert)
        && find(ask, &mut registry, key).is_err()
    {
        drop(registry);
        return create(ask, Some(name));
    }
    let registration = find(ask, &mut registry, key)?;
    ask.access.may_change(&registration.owners)?;
    if ask.method == Method::PATCH {
        change(ask, registration)?;
    } else {
        let now = ask.shared.clock.now();
        registration.deleted_at = Some(now);
        let (app_id, tenant) = (registration.app_id, registration.tenant);
        // Its service principal in the home tenant goes with it, and the consent given to that.
        let mut principals = registry.principals.iter_mut();
        if let Some(principal) =
            principals.find(|one| one.app_id == app_id && one.tenant == tenant && one.deleted_at.is_none())
        {
            principal.deleted_at = Some(now);
            let id = principal.id;
            registry.grants.retain(|grant| grant.client != id && grant.resource != id);
        }
    }
    registry.settle();
    Ok(Answer::NoContent)
}

fn create(ask: &Ask<'_>, unique_name: Option<&str>) -> Result<Answer, GraphError> {
    ask.access.may_register()?;
    let mut registry = lock(&ask.shared.registry);
    // A deleted application keeps its name until it is gone for good.
    let taken =
        |name: &str| registry.registrations.iter().any(|one| one.unique_name.as_deref() == Some(name));
    if unique_name.is_some_and(taken) {
        return Err(bad_request(
            "Another object with the same value for property uniqueName already exists.",
        ));
    }
    let body = ask.object()?;
    let manifest = merged(&Manifest::default(), body)?;
    let now = ask.shared.clock.now();
    let unique_name = unique_name.map(str::to_owned);
    let registration = registry.register(manifest, unique_name, ask.access.tenant(), now);
    registration.owners = ask.access.first_owners();
    if let Some(objection) = registration.manifest.objection(registration.app_id, None) {
        registry.registrations.pop();
        return Err(bad_request(objection));
    }
    let entity = entity(ask, registration);
    registry.settle();
    Ok(Answer::Entity(StatusCode::CREATED, entity))
}

fn change(ask: &Ask<'_>, registration: &mut Registration) -> Result<(), GraphError> {
    let mut body = ask.object()?;
    let certificates = body.remove("keyCredentials");
    let manifest = merged(&registration.manifest, body)?;
    if let Some(objection) = manifest.objection(registration.app_id, Some(&registration.manifest)) {
        return Err(bad_request(objection));
    }
    if let Some(certificates) = certificates {
        let mut all = lock(&ask.shared.credentials);
        credentials::replace_certificates(all.entry(registration.app_id).or_default(), &certificates)?;
    }
    registration.change(manifest);
    Ok(())
}

/// `manifest` with the properties of `changes`; a member of `api`, `spa`, `web` or `publicClient` that is not named stays.
fn merged(manifest: &Manifest, changes: Map<String, Value>) -> Result<Manifest, GraphError> {
    let mut value = json!(manifest);
    for (name, change) in changes {
        if name == "passwordCredentials" {
            return Err(bad_request(
                "Update to existing credential with KeyId is not allowed. Use addPassword.",
            ));
        }
        match (name.as_str(), change) {
            ("api" | "spa" | "web" | "publicClient", Value::Object(members)) => {
                for (member, change) in members {
                    value[&name][member] = change;
                }
            }
            (_, change) => value[&name] = change,
        }
    }
    serde_json::from_value(value).map_err(|error| bad_request(format!("Invalid property: {error}.")))
}

fn owners(ask: &Ask<'_>, key: &Key<'_>) -> Result<Answer, GraphError> {
    ask.only(&[Method::GET])?;
    ask.access.need(&READ)?;
    let mut registry = lock(&ask.shared.registry);
    let owners = &find(ask, &mut registry, key)?.owners;
    let owner = |id: &ObjectId| json!({ "@odata.type": "#microsoft.graph.user", "id": id });
    Ok(Answer::Collection(owners.iter().map(owner).collect()))
}

fn add_owner(ask: &Ask<'_>, key: &Key<'_>) -> Result<Answer, GraphError> {
    ask.only(&[Method::POST])?;
    let body = ask.object()?;
    let reference = body.get("@odata.id").and_then(Value::as_str).unwrap_or_default();
    let mut registry = lock(&ask.shared.registry);
    let registration = find(ask, &mut registry, key)?;
    ask.access.may_change(&registration.owners)?;
    let owner = reference.rsplit('/').next().and_then(|id| id.parse::<ObjectId>().ok());
    let user = owner.and_then(|id| ask.shared.directory.user(id));
    let user = user.filter(|user| user.tenant == registration.tenant);
    let id = user.ok_or_else(|| super::not_found(reference))?.object_id;
    if registration.owners.contains(&id) {
        return Err(bad_request(
            "One or more added object references already exist for the following modified properties: 'owners'.",
        ));
    }
    registration.owners.push(id);
    Ok(Answer::NoContent)
}

/// The application as Graph shows it, without its certificates themselves.
pub(super) fn entity(ask: &Ask<'_>, registration: &Registration) -> Value {
    let mut entity = json!(registration.manifest);
    entity["id"] = json!(registration.id);
    entity["appId"] = json!(registration.app_id);
    entity["uniqueName"] = json!(registration.unique_name);
    entity["createdDateTime"] = json!(moment(registration.created_at));
    entity["deletedDateTime"] = json!(registration.deleted_at.map(moment));
    let all = lock(&ask.shared.credentials);
    let none = Credentials::default();
    let own = all.get(&registration.app_id).unwrap_or(&none);
    entity["passwordCredentials"] = json!(own.secrets.iter().map(credentials::password).collect::<Vec<_>>());
    entity["keyCredentials"] = json!(certificates_of(own, false));
    entity
}
