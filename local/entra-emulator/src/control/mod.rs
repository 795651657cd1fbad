//! The control page and its JSON API under `/emulator`.

pub(crate) mod applications;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use time::Duration;
use time::format_description::well_known::Rfc3339;

use crate::emulator::{ControlError, Emulator};
use crate::pages;
use crate::parameters::Parameters;
use crate::user_state::UserAction;

/// Entries of the request log when `limit` is not given.
const DEFAULT_LIMIT: usize = 100;

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        let (status, code) = match &self {
            Self::UnknownUser(_) => (StatusCode::NOT_FOUND, "unknown_user"),
            Self::UnknownApplication(_) => (StatusCode::NOT_FOUND, "unknown_application"),
            Self::UnknownCertificate(_) => (StatusCode::NOT_FOUND, "unknown_certificate"),
            Self::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid"),
            Self::NotSaved(_) => (StatusCode::INTERNAL_SERVER_ERROR, "not_saved"),
            Self::KeyGeneration => (StatusCode::INTERNAL_SERVER_ERROR, "key_generation"),
        };
        (status, Json(json!({ "code": code, "message": self.to_string() }))).into_response()
    }
}

pub(crate) async fn page() -> Response {
    pages::html(StatusCode::OK, pages::CONTROL_PAGE.to_owned())
}

pub(crate) async fn asset(Path(name): Path<String>) -> Response {
    match name.as_str() {
        "style.css" => pages::asset("text/css; charset=utf-8", pages::STYLE),
        "control.js" => pages::asset("text/javascript; charset=utf-8", pages::CONTROL_SCRIPT),
        "form-post.js" => pages::asset("text/javascript; charset=utf-8", pages::FORM_POST),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

/// GET `/emulator/api/state`
pub(crate) async fn state(State(emulator): State<Emulator>) -> Json<Value> {
    Json(json!({
        "publicUrl": emulator.public_url(),
        "graphBaseUrl": emulator.graph_base_url(),
        "users": emulator.users(),
        "scenarios": emulator.scenarios(),
        "keys": emulator.key_ids(),
        "clock": clock(&emulator),
    }))
}

fn clock(emulator: &Emulator) -> Value {
    json!({
        "now": emulator.now().format(&Rfc3339).unwrap_or_default(),
        "offsetSeconds": emulator.shared.clock.offset_seconds(),
    })
}

/// GET `/emulator/api/users`: the users with their profiles.
pub(crate) async fn users(State(emulator): State<Emulator>) -> Json<Value> {
    let users: Vec<Value> = emulator
        .users()
        .iter()
        .map(|user| {
            let mut value = json!(user);
            value["profile"] = json!(user.profile);
            value
        })
        .collect();
    Json(json!(users))
}

/// POST `/emulator/api/users/{user}/{action}`
pub(crate) async fn act(
    State(emulator): State<Emulator>,
    Path((user, action)): Path<(String, String)>,
) -> Result<Json<Value>, ControlError> {
    let action = UserAction::parse(&action).ok_or_else(|| {
        ControlError::Invalid(format!(
            "expected revoke, disable, enable, require-mfa, clear-mfa, withdraw-consent or grant-consent, not {action:?}"
        ))
    })?;
    Ok(Json(json!(emulator.act_on_user(&user, action)?)))
}

/// POST `/emulator/api/revocations {"users": […]}`
pub(crate) async fn revoke_many(
    State(emulator): State<Emulator>,
    body: Bytes,
) -> Result<StatusCode, ControlError> {
    let body = json_body(&body)?;
    emulator.act_on_users(&user_names(&body)?, UserAction::Revoke)?;
    Ok(StatusCode::NO_CONTENT)
}

/// POST `/emulator/api/refresh-tokens {"users": […], "clientId": "…", "scope": "…"}`
pub(crate) async fn issue_refresh_tokens(
    State(emulator): State<Emulator>,
    body: Bytes,
) -> Result<Json<Value>, ControlError> {
    let body = json_body(&body)?;
    let text = |name: &str| {
        let missing = || ControlError::Invalid(format!("expected a text \"{name}\""));
        body[name].as_str().ok_or_else(missing)
    };
    let tokens = emulator.issue_refresh_tokens(&user_names(&body)?, text("clientId")?, text("scope")?)?;
    Ok(Json(json!({ "refreshTokens": tokens })))
}

fn user_names(body: &Value) -> Result<Vec<&str>, ControlError> {
    let names = body["users"].as_array().and_then(|users| users.iter().map(Value::as_str).collect());
    names.ok_or_else(|| ControlError::Invalid("expected {\"users\": [\"<name or id>\", …]}".into()))
}

/// PATCH `/emulator/api/users/{user}`
pub(crate) async fn patch_user(
    State(emulator): State<Emulator>,
    Path(user): Path<String>,
    body: Bytes,
) -> Result<Json<Value>, ControlError> {
    Ok(Json(json!(emulator.change_profile(&user, &json_body(&body)?)?)))
}

/// PUT `/emulator/api/scenarios`
pub(crate) async fn put_scenarios(
    State(emulator): State<Emulator>,
    body: Bytes,
) -> Result<Json<Value>, ControlError> {
    Ok(Json(json!(emulator.change_scenarios(&json_body(&body)?)?)))
}

/// GET `/emulator/api/scenarios`
pub(crate) async fn scenarios(State(emulator): State<Emulator>) -> Json<Value> {
    Json(json!(emulator.scenarios()))
}

/// DELETE `/emulator/api/scenarios`
pub(crate) async fn delete_scenarios(State(emulator): State<Emulator>) -> Json<Value> {
    emulator.reset_scenarios();
    Json(json!(emulator.scenarios()))
}

/// POST `/emulator/api/keys/rotate`, optionally `{"dropPrevious": true}`
pub(crate) async fn rotate_keys(
    State(emulator): State<Emulator>,
    body: Bytes,
) -> Result<Json<Value>, ControlError> {
    let drop_previous = !body.is_empty() && json_body(&body)?["dropPrevious"] == true;
    Ok(Json(json!({ "keys": emulator.rotate_keys(drop_previous)? })))
}

/// GET `/emulator/api/requests?limit=`, oldest first
pub(crate) async fn requests(
    State(emulator): State<Emulator>,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ControlError> {
    let query = Parameters::parse(query.unwrap_or_default().as_bytes());
    let limit = match query.first("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => {
            text.parse().map_err(|_| ControlError::Invalid("limit must be a whole number".into()))?
        }
    };
    Ok(Json(json!(emulator.requests(limit))))
}

/// DELETE `/emulator/api/requests`: forgets the log and the counters.
pub(crate) async fn delete_requests(State(emulator): State<Emulator>) -> StatusCode {
    emulator.reset_requests();
    StatusCode::NO_CONTENT
}

/// GET `/emulator/api/counters`
pub(crate) async fn counters(State(emulator): State<Emulator>) -> Json<Value> {
    Json(json!(emulator.counters()))
}

/// POST `/emulator/api/clock/advance {"seconds": n}`
pub(crate) async fn advance_clock(
    State(emulator): State<Emulator>,
    body: Bytes,
) -> Result<Json<Value>, ControlError> {
    let seconds = json_body(&body)?["seconds"]
        .as_i64()
        .ok_or_else(|| ControlError::Invalid("expected {\"seconds\": <whole number>}".into()))?;
    emulator.advance_clock(Duration::seconds(seconds))?;
    Ok(Json(clock(&emulator)))
}

fn json_body(body: &Bytes) -> Result<Value, ControlError> {
    serde_json::from_slice(body)
        .map_err(|error| ControlError::Invalid(format!("the body is not JSON: {error}")))
}
