//! Deleted applications and service principals, which can be restored for 30 days or removed for good.
//! <https://learn.microsoft.com/graph/api/resources/directory>

use axum::http::{Method, StatusCode};

use super::access::READ;
use super::{Answer, Ask, applications, bad_request, not_found, service_principals};
use crate::emulator::lock;
use crate::graph::error::GraphError;
use crate::identifiers::{ObjectId, TenantId};
use crate::registrations::{Principal, Registry};

/// `/directory/deletedItems/…`
pub(super) fn answer(ask: &Ask<'_>, rest: &[&str]) -> Result<Answer, GraphError> {
    let mut registry = lock(&ask.shared.registry);
    match rest {
        ["microsoft.graph.application"] => {
            ask.only(&[Method::GET])?;
            ask.access.need(&READ)?;
            let tenant = ask.access.tenant();
            let deleted = registry.registrations.iter();
            let deleted = deleted.filter(|one| one.deleted_at.is_some() && one.tenant == tenant);
            Ok(Answer::Collection(deleted.map(|one| applications::entity(ask, one)).collect()))
        }
        ["microsoft.graph.servicePrincipal"] => {
            ask.only(&[Method::GET])?;
            ask.access.need(&READ)?;
            let tenant = ask.access.tenant();
            let deleted = registry.principals.iter();
            let deleted = deleted.filter(|one| one.deleted_at.is_some() && one.tenant == tenant);
            Ok(Answer::Collection(deleted.map(|one| service_principals::entity(&registry, one)).collect()))
        }
        [id] => {
            ask.only(&[Method::DELETE])?;
            remove(ask, &mut registry, id)
        }
        [id, "restore"] => {
            ask.only(&[Method::POST])?;
            restore(ask, &mut registry, id)
        }
        _ => Err(bad_request("Resource not found for the segment 'deletedItems'.")),
    }
}

fn remove(ask: &Ask<'_>, registry: &mut Registry, id: &str) -> Result<Answer, GraphError> {
    if let Some(position) = application(ask, registry, id) {
        ask.access.may_change(&registry.registrations[position].owners)?;
        let gone = registry.registrations.remove(position);
        lock(&ask.shared.credentials).remove(&gone.app_id);
        return Ok(Answer::NoContent);
    }
    let position = service_principal(ask, registry, id)?;
    ask.access.may_change(&registry.principals[position].owners)?;
    registry.principals.remove(position);
    Ok(Answer::NoContent)
}

/// Brings an application back with the service principal that went with it, or a service principal alone.
fn restore(ask: &Ask<'_>, registry: &mut Registry, id: &str) -> Result<Answer, GraphError> {
    let Some(position) = application(ask, registry, id) else {
        return restore_service_principal(ask, registry, id);
    };
    let registration = &mut registry.registrations[position];
    ask.access.may_change(&registration.owners)?;
    let deleted_at = registration.deleted_at.take();
    let (app_id, tenant) = (registration.app_id, registration.tenant);
    let answer = applications::entity(ask, registration);
    // An older one may have been restored before the application was.
    if registry.principal(app_id, tenant).is_none() {
        let mut principals = registry.principals.iter_mut();
        let with_it = |one: &&mut Principal| {
            one.app_id == app_id && one.tenant == tenant && one.deleted_at == deleted_at
        };
        if let Some(principal) = principals.find(with_it) {
            principal.deleted_at = None;
        }
    }
    registry.settle();
    Ok(Answer::Entity(StatusCode::OK, answer))
}

fn restore_service_principal(ask: &Ask<'_>, registry: &mut Registry, id: &str) -> Result<Answer, GraphError> {
    let position = service_principal(ask, registry, id)?;
    let Principal { app_id, tenant, owners, .. } = &registry.principals[position];
    ask.access.may_change(owners)?;
    if registry.principal(*app_id, *tenant).is_some() {
        return Err(service_principals::name_in_use(*app_id));
    }
    registry.principals[position].deleted_at = None;
    registry.settle();
    let answer = service_principals::entity(registry, &registry.principals[position]);
    Ok(Answer::Entity(StatusCode::OK, answer))
}

/// Where the deleted application with this id is.
fn application(ask: &Ask<'_>, registry: &Registry, id: &str) -> Option<usize> {
    let mut all = registry.registrations.iter();
    all.position(|one| is_meant(ask, id, one.id, one.tenant) && one.deleted_at.is_some())
}

/// Where the deleted service principal with this id is.
fn service_principal(ask: &Ask<'_>, registry: &Registry, id: &str) -> Result<usize, GraphError> {
    let mut all = registry.principals.iter();
    all.position(|one| is_meant(ask, id, one.id, one.tenant) && one.deleted_at.is_some())
        .ok_or_else(|| not_found(id))
}

fn is_meant(ask: &Ask<'_>, named: &str, id: ObjectId, tenant: TenantId) -> bool {
    tenant == ask.access.tenant() && id.to_string().eq_ignore_ascii_case(named)
}
