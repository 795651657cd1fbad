//! What stands between the program and the emulator's Graph, and fails on demand.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Json;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// What happens to requests to Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// From the request of this number on, nothing gets through: the program was ended there.
    CutBefore(usize),
    /// The request of this number is done, but its answer and everything after it is lost.
    CutAfter(usize),
    /// Each request is refused with this status the first time it is made.
    FirstTry(StatusCode),
    /// Deleted items are shown to administrators only.
    HiddenDeletedItems,
    /// The first request of each kind about something below an object is not known yet, twice.
    NotKnownYet,
}

/// One request to Graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
}

#[derive(Default)]
struct Inner {
    fault: Option<Fault>,
    seen: Vec<Seen>,
    tries: HashMap<String, u32>,
}

/// The door, which the tests hold open or shut.
#[derive(Clone, Default)]
pub(crate) struct Door(Arc<Mutex<Inner>>);

impl Door {
    /// Forgets what was seen.
    pub(crate) fn set(&self, fault: Fault) {
        *self.0.lock().unwrap() = Inner { fault: Some(fault), ..Inner::default() };
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().seen.clone()
    }

    /// Requests that change something.
    pub(crate) fn writes(&self) -> Vec<Seen> {
        self.seen().into_iter().filter(|one| one.method != Method::GET).collect()
    }

    /// What becomes of a request, and whether it is done all the same.
    fn decide(&self, method: &Method, path: &str) -> Option<(Response, bool)> {
        let mut inner = self.0.lock().unwrap();
        inner.seen.push(Seen { method: method.clone(), path: path.to_owned() });
        let number = inner.seen.len();
        let tries = inner.tries.entry(format!("{method} {path}")).or_default();
        *tries += 1;
        let tries = *tries;
        match inner.fault.unwrap_or(Fault::None) {
            Fault::CutBefore(first) if number >= first => Some((refusal(StatusCode::UNAUTHORIZED), false)),
            Fault::CutAfter(last) if number > last => Some((refusal(StatusCode::UNAUTHORIZED), false)),
            Fault::CutAfter(last) if number == last => Some((refusal(StatusCode::UNAUTHORIZED), true)),
            Fault::FirstTry(status) if tries == 1 => Some((refusal(status), false)),
            Fault::HiddenDeletedItems if path.ends_with("microsoft.graph.application") => {
                Some((refusal(StatusCode::FORBIDDEN), false))
            }
            Fault::NotKnownYet if tries <= 2 && *method != Method::GET && path.split('/').count() > 4 => {
                Some((refusal(StatusCode::NOT_FOUND), false))
            }
            _ => None,
        }
    }
}

fn refusal(status: StatusCode) -> Response {
    let body = json!({ "error": { "code": "Injected", "message": "not this time" } });
    let mut response = (status, Json(body)).into_response();
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("7"));
    }
    response
}

pub(crate) async fn pass(State(door): State<Door>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    if !path.starts_with("/graph/") {
        return next.run(request).await;
    }
    match door.decide(request.method(), &path) {
        None => next.run(request).await,
        Some((answer, is_done)) => {
            if is_done {
                next.run(request).await;
            }
            answer
        }
    }
}
