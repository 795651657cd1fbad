//! Deleted applications and service principals, which can be restored for 30 days or removed for good.
//! <https://learn.microsoft.com/graph/api/resources/directory>

use axum::http::{Method, StatusCode};
use time::Duration;

use super::access::READ;
use super::{Answer, Ask, applications, bad_request, conflict, not_found, service_principals};
use crate::emulator::lock;
use crate::graph::error::GraphError;
use crate::registrations::Registry;

/// How long they are kept.
const KEPT: Duration = Duration::days(30);

/// `/directory/deletedItems/…`
pub(super) fn answer(ask: &Ask<'_>, rest: &[&str]) -> Result<Answer, GraphError> {
    let mut registry = lock(&ask.shared.registry);
    let now = ask.shared.clock.now();
    registry.registrations.retain(|one| one.deleted_at.is_none_or(|deleted| now < deleted + KEPT));
    registry.principals.retain(|one| one.deleted_at.is_none_or(|deleted| now < deleted + KEPT));
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
    let tenant = ask.access.tenant();
    let is = |own: &crate::identifiers::ObjectId| own.to_string().eq_ignore_ascii_case(id);
    let registrations = &registry.registrations;
    let registration =
        registrations.iter().position(|one| is(&one.id) && one.deleted_at.is_some() && one.tenant == tenant);
    if let Some(position) = registration {
        ask.access.may_change(&registrations[position].owners)?;
        let gone = registry.registrations.remove(position);
        lock(&ask.shared.credentials).remove(&gone.app_id);
        return Ok(Answer::NoContent);
    }
    let principals = &registry.principals;
    let principal =
        principals.iter().position(|one| is(&one.id) && one.deleted_at.is_some() && one.tenant == tenant);
    let position = principal.ok_or_else(|| not_found(id))?;
    ask.access.may_change(&principals[position].owners)?;
    registry.principals.remove(position);
    Ok(Answer::NoContent)
}

/// Brings an application back, with the service principal that went with it.
fn restore(ask: &Ask<'_>, registry: &mut Registry, id: &str) -> Result<Answer, GraphError> {
    let tenant = ask.access.tenant();
    let mut deleted = registry.registrations.iter_mut();
    let registration = deleted.find(|one| {
        one.id.to_string().eq_ignore_ascii_case(id) && one.deleted_at.is_some() && one.tenant == tenant
    });
    let registration = registration.ok_or_else(|| not_found(id))?;
    ask.access.may_change(&registration.owners)?;
    let deleted_at = registration.deleted_at.take();
    let (app_id, answer) = (registration.app_id, applications::entity(ask, registration));
    if registry.principal(app_id, tenant).is_some() {
        return Err(conflict(format!("The service principal name {app_id} is already in use.")));
    }
    for principal in &mut registry.principals {
        if principal.app_id == app_id && principal.tenant == tenant && principal.deleted_at == deleted_at {
            principal.deleted_at = None;
        }
    }
    registry.settle();
    Ok(Answer::Entity(StatusCode::OK, answer))
}
