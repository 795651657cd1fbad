//! The side of the runtime API that Lambda has: hands out invocations and takes what became of them.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, oneshot, watch};

/// Lambda's limit of an answer: 6 MB.
const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;

/// An invocation as the program gets it.
#[derive(Debug)]
pub(crate) struct Handed {
    pub(crate) request_id: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) event: Value,
    pub(crate) answer: oneshot::Sender<Ended>,
}

/// What the program said.
#[derive(Debug)]
pub(crate) enum Ended {
    Answered(Value),
    Failed(FunctionError),
}

/// The body of `…/error`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct FunctionError {
    pub(crate) error_type: String,
    pub(crate) error_message: String,
}

impl Default for FunctionError {
    fn default() -> Self {
        Self { error_type: "Unknown".to_owned(), error_message: String::new() }
    }
}

/// The runtime API of one environment.
#[derive(Clone)]
pub(crate) struct RuntimeApi(Arc<Shared>);

struct Shared {
    waiting: tokio::sync::Mutex<mpsc::Receiver<Handed>>,
    /// The id of the invocation that the program has, and who waits for its end.
    current: Mutex<Option<(String, oneshot::Sender<Ended>)>>,
    init_error: Mutex<Option<FunctionError>>,
    /// Whether the program has asked for an invocation yet.
    asked: watch::Sender<bool>,
}

impl RuntimeApi {
    pub(crate) fn new(waiting: mpsc::Receiver<Handed>) -> Self {
        let waiting = tokio::sync::Mutex::new(waiting);
        Self(Arc::new(Shared {
            waiting,
            current: Mutex::default(),
            init_error: Mutex::default(),
            asked: watch::Sender::new(false),
        }))
    }

    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .with_state(self.clone())
    }

    /// Why the program gave up before its first invocation.
    pub(crate) fn init_error(&self) -> Option<String> {
        let error = self.0.init_error.lock().unwrap_or_else(PoisonError::into_inner);
        error.as_ref().map(|error| format!("{}: {}", error.error_type, error.error_message))
    }

    /// Turns true when the program asks for its first invocation.
    pub(crate) fn asked(&self) -> watch::Receiver<bool> {
        self.0.asked.subscribe()
    }

    fn end(&self, id: &str, ended: Ended) -> StatusCode {
        let mut current = self.0.current.lock().unwrap_or_else(PoisonError::into_inner);
        match current.take_if(|(current, _)| current == id) {
            Some((_, answer)) => {
                // Whoever waited may have given up at the end of the time limit.
                let _ = answer.send(ended);
                StatusCode::ACCEPTED
            }
            None => StatusCode::BAD_REQUEST,
        }
    }
}

async fn next(State(api): State<RuntimeApi>) -> Response {
    api.0.asked.send_replace(true);
    let handed = api.0.waiting.lock().await.recv().await;
    let Some(Handed { request_id, headers, event, answer }) = handed else {
        // The environment is going down: its process waits until it is ended, as at Lambda.
        return std::future::pending().await;
    };
    let mut response = Json(event).into_response();
    let id = ("lambda-runtime-aws-request-id", request_id.clone());
    for (name, value) in headers.into_iter().chain([id]) {
        if let Ok(value) = value.try_into() {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    *api.0.current.lock().unwrap_or_else(PoisonError::into_inner) = Some((request_id, answer));
    response
}

async fn response(State(api): State<RuntimeApi>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    let ended = match serde_json::from_slice(&body) {
        Ok(answer) => Ended::Answered(answer),
        Err(error) => Ended::Failed(FunctionError {
            error_type: "Runtime.InvalidResponse".to_owned(),
            error_message: format!("the answer is not JSON: {error}"),
        }),
    };
    api.end(&id, ended)
}

async fn error(State(api): State<RuntimeApi>, Path(id): Path<String>, body: Bytes) -> StatusCode {
    api.end(&id, Ended::Failed(serde_json::from_slice(&body).unwrap_or_default()))
}

async fn init_error(State(api): State<RuntimeApi>, body: Bytes) -> StatusCode {
    let error = serde_json::from_slice(&body).unwrap_or_default();
    *api.0.init_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    StatusCode::ACCEPTED
}
