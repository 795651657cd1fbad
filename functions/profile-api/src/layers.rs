//! What every request passes: limits, CORS, a request id, safe headers, a line in the log.

use crate::authenticate::keep_current_beside;
use crate::code::Code;
use crate::deadline;
use crate::problem::{Problem, Unwritten};
use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use domain::counters::Count;
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, RETRY_AFTER,
    STRICT_TRANSPORT_SECURITY, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use lambda_http::RequestExt as _;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tracing::Instrument as _;
use wiring::Api;

/// No route takes a body; what is larger than this is refused unread.
const MAX_BODY_BYTES: u64 = 16 * 1024;

/// The most that the request line and all headers may have together. API Gateway's limit is 10 KB.
const MAX_HEADER_BYTES: usize = 64 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const FORWARDED_PROTOCOL: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Answers are data: nothing in them is to be run, shown in a frame, or told to others.
const SAFE_HEADERS: [(HeaderName, HeaderValue); 3] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];
const ONE_YEAR: HeaderValue = HeaderValue::from_static("max-age=31536000");
const NOT_KEPT: HeaderValue = HeaderValue::from_static("no-store");

/// From the inside outwards: `finish` sees every answer, those of the other layers too.
pub(crate) fn apply(router: Router, api: Arc<Api>) -> Router {
    let cors = cors(&api.cors_allowed_origins);
    let router = router
        .layer(from_fn_with_state(api.clone(), deadline::keep))
        .layer(from_fn_with_state(api.clone(), keep_current_beside))
        .layer(from_fn(refuse_large_requests))
        .layer(CatchPanicLayer::custom(panicked));
    let router = match cors {
        Some(cors) => router.layer(cors),
        None => router,
    };
    router.layer(from_fn_with_state(api, finish))
}

/// CORS for hosts without API Gateway in front; `None` leaves it to the gateway.
fn cors(allowed_origins: &[String]) -> Option<CorsLayer> {
    let origins: Vec<HeaderValue> = allowed_origins.iter().filter_map(|origin| origin.parse().ok()).collect();
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::DELETE])
            .allow_headers([AUTHORIZATION, CONTENT_TYPE])
            .expose_headers([WWW_AUTHENTICATE, RETRY_AFTER, REQUEST_ID])
            .max_age(Duration::from_hours(1))
    })
}

async fn refuse_large_requests(request: Request, next: Next) -> Response {
    if header_bytes(&request) > MAX_HEADER_BYTES {
        let detail = format!("request line and headers must have less than {MAX_HEADER_BYTES} bytes");
        return Problem::new(Code::HeadersTooLarge, detail).into_response();
    }
    let size = request.body().size_hint();
    if size.lower().max(size.exact().unwrap_or_default()) > MAX_BODY_BYTES {
        let detail = format!("no route takes a body, and certainly none above {MAX_BODY_BYTES} bytes");
        return Problem::new(Code::BodyTooLarge, detail).into_response();
    }
    next.run(request).await
}

fn header_bytes(request: &Request) -> usize {
    let uri = request.uri();
    let headers = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    uri.path().len() + uri.query().map_or(0, str::len) + headers.sum::<usize>()
}

/// Gives the answer its request id and headers, and the log and the metrics their lines.
async fn finish(State(api): State<Arc<Api>>, request: Request, next: Next) -> Response {
    let request_id = request
        .lambda_context_ref()
        .map_or_else(|| uuid::Uuid::new_v4().to_string(), |context| context.request_id.clone());
    let method = request.method().clone();
    let behind_tls = request.headers().get(FORWARDED_PROTOCOL).is_some_and(|protocol| protocol == "https");
    let route = request
        .extensions()
        .get::<axum::extract::MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |path| path.as_str().to_owned());
    // Of the highest level, so that lines of any level carry the id.
    let span = tracing::error_span!("request", request.id = %request_id);
    let mut response = next.run(request).instrument(span.clone()).await;
    let problem = response.extensions_mut().remove::<Unwritten>();
    if let Some(problem) = &problem {
        *response.body_mut() = Body::from(problem.write(&request_id));
    }
    tracing::info!(
        parent: &span,
        event = "request.answered",
        http.method = %method,
        http.route = route,
        http.status = response.status().as_u16(),
        code = problem.map(|problem| problem.code.as_str()),
    );
    complete(response.headers_mut(), &request_id, behind_tls);
    api.services.metrics.count(answered(response.status()));
    span.in_scope(|| api.services.metrics.publish());
    response
}

fn answered(status: StatusCode) -> Count {
    if status.is_server_error() {
        Count::Answered5xx
    } else if status.is_client_error() {
        Count::Answered4xx
    } else {
        Count::Answered2xx
    }
}

fn complete(headers: &mut HeaderMap, request_id: &str, behind_tls: bool) {
    headers.extend(SAFE_HEADERS);
    headers.entry(CACHE_CONTROL).or_insert(NOT_KEPT);
    if behind_tls {
        headers.insert(STRICT_TRANSPORT_SECURITY, ONE_YEAR);
    }
    if let Ok(request_id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, request_id);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the payload over")]
fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(event = "request.panicked", message);
    Problem::new(Code::InternalError, "something went wrong on our side").into_response()
}
