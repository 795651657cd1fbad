//! Every failure as `application/problem+json` (RFC 9457) with a stable `code`, and as a challenge (RFC 6750 §3) where the
//! caller's token is the matter. This is also where a failure is logged, once.

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::caller::Refusal;
use domain::error::{GraphError, SealingError, StoreError, TokenError, UnavailableKind};
use domain::obtain_token::ObtainTokenError;
use domain::read_profile::ReadProfileError;
use domain::token_cache::CacheError;
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, StatusCode};
use serde::Serialize;
use std::error::Error as StdError;
use time::Duration;

/// A failure as the caller sees it.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    challenge: Option<String>,
    retry_after: Option<Duration>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), challenge: None, retry_after: None }
    }

    /// 401 `invalid_token`: a new token can help.
    pub(crate) fn invalid_token(code: &'static str, detail: &str) -> Self {
        let challenge = format!(r#"Bearer error="invalid_token", error_description="{detail}""#);
        Self { challenge: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, code, detail) }
    }

    /// 403 `insufficient_scope`: the same user with more permissions can.
    pub(crate) fn insufficient_scope(scopes: &[&str]) -> Self {
        let scopes = scopes.join(" ");
        let detail = format!("the token has none of the permissions that this route takes: {scopes}");
        let challenge = format!(r#"Bearer error="insufficient_scope", scope="{scopes}""#);
        Self { challenge: Some(challenge), ..Self::new(StatusCode::FORBIDDEN, "insufficient_scope", detail) }
    }

    /// 401 `insufficient_claims`, which MSAL answers by signing in interactively with the claims.
    fn insufficient_claims(claims: &str) -> Self {
        let encoded = BASE64_STANDARD.encode(claims);
        let challenge = format!(r#"Bearer error="insufficient_claims", claims="{encoded}""#);
        Self {
            challenge: Some(challenge),
            ..Self::new(
                StatusCode::UNAUTHORIZED,
                "insufficient_claims",
                "Microsoft asks for more proof of who you are: sign in with the claims of this challenge",
            )
        }
    }

    fn retry_after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }

    fn unavailable(
        service: &'static str,
        code: &'static str,
        kind: UnavailableKind,
        retry_after: Option<Duration>,
    ) -> Self {
        let (status, what) = match kind {
            UnavailableKind::BadAnswer => (StatusCode::BAD_GATEWAY, "gave an answer that cannot be used"),
            UnavailableKind::Down => (StatusCode::SERVICE_UNAVAILABLE, "is not available"),
            UnavailableKind::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "took too long to answer"),
        };
        Self::new(status, code, format!("{service} {what}; try again later")).retry_after(retry_after)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            // RFC 6750 §3.1: without a token no error is named.
            Refusal::Missing => Self {
                challenge: Some("Bearer".to_owned()),
                ..Self::new(StatusCode::UNAUTHORIZED, "missing_token", refusal.to_string())
            },
            Refusal::Invalid { code, detail } => Self::invalid_token(code, detail),
            Refusal::Forbidden { code, detail } => Self::new(StatusCode::FORBIDDEN, code, detail),
            Refusal::KeysUnavailable { .. } => {
                log(&refusal, "keys_unavailable");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "keys_unavailable", refusal.to_string())
            }
        }
    }
}

impl From<ReadProfileError> for Problem {
    fn from(error: ReadProfileError) -> Self {
        match error {
            ReadProfileError::Token(ObtainTokenError::Token(error)) => error.into(),
            ReadProfileError::Token(ObtainTokenError::Cache(error)) => error.into(),
            ReadProfileError::Token(ObtainTokenError::MissingTokens) => {
                Self::invalid_token("missing_tokens", "sign in again")
            }
            ReadProfileError::Graph(error) => error.into(),
            ReadProfileError::Store(error) => error.into(),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        let problem = match &error {
            TokenError::UserNeeded { claims: Some(claims), .. } => Self::insufficient_claims(claims),
            TokenError::UserNeeded { suberror, code, .. }
                if suberror.as_deref() == Some("consent_required") || *code == Some(65001) =>
            {
                Self::invalid_token("consent_required", "sign in again and consent to what this app asks for")
            }
            TokenError::UserNeeded { .. } => {
                Self::invalid_token("interaction_required", "sign in again: Microsoft asks for it")
            }
            TokenError::StaleAssertion { .. } => Self::invalid_token(
                "stale_token",
                "send a fresh access token; this one can no longer be used",
            ),
            TokenError::ApplicationRejected { .. } => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "application_rejected",
                "Microsoft rejected this app's own sign-in; its operators must mend it",
            ),
            TokenError::Throttled { retry_after, .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "throttled",
                "Microsoft asks to slow down; try again later",
            )
            .retry_after(*retry_after),
            TokenError::Unavailable { kind, retry_after, .. } => {
                Self::unavailable("Microsoft Entra ID", "entra_unavailable", *kind, *retry_after)
            }
        };
        log(&error, problem.code);
        problem
    }
}

impl From<GraphError> for Problem {
    fn from(error: GraphError) -> Self {
        let problem = match &error {
            GraphError::Unauthorized { claims: Some(claims) } => Self::insufficient_claims(claims),
            GraphError::Unauthorized { claims: None } => {
                Self::invalid_token("interaction_required", "sign in again: Microsoft Graph asks for it")
            }
            GraphError::Forbidden { .. } => Self::new(
                StatusCode::FORBIDDEN,
                "graph_forbidden",
                "Microsoft Graph does not let this app read your profile",
            ),
            GraphError::Throttled { retry_after } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "throttled",
                "Microsoft asks to slow down; try again later",
            )
            .retry_after(*retry_after),
            GraphError::Unavailable { kind, retry_after, .. } => {
                Self::unavailable("Microsoft Graph", "graph_unavailable", *kind, *retry_after)
            }
        };
        log(&error, problem.code);
        problem
    }
}

impl From<CacheError> for Problem {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Store(error) => error.into(),
            CacheError::Sealing(error) => {
                let (status, code) = match &error {
                    SealingError::Unavailable { .. } => {
                        (StatusCode::SERVICE_UNAVAILABLE, "sealing_key_unavailable")
                    }
                    SealingError::Unreadable { .. } | SealingError::TooLarge { .. } => {
                        (StatusCode::INTERNAL_SERVER_ERROR, "sealing_failed")
                    }
                };
                log(&error, code);
                Self::new(status, code, "your tokens cannot be opened just now; try again later")
            }
            CacheError::Erased => Self::new(
                StatusCode::CONFLICT,
                "background_access_ended",
                "background access was ended meanwhile; try again",
            ),
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let (status, code) = match &error {
            StoreError::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
            StoreError::Rejected { .. } | StoreError::SenselessCursor { .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, "store_rejected")
            }
            StoreError::TooLarge { .. } => (StatusCode::INTERNAL_SERVER_ERROR, "token_cache_too_large"),
        };
        log(&error, code);
        let detail = match status {
            StatusCode::SERVICE_UNAVAILABLE => "the token cache is not available; try again later",
            _ => "the token cache cannot be used; the operators of this API must mend it",
        };
        Self::new(status, code, detail)
    }
}

/// The error with all its causes, for the operator; the caller gets none of it.
fn log(error: &dyn StdError, code: &'static str) {
    let mut chain = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        chain.push_str(": ");
        chain.push_str(&error.to_string());
        cause = error.source();
    }
    tracing::warn!(event = "request.failed", code, error = chain);
}

/// The status and headers of a problem. Its body is written by the layer that knows the request id ([`Unwritten`]).
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(challenge) = self.challenge.and_then(|text| HeaderValue::from_str(&text).ok()) {
            headers.insert(WWW_AUTHENTICATE, challenge);
        }
        if let Some(retry_after) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(retry_after.whole_seconds().unsigned_abs().max(1)));
        }
        response.extensions_mut().insert(Unwritten {
            status: self.status,
            code: self.code,
            detail: self.detail,
        });
        response
    }
}

/// What the body of a problem will say; an extension of its response.
#[derive(Debug, Clone)]
pub(crate) struct Unwritten {
    status: StatusCode,
    pub(crate) code: &'static str,
    detail: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    r#type: &'static str,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    request_id: &'a str,
}

impl Unwritten {
    /// The body as JSON. The request id leads whoever asks for help to the log.
    pub(crate) fn write(&self, request_id: &str) -> Vec<u8> {
        let body = Body {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            request_id,
        };
        serde_json::to_vec(&body).expect("texts and a number are always JSON")
    }
}
