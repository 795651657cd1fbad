//! The signed-in user's profile (<https://learn.microsoft.com/graph/api/user-get>).

use crate::challenge;
use async_trait::async_trait;
use domain::error::{GraphError, UnavailableKind};
use domain::ports::{FetchedProfile, ProfileReader, Requester};
use domain::profile::Profile;
use domain::token::AccessToken;
use outbound_http::{Answer, NoAnswer};
use reqwest::StatusCode;
use reqwest::header::{ACCEPT, AUTHORIZATION, ETAG, HeaderValue};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use url::Url;
use uuid::Uuid;

/// The largest answer that is read: 256 KiB. Nine properties of a user need about 1 KiB.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// The longest entity tag that is kept.
const MAX_ETAG_BYTES: usize = 256;

/// Reads profiles from Graph `/me` with delegated permissions (`User.Read`). Each call is one request, and a second
/// one only where a kept connection was dead.
pub struct GraphProfileReader {
    client: reqwest::Client,
    url: Url,
    timeout: Duration,
}

impl GraphProfileReader {
    /// `base_url` includes the version, such as `https://graph.microsoft.com/v1.0`; `timeout` is that of one whole request;
    /// `client` must not follow redirects.
    pub fn new(client: reqwest::Client, base_url: &Url, timeout: Duration) -> Self {
        let mut url = base_url.clone();
        url.set_path(&format!("{}/me", url.path().trim_end_matches('/')));
        url.set_query(Some(&format!("$select={}", Profile::PROPERTIES.join(","))));
        Self { client, url, timeout }
    }
}

#[async_trait]
impl ProfileReader for GraphProfileReader {
    async fn me(&self, token: &AccessToken, requester: Requester<'_>) -> Result<FetchedProfile, GraphError> {
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", token.expose()))
            .map_err(|_| GraphError::Unauthorized { claims: None })?;
        authorization.set_sensitive(true);
        let (priority, request_id) = match requester {
            Requester::User => ("high", Uuid::new_v4()),
            Requester::Turn { idempotency_key } => ("low", request_id(idempotency_key)),
        };
        let request = self
            .client
            .get(self.url.clone())
            .header(AUTHORIZATION, authorization)
            .header(ACCEPT, "application/json")
            .header("x-ms-throttle-priority", priority)
            .header("client-request-id", request_id.to_string());
        let response = outbound_http::send(request, self.timeout);
        let response = response.await.map_err(|error| no_answer(error.into()))?;
        let headers = response.headers().clone();
        let answer = outbound_http::read(response, MAX_BODY_BYTES).await.map_err(no_answer)?;
        match answer.status {
            StatusCode::OK => {
                let etag = headers.get(ETAG).and_then(|value| value.to_str().ok());
                profile(&answer.body, etag)
            }
            StatusCode::UNAUTHORIZED => Err(GraphError::Unauthorized { claims: challenge::claims(&headers) }),
            _ => Err(refused(&answer)),
        }
    }
}

/// The same for every repetition of a turn, so that Graph's logs show one piece of work as one: a name-based UUID (RFC 9562
/// §5.8) that is the beginning of the key's SHA-256.
fn request_id(idempotency_key: &str) -> Uuid {
    let digest = Sha256::digest(idempotency_key);
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Reads a user. An answer without any of the properties that were asked for is not one.
fn profile(body: &[u8], etag: Option<&str>) -> Result<FetchedProfile, GraphError> {
    let bad_answer = || unavailable("a user in JSON", UnavailableKind::BadAnswer, None);
    let user: Map<String, Value> = serde_json::from_slice(body).map_err(|_| bad_answer())?;
    if !Profile::PROPERTIES.iter().any(|name| user.contains_key(*name)) {
        return Err(bad_answer());
    }
    let etag = user.get("@odata.etag").and_then(Value::as_str).or(etag);
    let etag = etag.filter(|etag| (1..=MAX_ETAG_BYTES).contains(&etag.len())).map(str::to_owned);
    let profile = serde_json::from_value(Value::Object(user)).map_err(|_| bad_answer())?;
    Ok(FetchedProfile { profile, etag })
}

fn refused(answer: &Answer) -> GraphError {
    let retry_after = answer.retry_after;
    match answer.status {
        // 404: the user no longer exists; other accounts are not touched by that.
        StatusCode::FORBIDDEN | StatusCode::NOT_FOUND => GraphError::Forbidden {
            code: error_code(&answer.body).unwrap_or_else(|| answer.status.as_str().to_owned()),
        },
        StatusCode::TOO_MANY_REQUESTS => GraphError::Throttled { retry_after },
        StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => {
            unavailable("an answer in time", UnavailableKind::TimedOut, retry_after)
        }
        status if status.is_server_error() => unavailable("a user", UnavailableKind::Down, retry_after),
        _ => unavailable("a user or an error that is known", UnavailableKind::BadAnswer, retry_after),
    }
}

/// `error.code` of Graph's error body (<https://learn.microsoft.com/graph/errors>), up to 64 letters, digits, `_`, `-`, `.`.
fn error_code(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let code = body.get("error")?.get("code")?.as_str()?;
    let fits = (1..=64).contains(&code.len())
        && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    fits.then(|| code.to_owned())
}

fn no_answer(error: NoAnswer) -> GraphError {
    let (expected, kind) = match &error {
        NoAnswer::TimedOut(_) => ("an answer in time", UnavailableKind::TimedOut),
        NoAnswer::Unreachable(_) => ("a connection", UnavailableKind::Down),
        NoAnswer::TooLarge { .. } => ("an answer of a usual size", UnavailableKind::BadAnswer),
    };
    GraphError::Unavailable { expected, kind, retry_after: None, source: Some(Box::new(error)) }
}

fn unavailable(
    expected: &'static str,
    kind: UnavailableKind,
    retry_after: Option<time::Duration>,
) -> GraphError {
    GraphError::Unavailable { expected, kind, retry_after, source: None }
}
