//! What every request passes: size limit, CORS, a request id, safe headers, a line in the log.

use crate::problem::{Problem, Unwritten};
use axum::Router;
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use http::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use lambda_http::RequestExt as _;
use std::any::Any;
use std::time::Duration;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tracing::Instrument as _;

/// No route takes a body; what is larger than this is refused unread.
const MAX_BODY_BYTES: u64 = 16 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// CORS for hosts without API Gateway in front; `None` leaves it to the gateway.
pub(crate) fn cors(allowed_origins: &[String]) -> Option<CorsLayer> {
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

pub(crate) fn apply(router: Router, cors: Option<CorsLayer>) -> Router {
    let router = router
        .layer(from_fn(refuse_large_bodies))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(finish));
    match cors {
        Some(cors) => router.layer(cors),
        None => router,
    }
}

async fn refuse_large_bodies(request: Request, next: Next) -> Response {
    let size = request.body().size_hint();
    if size.lower().max(size.exact().unwrap_or_default()) > MAX_BODY_BYTES {
        let detail = format!("no route takes a body, and certainly none above {MAX_BODY_BYTES} bytes");
        return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail).into_response();
    }
    next.run(request).await
}

/// Gives the answer its request id and headers, and the log its line.
async fn finish(request: Request, next: Next) -> Response {
    let request_id = request
        .lambda_context_ref()
        .map_or_else(|| uuid::Uuid::new_v4().to_string(), |context| context.request_id.clone());
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<axum::extract::MatchedPath>()
        .map_or_else(|| "unknown".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!("request", request.id = %request_id);
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
        code = problem.map(|problem| problem.code),
    );
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Ok(request_id) = HeaderValue::from_str(&request_id) {
        headers.insert(REQUEST_ID, request_id);
    }
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the payload over")]
fn panicked(payload: Box<dyn Any + Send>) -> Response {
    let message = payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    tracing::error!(event = "request.panicked", message);
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", "something went wrong on our side")
        .into_response()
}
