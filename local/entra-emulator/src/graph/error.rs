//! Graph's errors. <https://learn.microsoft.com/graph/errors>

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::entra_error::TraceIds;

/// A refusal, before it has its request id and date.
#[derive(Debug, Clone)]
pub(crate) struct GraphError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    pub(crate) retry_after_seconds: Option<u32>,
    /// `WWW-Authenticate`.
    pub(crate) challenge: Option<String>,
}

impl GraphError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), retry_after_seconds: None, challenge: None }
    }

    pub(crate) fn body(&self, ids: &TraceIds) -> Value {
        json!({
            "error": {
                "code": self.code,
                "message": self.message,
                "innerError": {
                    // Graph writes the date without a zone: `2026-11-22T21:55:00`.
                    "date": ids.timestamp.replace(' ', "T").trim_end_matches('Z'),
                    "request-id": ids.trace_id,
                    "client-request-id": ids.correlation_id,
                },
            },
        })
    }
}

/// The error travels as an extension: the `exchange` layer, which knows the ids, writes the body.
impl IntoResponse for GraphError {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}
