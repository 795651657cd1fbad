//! One Lambda invocation through the router.

use axum::Router;
use http::Response;
use lambda_http::{Body, Error, Request};
use tower::ServiceExt as _;

/// Answers one API Gateway request. All our answers are JSON text, which the gateway takes without base64.
pub async fn answer(router: Router, request: Request) -> Result<Response<Body>, Error> {
    let (parts, body) = router.oneshot(request).await?.into_parts();
    let bytes = axum::body::to_bytes(body, MAX_ANSWER_BYTES).await?;
    let body = if bytes.is_empty() { Body::Empty } else { Body::Text(String::from_utf8(bytes.into())?) };
    Ok(Response::from_parts(parts, body))
}

/// Far above anything that we answer, and below Lambda's own limit of 6 MB.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
