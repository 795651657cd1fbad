//! Entra ID's errors: AADSTS numbers, their texts and the shape of the answer.
//! <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

/// A refusal, before it has its trace id and time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EntraError {
    pub(crate) status: StatusCode,
    /// The OAuth 2.0 error code.
    pub(crate) error: &'static str,
    /// The number after `AADSTS`.
    pub(crate) code: u32,
    pub(crate) message: String,
    pub(crate) suberror: Option<&'static str>,
    /// JSON text of a claims challenge.
    pub(crate) claims: Option<String>,
    pub(crate) retry_after_seconds: Option<u32>,
}

impl EntraError {
    pub(crate) fn new(error: &'static str, code: u32, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error,
            code,
            message: message.into(),
            suberror: None,
            claims: None,
            retry_after_seconds: None,
        }
    }

    pub(crate) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    pub(crate) fn with_suberror(self, suberror: &'static str) -> Self {
        Self { suberror: Some(suberror), ..self }
    }

    pub(crate) fn with_claims(self, claims: String) -> Self {
        Self { claims: Some(claims), ..self }
    }

    pub(crate) fn invalid_grant(code: u32, message: impl Into<String>) -> Self {
        Self::new("invalid_grant", code, message)
    }

    pub(crate) fn invalid_request(code: u32, message: impl Into<String>) -> Self {
        Self::new("invalid_request", code, message)
    }

    pub(crate) fn invalid_client(code: u32, message: impl Into<String>) -> Self {
        Self::new("invalid_client", code, message).with_status(StatusCode::UNAUTHORIZED)
    }

    pub(crate) fn missing_parameter(name: &str) -> Self {
        let message = format!("The request body must contain the following parameter: '{name}'.");
        Self::invalid_request(900_144, message)
    }

    pub(crate) fn malformed(what: &str) -> Self {
        Self::invalid_request(9_002_313, format!("Invalid request. Request is malformed or invalid. {what}"))
    }

    pub(crate) fn unknown_tenant(tenant: &str) -> Self {
        Self::invalid_request(
            90_002,
            format!(
                "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing into \
                 the correct cloud. Check with your subscription administrator, this may happen if there are no active \
                 subscriptions for the tenant."
            ),
        )
    }

    pub(crate) fn unknown_application(client_id: &str, tenant: &str) -> Self {
        Self::new(
            "unauthorized_client",
            700_016,
            format!(
                "Application with identifier '{client_id}' was not found in the directory '{tenant}'. This can happen \
                 if the application has not been installed by the administrator of the tenant or consented to by any \
                 user in the tenant. You may have sent your authentication request to the wrong tenant."
            ),
        )
    }

    pub(crate) fn disabled() -> Self {
        Self::invalid_grant(50_057, "The user account is disabled.")
    }

    pub(crate) fn consent_required(client_id: impl std::fmt::Display, name: &str) -> Self {
        Self::invalid_grant(
            65_001,
            format!(
                "The user or administrator has not consented to use the application with ID '{client_id}' named \
                 '{name}'. Send an interactive authorization request for this user and resource."
            ),
        )
        .with_suberror("consent_required")
    }

    pub(crate) fn mfa_required(resource: &str) -> Self {
        Self::invalid_grant(
            50_076,
            format!(
                "Due to a configuration change made by your administrator, or because you moved to a new location, \
                 you must use multi-factor authentication to access '{resource}'."
            ),
        )
        .with_claims(MFA_CLAIMS.into())
    }

    pub(crate) fn revoked(issued_at: OffsetDateTime, valid_from: Option<OffsetDateTime>) -> Self {
        let valid_from = valid_from.map(timestamp).unwrap_or_default();
        Self::invalid_grant(
            50_173,
            format!(
                "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might \
                 have changed or reset their password. The grant was issued on '{}' and the TokensValidFrom date \
                 (before which tokens are not valid) for this user is '{valid_from}'.",
                timestamp(issued_at)
            ),
        )
    }

    /// The JSON body (<https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow>, "Error response").
    pub(crate) fn body(&self, ids: &TraceIds, base: &str) -> Value {
        let mut body = json!({
            "error": self.error,
            "error_description": self.description(ids),
            "error_codes": [self.code],
            "timestamp": ids.timestamp,
            "trace_id": ids.trace_id,
            "correlation_id": ids.correlation_id,
            "error_uri": format!("{base}/error?code={}", self.code),
        });
        if let Some(suberror) = self.suberror {
            body["suberror"] = json!(suberror);
        }
        if let Some(claims) = &self.claims {
            body["claims"] = json!(claims);
        }
        body
    }

    pub(crate) fn description(&self, ids: &TraceIds) -> String {
        format!(
            "AADSTS{}: {} Trace ID: {} Correlation ID: {} Timestamp: {}",
            self.code, self.message, ids.trace_id, ids.correlation_id, ids.timestamp
        )
    }
}

/// What a conditional-access policy asks for: the next sign-in must satisfy it.
pub(crate) const MFA_CLAIMS: &str =
    r#"{"access_token":{"capolids":{"essential":true,"values":["8b5f6d1e-2c47-4a90-b3e8-d15c7a9f0e64"]}}}"#;

/// The ids and the time that go into every error.
#[derive(Debug, Clone)]
pub(crate) struct TraceIds {
    pub(crate) trace_id: String,
    pub(crate) correlation_id: String,
    pub(crate) timestamp: String,
}

/// `2026-11-22 21:55:00Z`, as in Entra ID's errors.
pub(crate) fn timestamp(time: OffsetDateTime) -> String {
    time.format(format_description!("[year]-[month]-[day] [hour]:[minute]:[second]Z"))
        .expect("every UTC time has these parts")
}

/// The error travels as an extension: the `exchange` layer, which knows the ids, writes the body.
impl IntoResponse for EntraError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
