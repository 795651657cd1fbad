//! Every failure as `application/problem+json` (RFC 9457) with a stable `code`, and as a challenge (RFC 6750 §3) where the
//! caller's token is the matter. This is also where a failure is logged, once.

use crate::code::Code;
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

/// Without any keys, the authority is asked again after a second.
const KEYS_RETRY_AFTER: Duration = Duration::seconds(1);

/// A failure as the caller sees it.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: Code,
    detail: String,
    challenge: Option<String>,
    retry_after: Option<Duration>,
}

impl Problem {
    /// With the code's usual status.
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { status: code.statuses()[0], code, detail: detail.into(), challenge: None, retry_after: None }
    }

    /// 401 `invalid_token`: a new token can help. `code` is the validator's word.
    pub(crate) fn invalid_token(code: &'static str, detail: &str) -> Self {
        Self::sign_in_again(Code::Refused(code), detail)
    }

    fn sign_in_again(code: Code, detail: &str) -> Self {
        let challenge = format!(r#"Bearer error="invalid_token", error_description="{detail}""#);
        Self { challenge: Some(challenge), ..Self::new(code, detail) }
    }

    /// 403 `insufficient_scope`: the same user with more permissions can.
    pub(crate) fn insufficient_scope(scopes: &[&str]) -> Self {
        let scopes = scopes.join(" ");
        let detail = format!("the token has none of the permissions that this route takes: {scopes}");
        let challenge = format!(r#"Bearer error="insufficient_scope", scope="{scopes}""#);
        Self { challenge: Some(challenge), ..Self::new(Code::InsufficientScope, detail) }
    }

    /// 401 `insufficient_claims`, which MSAL answers by signing in interactively with the claims.
    fn insufficient_claims(claims: &str) -> Self {
        let encoded = BASE64_STANDARD.encode(claims);
        let challenge = format!(r#"Bearer error="insufficient_claims", claims="{encoded}""#);
        let detail =
            "Microsoft asks for more proof of who you are: sign in with the claims of this challenge";
        Self { challenge: Some(challenge), ..Self::new(Code::InsufficientClaims, detail) }
    }

    fn retry_after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }

    fn unavailable(
        service: &'static str,
        code: Code,
        kind: UnavailableKind,
        retry_after: Option<Duration>,
    ) -> Self {
        let (status, what) = match kind {
            UnavailableKind::BadAnswer => (StatusCode::BAD_GATEWAY, "gave an answer that cannot be used"),
            UnavailableKind::Down => (StatusCode::SERVICE_UNAVAILABLE, "is not available"),
            UnavailableKind::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "took too long to answer"),
        };
        let detail = format!("{service} {what}; try again later");
        Self { status, ..Self::new(code, detail) }.retry_after(retry_after)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            // RFC 6750 §3.1: without a token no error is named.
            Refusal::Missing => Self {
                challenge: Some("Bearer".to_owned()),
                ..Self::new(Code::MissingToken, refusal.to_string())
            },
            Refusal::Invalid { code, detail } => Self::invalid_token(code, detail),
            Refusal::Forbidden { code, detail } => {
                Self { status: StatusCode::FORBIDDEN, ..Self::new(Code::Refused(code), detail) }
            }
            Refusal::KeysUnavailable { .. } => {
                log(&refusal, Code::KeysUnavailable);
                Self::new(Code::KeysUnavailable, refusal.to_string()).retry_after(Some(KEYS_RETRY_AFTER))
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
                Self::sign_in_again(Code::MissingTokens, "sign in again")
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
                Self::sign_in_again(
                    Code::ConsentRequired,
                    "sign in again and consent to what this app asks for",
                )
            }
            TokenError::UserNeeded { .. } => {
                Self::sign_in_again(Code::InteractionRequired, "sign in again: Microsoft asks for it")
            }
            TokenError::StaleAssertion { .. } => Self::sign_in_again(
                Code::StaleToken,
                "send a fresh access token; this one can no longer be used",
            ),
            TokenError::ApplicationRejected { .. } => Self::new(
                Code::ApplicationRejected,
                "Microsoft rejected this app's own sign-in; its operators must mend it",
            ),
            TokenError::Throttled { retry_after, .. } => {
                Self::new(Code::Throttled, "Microsoft asks to slow down; try again later")
                    .retry_after(*retry_after)
            }
            TokenError::Unavailable { kind, retry_after, .. } => {
                Self::unavailable("Microsoft Entra ID", Code::EntraUnavailable, *kind, *retry_after)
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
                Self::sign_in_again(Code::InteractionRequired, "sign in again: Microsoft Graph asks for it")
            }
            GraphError::Forbidden { .. } => {
                Self::new(Code::GraphForbidden, "Microsoft Graph does not let this app read your profile")
            }
            GraphError::Throttled { retry_after } => {
                Self::new(Code::Throttled, "Microsoft asks to slow down; try again later")
                    .retry_after(*retry_after)
            }
            GraphError::Unavailable { kind, retry_after, .. } => {
                Self::unavailable("Microsoft Graph", Code::GraphUnavailable, *kind, *retry_after)
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
                let code = match &error {
                    SealingError::Unavailable { .. } => Code::SealingKeyUnavailable,
                    SealingError::Unreadable { .. } | SealingError::TooLarge { .. } => Code::SealingFailed,
                };
                log(&error, code);
                Self::new(code, "your tokens cannot be opened just now; try again later")
            }
            CacheError::Erased => {
                Self::new(Code::BackgroundAccessEnded, "background access was ended meanwhile; try again")
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Unavailable { .. } => Code::StoreUnavailable,
            StoreError::Rejected { .. } | StoreError::SenselessCursor { .. } => Code::StoreRejected,
            StoreError::TooLarge { .. } => Code::TokenCacheTooLarge,
        };
        log(&error, code);
        let detail = match code {
            Code::StoreUnavailable => "the token cache is not available; try again later",
            _ => "the token cache cannot be used; the operators of this API must mend it",
        };
        Self::new(code, detail)
    }
}

/// The error with all its causes, for the operator; the caller gets none of it.
fn log(error: &dyn StdError, code: Code) {
    let mut chain = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        chain.push_str(": ");
        chain.push_str(&error.to_string());
        cause = error.source();
    }
    tracing::warn!(event = "request.failed", code = code.as_str(), error = chain);
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
    pub(crate) code: Code,
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
            code: self.code.as_str(),
            request_id,
        };
        serde_json::to_vec(&body).expect("texts and a number are always JSON")
    }
}
