//! The database of a lab: a DynamoDB-compatible server behind a door that counts, and can be shut.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) url: String,
    door: Arc<Door>,
}

struct Door {
    behind: String,
    http: reqwest::Client,
    counts: Mutex<BTreeMap<String, u64>>,
    consumed: Mutex<Vec<Consumed>>,
    shut: AtomicBool,
}

/// What the server says that a request which it carried out consumed of the table and its indexes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Consumed {
    pub(crate) operation: String,
    /// The index that a query reads; `None` is the table.
    pub(crate) index: Option<String>,
    pub(crate) status: u16,
    /// Of reading or writing, by the operation. `None` when the server says nothing, as with a refused condition.
    pub(crate) units: Option<f64>,
}

impl Database {
    /// Before a server of its own, in memory.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let behind = format!("http://{}/", listener.local_addr().unwrap());
        let database = dynoxide::Database::memory().unwrap();
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()));
        Self::before(behind).await
    }

    /// Before the server at this address.
    pub(crate) async fn before(behind: String) -> Self {
        let door = Arc::new(Door {
            behind,
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            counts: Mutex::default(),
            consumed: Mutex::default(),
            shut: AtomicBool::new(false),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(pass)).with_state(door.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, door }
    }

    /// Requests per operation since the last call of this.
    pub(crate) fn take_counts(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut self.door.counts.lock().unwrap())
    }

    /// What each request consumed since the last call of this, in their order.
    pub(crate) fn take_consumed(&self) -> Vec<Consumed> {
        std::mem::take(&mut self.door.consumed.lock().unwrap())
    }

    /// Answers 500 to everything, or no more.
    pub(crate) fn shut(&self, shut: bool) {
        self.door.shut.store(shut, Ordering::Relaxed);
    }
}

async fn pass(State(door): State<Arc<Door>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers["x-amz-target"].to_str().unwrap();
    let operation = target.rsplit('.').next().unwrap().to_owned();
    *door.counts.lock().unwrap().entry(operation.clone()).or_default() += 1;
    if door.shut.load(Ordering::Relaxed) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let mut asked: Value = serde_json::from_slice(&body).unwrap();
    let on_items = ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"];
    if on_items.contains(&operation.as_str()) {
        asked["ReturnConsumedCapacity"] = "INDEXES".into();
    }
    // The body is no longer the one that was signed; servers on this machine do not look.
    let mut request = door.http.post(&door.behind).body(asked.to_string());
    for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let answer = request.send().await.unwrap();
    let status = answer.status();
    let kept = [header::CONTENT_TYPE.as_str(), "x-amz-crc32", "x-amzn-requestid"];
    let headers: HeaderMap = answer
        .headers()
        .iter()
        .filter(|(name, _)| kept.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let answered = answer.bytes().await.unwrap();
    if on_items.contains(&operation.as_str()) {
        let units = serde_json::from_slice(&answered)
            .ok()
            .and_then(|body: Value| body["ConsumedCapacity"]["CapacityUnits"].as_f64());
        let index = asked["IndexName"].as_str().map(str::to_owned);
        let consumed = Consumed { operation, index, status: status.as_u16(), units };
        door.consumed.lock().unwrap().push(consumed);
    }
    (status, headers, answered).into_response()
}
