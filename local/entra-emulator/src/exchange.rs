//! The layer around every Entra ID and Graph request: CORS, scenarios, error bodies, the request log.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use uuid::Uuid;

use crate::emulator::Emulator;
use crate::entra_error::{EntraError, TraceIds, timestamp};
use crate::graph::error::GraphError;
use crate::parameters::Parameters;
use crate::request_log::LoggedRequest;
use crate::scenarios::{Service, Strike};

/// The largest request body that is read: 64 KiB. Assertions are a few KiB.
const BODY_LIMIT: usize = 64 * 1024;

/// What a handler learns about the request and the log should show.
#[derive(Clone, Default)]
pub(crate) struct Note(Arc<NoteFields>);

#[derive(Default)]
struct NoteFields {
    user: OnceLock<String>,
    client_id: OnceLock<String>,
    error: OnceLock<String>,
}

impl Note {
    pub(crate) fn user(&self, name: &str) {
        let _ = self.0.user.set(name.to_owned());
    }

    pub(crate) fn client(&self, id: impl std::fmt::Display) {
        let _ = self.0.client_id.set(format!("{id}"));
    }

    /// For errors that go to the browser as a page or a redirect, where the status does not tell.
    pub(crate) fn error(&self, code: u32) {
        let _ = self.0.error.set(format!("AADSTS{code}"));
    }
}

pub(crate) async fn entra(State(emulator): State<Emulator>, request: Request, next: Next) -> Response {
    exchange(emulator, Service::Entra, request, next).await
}

pub(crate) async fn graph(State(emulator): State<Emulator>, request: Request, next: Next) -> Response {
    exchange(emulator, Service::Graph, request, next).await
}

async fn exchange(emulator: Emulator, service: Service, request: Request, next: Next) -> Response {
    let started = Instant::now();
    if request.method() == Method::OPTIONS {
        return preflight(request.headers());
    }
    let correlation = client_request_id(&request);
    let throttle_priority = header_text(request.headers(), "x-ms-throttle-priority");
    let ids = TraceIds {
        trace_id: Uuid::new_v4().to_string(),
        correlation_id: correlation.clone().unwrap_or_else(|| Uuid::new_v4().to_string()),
        timestamp: timestamp(emulator.now()),
    };
    let note = Note::default();

    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let (kind, strike, answer) = match to_bytes(body, BODY_LIMIT).await {
        Err(_) => {
            let kind = kind_of(service, &parts.method, &path, &Bytes::new());
            (kind, None, too_large(service))
        }
        Ok(body) => {
            let kind = kind_of(service, &parts.method, &path, &body);
            let now = emulator.now();
            let (delay_ms, strike) = emulator.shared.with_scenarios(|scenarios| {
                let counted = scenarios.count_tenants(service);
                let tenant = if counted { tenant_of(service, &parts) } else { String::new() };
                (scenarios.delay_ms(service, kind), scenarios.strike(service, kind, &tenant, now))
            });
            if delay_ms > 0 {
                tokio::time::sleep(Duration::from_millis(delay_ms)).await;
            }
            let answer = if let Some(strike) = strike {
                struck(service, strike)
            } else {
                parts.extensions.insert(note.clone());
                parts.extensions.insert(ids.clone());
                next.run(Request::from_parts(parts, Body::from(body))).await
            };
            (kind, strike, answer)
        }
    };

    let (mut response, error) = with_error_body(answer, &ids, &emulator);
    add_headers(service, &mut response, &ids);
    emulator.shared.log(LoggedRequest {
        number: 0,
        time: emulator.now(),
        kind: kind.to_owned(),
        user: note.0.user.get().cloned(),
        client_id: note.0.client_id.get().cloned(),
        status: response.status().as_u16(),
        error: error.or_else(|| note.0.error.get().cloned()),
        ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        scenario: strike.is_some(),
        client_request_id: correlation,
        throttle_priority,
    });
    response
}

/// The names of the request log and the counters.
fn kind_of(service: Service, method: &Method, path: &str, body: &Bytes) -> &'static str {
    if service == Service::Graph {
        return match path {
            "/graph/v1.0/me" | "/graph/v1.0/me/" => "graph.me",
            "/graph/oidc/userinfo" => "graph.userinfo",
            _ if below(path, "applications") => "graph.applications",
            _ if below(path, "servicePrincipals") => "graph.service_principals",
            _ if below(path, "oauth2PermissionGrants") => "graph.grants",
            _ if below(path, "directory/deletedItems") => "graph.deleted_items",
            _ if below(path, "organization") => "graph.organization",
            _ => "graph.other",
        };
    }
    if path.ends_with("/oauth2/v2.0/token") {
        let form = Parameters::parse(body);
        return match form.first("grant_type") {
            Some("authorization_code") => "token.authorization_code",
            Some("refresh_token") => "token.refresh",
            Some("urn:ietf:params:oauth:grant-type:jwt-bearer") => "token.on_behalf_of",
            Some("urn:ietf:params:oauth:grant-type:device_code") => "token.device_code",
            Some("client_credentials") => "token.client_credentials",
            _ => "token.other",
        };
    }
    match path.rsplit('/').next().unwrap_or_default() {
        "openid-configuration" | "instance" => "discovery",
        "keys" => "keys",
        "authorize" if method == Method::POST => "sign_in",
        "authorize" => "authorize",
        "devicecode" => "device_code",
        "devicelogin" => "device_login",
        "logout" => "logout",
        _ => "other",
    }
}

/// Whether a Graph path is that of a collection, of one of its objects, or of something below that.
fn below(path: &str, collection: &str) -> bool {
    let rest = path.strip_prefix("/graph/v1.0/").and_then(|path| path.strip_prefix(collection));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '(']))
}

/// Whose request it is: Entra ID has it in the address, Graph in the token, which is not verified for this. Empty where it
/// cannot be told.
fn tenant_of(service: Service, request: &Parts) -> String {
    if service == Service::Entra {
        return request.uri.path().split('/').nth(1).unwrap_or_default().to_ascii_lowercase();
    }
    let token = request.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let claims = token.and_then(|token| URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok());
    let claims = claims.and_then(|claims| serde_json::from_slice::<Value>(&claims).ok());
    claims.and_then(|claims| claims["tid"].as_str().map(str::to_owned)).unwrap_or_default()
}

fn client_request_id(request: &Request) -> Option<String> {
    let sent = header_text(request.headers(), "client-request-id").or_else(|| {
        Parameters::parse(request.uri().query().unwrap_or_default().as_bytes())
            .first("client-request-id")
            .map(str::to_owned)
    })?;
    // Like Entra ID, echo nothing that is not a GUID.
    Uuid::try_parse(&sent).ok().map(|id| id.to_string())
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(|text| text.chars().take(128).collect())
}

fn too_large(service: Service) -> Response {
    match service {
        Service::Entra => {
            let message = format!("The request is larger than {BODY_LIMIT} bytes.");
            EntraError::invalid_request(90_023, message)
                .with_status(StatusCode::PAYLOAD_TOO_LARGE)
                .into_response()
        }
        Service::Graph => GraphError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            format!("The request is larger than {BODY_LIMIT} bytes."),
        )
        .into_response(),
    }
}

fn struck(service: Service, strike: Strike) -> Response {
    if strike == Strike::Garbage {
        let page = "<html><head><title>Service</title></head><body>We are working on it.</body></html>";
        return ([(header::CONTENT_TYPE, "text/html; charset=utf-8")], page).into_response();
    }
    match service {
        Service::Entra => entra_strike(strike).into_response(),
        Service::Graph => graph_strike(strike).into_response(),
    }
}

fn entra_strike(strike: Strike) -> EntraError {
    match strike {
        Strike::Throttle { retry_after_seconds } => EntraError {
            retry_after_seconds,
            ..EntraError::new(
                "temporarily_unavailable",
                90_055,
                "There are too many incoming requests to the server. Please retry later.",
            )
            .with_status(StatusCode::TOO_MANY_REQUESTS)
        },
        Strike::Fail { status, retry_after_seconds } => {
            let error = if status == 503 { "temporarily_unavailable" } else { "server_error" };
            EntraError {
                retry_after_seconds,
                ..EntraError::new(error, 90_033, "A transient error has occurred. Please try again.")
                    .with_status(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
            }
        }
        Strike::LoopDetected | Strike::Garbage => EntraError::invalid_grant(
            50_196,
            "The server terminated an operation because it encountered a client request loop. Please contact your \
             app vendor.",
        ),
    }
}

fn graph_strike(strike: Strike) -> GraphError {
    match strike {
        Strike::Throttle { retry_after_seconds } => GraphError {
            retry_after_seconds,
            ..GraphError::new(StatusCode::TOO_MANY_REQUESTS, "TooManyRequests", "Please retry again later.")
        },
        Strike::Fail { status, retry_after_seconds } => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let (code, message) = match status {
                StatusCode::SERVICE_UNAVAILABLE => {
                    ("serviceNotAvailable", "The service is temporarily unavailable.")
                }
                StatusCode::GATEWAY_TIMEOUT => ("UnknownError", "The server did not answer in time."),
                _ => ("generalException", "An unexpected error occurred."),
            };
            GraphError { retry_after_seconds, ..GraphError::new(status, code, message) }
        }
        Strike::LoopDetected | Strike::Garbage => GraphError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "generalException",
            "An unexpected error occurred.",
        ),
    }
}

fn with_error_body(mut answer: Response, ids: &TraceIds, emulator: &Emulator) -> (Response, Option<String>) {
    if let Some(error) = answer.extensions_mut().remove::<EntraError>() {
        let body = Json(error.body(ids, emulator.public_url()));
        let mut response = (error.status, body).into_response();
        set_retry_after(&mut response, error.retry_after_seconds);
        return (response, Some(format!("AADSTS{}", error.code)));
    }
    if let Some(error) = answer.extensions_mut().remove::<GraphError>() {
        let mut response = (error.status, Json(error.body(ids))).into_response();
        set_retry_after(&mut response, error.retry_after_seconds);
        if error.status == StatusCode::TOO_MANY_REQUESTS {
            let headers = response.headers_mut();
            headers.insert("x-ms-throttle-scope", HeaderValue::from_static("Application/ReadWrite"));
            headers
                .insert("x-ms-throttle-information", HeaderValue::from_static("ResourceUnitLimitExceeded"));
        }
        if let Some(challenge) = error.challenge.as_deref().and_then(|text| HeaderValue::from_str(text).ok())
        {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        return (response, Some(error.code.to_owned()));
    }
    (answer, None)
}

fn set_retry_after(response: &mut Response, seconds: Option<u32>) {
    if let Some(seconds) = seconds {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

const EXPOSED: &str =
    "Content-Length,Retry-After,WWW-Authenticate,ETag,request-id,client-request-id,x-ms-request-id";

fn preflight(headers: &HeaderMap) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let answer = response.headers_mut();
    answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    answer.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST, OPTIONS"));
    answer.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    if let Some(requested) = headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, requested.clone());
    }
    response
}

fn add_headers(service: Service, response: &mut Response, ids: &TraceIds) {
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store, no-cache"));
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let request_id = match service {
        Service::Entra => "x-ms-request-id",
        Service::Graph => "request-id",
    };
    for (name, value) in [(request_id, &ids.trace_id), ("client-request-id", &ids.correlation_id)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
}
