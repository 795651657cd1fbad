//! One function per route: authenticate, use case, answer.

use crate::authenticate::{READ, WRITE, authenticate};
use crate::code::Code;
use crate::contract;
use crate::deadline::Deadline;
use crate::problem::Problem;
use crate::views::{BackgroundAccessView, Health, ProfileView};
use axum::extract::State;
use axum::routing::{MethodRouter, get};
use axum::{Extension, Json};
use domain::{background_access, read_profile as use_case};
use http::{HeaderMap, StatusCode};
use std::sync::Arc;
use wiring::Api;

/// Every route: its path, and what answers its methods.
pub(crate) fn all() -> [(&'static str, MethodRouter<Arc<Api>>); 4] {
    [
        ("/api/profile", get(read_profile)),
        ("/api/background-access", get(see_background_access).delete(end_background_access)),
        ("/api/health", get(health)),
        ("/api/openapi.json", get(contract::describe)),
    ]
}

/// Answers without touching anything, so that it tells whether the function itself runs.
async fn health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

async fn read_profile(
    State(api): State<Arc<Api>>,
    Extension(Deadline(deadline)): Extension<Deadline>,
    headers: HeaderMap,
) -> Result<Json<ProfileView>, Problem> {
    let caller = authenticate(&api, &headers, READ).await?;
    Ok(Json(use_case::read_profile(&api.services, &caller, deadline).await?))
}

async fn see_background_access(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
) -> Result<Json<BackgroundAccessView>, Problem> {
    let caller = authenticate(&api, &headers, READ).await?;
    let access = background_access::see(&api.services, &caller).await?;
    Ok(Json(access.into()))
}

async fn end_background_access(
    State(api): State<Arc<Api>>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let caller = authenticate(&api, &headers, WRITE).await?;
    background_access::end(&api.services, &caller).await?;
    api.authenticator.forget(&caller.account);
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn unknown_route() -> Problem {
    Problem::new(Code::UnknownRoute, "there is no such route; see /api/openapi.json")
}

pub(crate) async fn wrong_method() -> Problem {
    Problem::new(Code::WrongMethod, "this route does not take this method; see `Allow`")
}
