//! The credentials of applications in the control API.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::json_body;
use crate::emulator::{ControlError, Emulator};

/// GET `/emulator/api/applications`
pub(crate) async fn list(State(emulator): State<Emulator>) -> Json<Value> {
    Json(json!(emulator.applications()))
}

/// POST `/emulator/api/applications/{id}/certificates`: registers the certificate in the body (PEM), or with an empty body
/// makes one and answers it with its key (PEM).
pub(crate) async fn add_certificate(
    State(emulator): State<Emulator>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<Response, ControlError> {
    if body.is_empty() {
        let pem = emulator.issue_certificate(&id)?;
        return Ok(([(header::CONTENT_TYPE, "application/x-pem-file")], pem).into_response());
    }
    let pem = String::from_utf8_lossy(&body);
    Ok(Json(json!(emulator.register_certificate(&id, &pem)?)).into_response())
}

/// DELETE `/emulator/api/applications/{id}/certificates/{thumbprint}`
pub(crate) async fn remove_certificate(
    State(emulator): State<Emulator>,
    Path((id, thumbprint)): Path<(String, String)>,
) -> Result<StatusCode, ControlError> {
    emulator.remove_certificate(&id, &thumbprint)?;
    Ok(StatusCode::NO_CONTENT)
}

/// PUT `/emulator/api/applications/{id}/secrets`, a list of texts
pub(crate) async fn replace_secrets(
    State(emulator): State<Emulator>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<StatusCode, ControlError> {
    let secrets: Vec<String> = serde_json::from_value(json_body(&body)?)
        // The parser's message could quote a secret.
        .map_err(|_| ControlError::Invalid("expected a list of secrets such as [\"new\", \"old\"]".into()))?;
    emulator.replace_client_secrets(&id, &secrets)?;
    Ok(StatusCode::NO_CONTENT)
}

/// PUT `/emulator/api/applications/{id}/federated-credentials`, a list of issuer, subject and audience
pub(crate) async fn replace_federated(
    State(emulator): State<Emulator>,
    Path(id): Path<String>,
    body: Bytes,
) -> Result<StatusCode, ControlError> {
    let credentials = serde_json::from_value(json_body(&body)?).map_err(|error| {
        ControlError::Invalid(format!("expected a list of federated credentials: {error}"))
    })?;
    emulator.replace_federated_credentials(&id, credentials)?;
    Ok(StatusCode::NO_CONTENT)
}
