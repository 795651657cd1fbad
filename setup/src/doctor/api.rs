//! The API from outside, as a browser calls it.

use super::Check;
use super::finding::Finding;
use super::http::{Answer, send};
use reqwest::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, WWW_AUTHENTICATE,
};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use url::Url;

const HEALTH: &str = "api-health";
const CORS: &str = "api-cors";
const CHALLENGE: &str = "api-challenge";

const REACH: &str =
    "is --api-url the stack's output SpaUrl, or ApiUrl for a page elsewhere, and may this machine reach it?";

/// `origin` is that of the page, where it is known.
pub(super) fn checks(client: &Client, api: &Url, origin: Option<String>) -> Vec<Check> {
    let base = api.as_str().trim_end_matches('/').to_owned();
    let of = || (client.clone(), base.clone());
    let ((health, health_at), (cors, cors_at), (challenge, challenge_at)) = (of(), of(), of());
    vec![
        Check::new(HEALTH, async move { vec![check_health(&health, &health_at).await] }),
        Check::new(CORS, async move { vec![check_preflight(&cors, &cors_at, origin).await] }),
        Check::new(CHALLENGE, async move { vec![check_challenge(&challenge, &challenge_at).await] }),
    ]
}

async fn check_health(client: &Client, base: &str) -> Finding {
    let answer = match send(client.get(format!("{base}/api/health"))).await {
        Ok(answer) => answer,
        Err(error) => return Finding::failed(HEALTH, error, REACH),
    };
    let body = answer.json();
    let text = |name: &str| body.as_ref().and_then(|body| body.get(name)?.as_str());
    let (status, version) = (text("status"), text("version"));
    let ours = env!("CARGO_PKG_VERSION");
    match (answer.status, status, version) {
        (StatusCode::OK, Some("ok"), Some(version)) if version == ours => {
            Finding::ok(HEALTH, format!("answers, version {version}"))
        }
        (StatusCode::OK, Some("ok"), Some(version)) => Finding::warning(
            HEALTH,
            format!("answers, version {version}; these checks are of version {ours}"),
            "deploy this checkout, or check with that one's",
        ),
        (status, ..) if status.is_server_error() => Finding::failed(
            HEALTH,
            format!("expected the API's health, got HTTP {}", status.as_u16()),
            "look for `start.failed` in the function's log: it names the setting",
        ),
        (status, ..) => {
            Finding::failed(HEALTH, format!("expected the API's health, got HTTP {}", status.as_u16()), REACH)
        }
    }
}

async fn check_preflight(client: &Client, base: &str, origin: Option<String>) -> Finding {
    let Some(origin) = origin else {
        let why = "no page is known: name it with --page-url, or set CORS_ALLOWED_ORIGINS";
        return Finding::skipped(CORS, why);
    };
    // As the stack's own page has it: CloudFront serves both.
    if Url::parse(base).is_ok_and(|base| base.origin().ascii_serialization() == origin) {
        return Finding::ok(CORS, "page and API have one origin, so that a browser asks for no leave");
    }
    let request = client
        .request(Method::OPTIONS, format!("{base}/api/profile"))
        .header(ORIGIN, &origin)
        .header(ACCESS_CONTROL_REQUEST_METHOD, "GET")
        .header(ACCESS_CONTROL_REQUEST_HEADERS, "authorization");
    let fix = "put the page's origin into CorsAllowedOrigins of template.yaml (CORS_ALLOWED_ORIGINS where no API \
               Gateway is in front)";
    let answer = match send(request).await {
        Ok(answer) => answer,
        Err(error) => return Finding::failed(CORS, error, REACH),
    };
    let header = |name| answer.header(reqwest::header::HeaderName::as_str(&name)).unwrap_or_default();
    let (allowed, headers) = (header(ACCESS_CONTROL_ALLOW_ORIGIN), header(ACCESS_CONTROL_ALLOW_HEADERS));
    let takes_tokens = headers.split(',').any(|name| name.trim().eq_ignore_ascii_case("authorization"));
    if !answer.status.is_success() || allowed.is_empty() {
        let status = answer.status.as_u16();
        Finding::failed(CORS, format!("a page at {origin} may not call it (preflight: HTTP {status})"), fix)
    } else if allowed == "*" {
        Finding::warning(CORS, "pages at any origin may call it", fix)
    } else if allowed != origin {
        Finding::failed(CORS, format!("expected {origin} to be allowed, got {allowed}"), fix)
    } else if !takes_tokens {
        Finding::failed(
            CORS,
            format!("a page at {origin} may not send a token"),
            "allow the header authorization",
        )
    } else {
        Finding::ok(CORS, format!("a page at {origin} may call it"))
    }
}

/// Without a token: 401 and a challenge, from the function or from an authorizer before it.
async fn check_challenge(client: &Client, base: &str) -> Finding {
    let fix =
        "the API must not be open: is this the right address, and are the routes those of template.yaml?";
    let answer = match send(client.get(format!("{base}/api/profile"))).await {
        Ok(answer) => answer,
        Err(error) => return Finding::failed(CHALLENGE, error, REACH),
    };
    let challenge = answer.header(WWW_AUTHENTICATE.as_str()).unwrap_or_default();
    let is_bearer = challenge.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"));
    if answer.status != StatusCode::UNAUTHORIZED {
        let detail =
            format!("expected HTTP 401 without a token, got {}{}", answer.status.as_u16(), code(&answer));
        Finding::failed(CHALLENGE, detail, fix)
    } else if is_bearer {
        Finding::ok(CHALLENGE, "without a token it answers 401, and asks for one")
    } else {
        Finding::failed(CHALLENGE, "HTTP 401 without a challenge `WWW-Authenticate: Bearer`", fix)
    }
}

/// The problem's code, where there is one.
fn code(answer: &Answer) -> String {
    let code = answer.json().and_then(|body| body.get("code").and_then(Value::as_str).map(str::to_owned));
    code.map(|code| format!(" ({code})")).unwrap_or_default()
}
