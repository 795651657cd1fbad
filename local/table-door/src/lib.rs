//! A door before a DynamoDB-compatible server: it passes requests on, asks for what each consumes and keeps that, counts, and
//! can be shut. For tests and measurements; never deployed.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;

/// Far longer than a server on this machine takes.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// Operations whose requests take `ReturnConsumedCapacity` and name one table.
const ON_ITEMS: [&str; 6] = ["GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query", "Scan"];

/// Why there is no door.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    #[error("no free port")]
    Port(#[from] io::Error),
    #[error("the HTTP client cannot be set up")]
    Client(#[from] reqwest::Error),
}

/// What the server says that a request which it carried out consumed of the table and its indexes.
#[derive(Debug, Clone, PartialEq)]
pub struct Consumed {
    pub operation: String,
    /// The index that a query reads; `None` is the table.
    pub index: Option<String>,
    pub status: u16,
    /// Of reading or writing, by the operation. `None` when the server says nothing, as with a refused condition.
    pub units: Option<f64>,
}

impl Consumed {
    /// Reads cost read units, everything else write units.
    pub fn is_read(&self) -> bool {
        matches!(self.operation.as_str(), "GetItem" | "Query" | "Scan")
    }
}

/// Clones are the same door. It stands until the runtime ends that it was made on.
#[derive(Clone)]
pub struct Door {
    url: String,
    shared: Arc<Shared>,
}

struct Shared {
    behind: String,
    http: reqwest::Client,
    counts: Mutex<BTreeMap<String, u64>>,
    consumed: Mutex<Vec<Consumed>>,
    shut: AtomicBool,
}

impl Door {
    /// Before the server at this address.
    pub async fn before(server: &str) -> Result<Self, DoorError> {
        let shared = Arc::new(Shared {
            behind: server.to_owned(),
            http: reqwest::Client::builder().no_proxy().timeout(TIME_LIMIT).build()?,
            counts: Mutex::default(),
            consumed: Mutex::default(),
            shut: AtomicBool::new(false),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let router = Router::new().route("/", post(pass)).with_state(shared.clone());
        // A connection that fails is the caller's business.
        tokio::spawn(async move { drop(axum::serve(listener, router).await) });
        Ok(Self { url, shared })
    }

    /// Where the server seems to be.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Requests per operation since the last call of this, also those that found the door shut.
    pub fn take_counts(&self) -> BTreeMap<String, u64> {
        std::mem::take(&mut lock(&self.shared.counts))
    }

    /// What each request consumed since the last call of this, in their order.
    pub fn take_consumed(&self) -> Vec<Consumed> {
        std::mem::take(&mut lock(&self.shared.consumed))
    }

    /// Answers 500 to everything, or no more.
    pub fn shut(&self, shut: bool) {
        self.shared.shut.store(shut, Ordering::Relaxed);
    }
}

/// Also after a panic elsewhere: each change is a single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn pass(State(door): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    *lock(&door.counts).entry(operation.clone()).or_default() += 1;
    if door.shut.load(Ordering::Relaxed) {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    let Ok(mut asked) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let on_items = ON_ITEMS.contains(&operation.as_str());
    if on_items {
        asked["ReturnConsumedCapacity"] = "INDEXES".into();
    }
    // The body is no longer the one that was signed; servers on this machine do not look.
    let mut request = door.http.post(&door.behind).body(asked.to_string());
    for name in ["x-amz-target", "content-type", "authorization", "x-amz-date"] {
        if let Some(value) = headers.get(name) {
            request = request.header(name, value);
        }
    }
    let Ok(answer) = request.send().await else { return StatusCode::BAD_GATEWAY.into_response() };
    let status = answer.status();
    let kept = [header::CONTENT_TYPE.as_str(), "x-amz-crc32", "x-amzn-requestid"];
    let headers: HeaderMap = answer
        .headers()
        .iter()
        .filter(|(name, _)| kept.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let Ok(answered) = answer.bytes().await else { return StatusCode::BAD_GATEWAY.into_response() };
    if on_items {
        let units = serde_json::from_slice(&answered)
            .ok()
            .and_then(|body: Value| body["ConsumedCapacity"]["CapacityUnits"].as_f64());
        let index = asked["IndexName"].as_str().map(str::to_owned);
        lock(&door.consumed).push(Consumed { operation, index, status: status.as_u16(), units });
    }
    (status, headers, answered).into_response()
}
