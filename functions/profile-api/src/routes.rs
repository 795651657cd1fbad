//! One function per route: authenticate, use case, answer.

use crate::authenticate::{READ, WRITE, authenticate};
use crate::problem::Problem;
use crate::views::{BackgroundAccessView, Health, ProfileView};
use axum::extract::State;
use axum::{Extension, Json};
use domain::{background_access, read_profile as use_case};
use http::{HeaderMap, StatusCode};
use lambda_http::Context;
use time::OffsetDateTime;
use wiring::Api;

/// Answers without touching anything, so that it tells whether the function itself runs.
pub(crate) async fn health() -> Json<Health> {
    Json(Health { status: "ok", version: env!("CARGO_PKG_VERSION") })
}

pub(crate) async fn read_profile(
    State(api): State<Api>,
    context: Option<Extension<Context>>,
    headers: HeaderMap,
) -> Result<Json<ProfileView>, Problem> {
    let caller = authenticate(&api, &headers, READ).await?;
    let deadline = context.and_then(|Extension(context)| known_deadline(&context, api.services.clock.now()));
    let profile = use_case::read_profile(&api.services, &caller, deadline).await;
    wiring::telemetry::log_counts(&api.services.counters);
    Ok(Json(profile?))
}

/// When Lambda ends the request; `None` in the past, which is what local hosts give for "unknown".
fn known_deadline(context: &Context, now: OffsetDateTime) -> Option<OffsetDateTime> {
    Some(context.deadline().into()).filter(|deadline| *deadline > now)
}

pub(crate) async fn see_background_access(
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<Json<BackgroundAccessView>, Problem> {
    let caller = authenticate(&api, &headers, READ).await?;
    let access = background_access::see(&api.services, &caller).await?;
    Ok(Json(access.into()))
}

pub(crate) async fn end_background_access(
    State(api): State<Api>,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let caller = authenticate(&api, &headers, WRITE).await?;
    background_access::end(&api.services, &caller).await?;
    Ok(StatusCode::NO_CONTENT)
}

pub(crate) async fn unknown_route() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "unknown_route", "there is no such route; see the API's description")
}

pub(crate) async fn wrong_method() -> Problem {
    Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "wrong_method",
        "this route does not take this method; see `Allow`",
    )
}
