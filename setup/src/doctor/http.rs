//! One request and its whole answer.

use crate::causes::with_causes;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// The largest answer that is read: 256 KiB.
const MAX_BODY_BYTES: usize = 256 * 1024;
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The error is for people, and says nothing of the address.
pub(super) async fn send(request: RequestBuilder) -> Result<Answer, String> {
    let no_answer = |error: outbound_http::NoAnswer| with_causes(&error);
    let response = request.timeout(TIMEOUT).send().await.map_err(|error| no_answer(error.into()))?;
    let headers = response.headers().clone();
    let answer = outbound_http::read(response, MAX_BODY_BYTES).await.map_err(no_answer)?;
    Ok(Answer { status: answer.status, headers, body: answer.body })
}
