//! The emulator with keys of others in its key document, whose private halves the makers of hostile tokens have.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_LENGTH;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use entra_emulator::{Emulator, Settings};
use serde_json::Value;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

pub(super) struct Authority {
    pub(super) url: String,
    pub(super) emulator: Emulator,
    published: Arc<Mutex<Vec<Value>>>,
    state_file: PathBuf,
}

impl Authority {
    /// `state_file` is where the emulator keeps its keys.
    pub(super) async fn start(state_file: PathBuf) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let mut settings = Settings::sample(url.parse().unwrap());
        settings.state_file = Some(state_file.clone());
        let emulator = Emulator::start(settings).unwrap();
        let published = Arc::<Mutex<Vec<Value>>>::default();
        let router: Router = emulator.router().layer(from_fn_with_state(published.clone(), publish));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, emulator, published, state_file }
    }

    /// Keys that stand beside the emulator's own from now on. Where they name no issuer or cloud, they get those of its own.
    pub(super) fn publish(&self, keys: Vec<Value>) {
        *self.published.lock().unwrap() = keys;
    }

    /// The private key that the emulator signs with (PKCS#8 DER in base64), and its id.
    pub(super) fn signing_key(&self) -> (String, String) {
        let state: Value = serde_json::from_slice(&std::fs::read(&self.state_file).unwrap()).unwrap();
        let key = state["signing_keys"][0]["pkcs8"].as_str().unwrap().to_owned();
        (key, self.emulator.key_ids().remove(0))
    }

    /// Requests to the token endpoint, and for keys, since the last call of this.
    pub(super) fn take_requests(&self) -> (u64, u64) {
        let counters = self.emulator.counters();
        self.emulator.reset_requests();
        let total = |prefix: &str| {
            let kinds = counters.iter().filter(|(kind, _)| kind.starts_with(prefix));
            kinds.map(|(_, counter)| counter.total).sum()
        };
        (total("token."), total("keys"))
    }
}

async fn publish(State(published): State<Arc<Mutex<Vec<Value>>>>, request: Request, next: Next) -> Response {
    let of_keys = request.uri().path().ends_with("/keys") && request.uri().path().contains("/discovery/");
    let answer = next.run(request).await;
    if !of_keys || !answer.status().is_success() {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let mut document: Value = serde_json::from_slice(&to_bytes(body, usize::MAX).await.unwrap()).unwrap();
    let own = document["keys"][0].clone();
    for mut key in published.lock().unwrap().clone() {
        for member in ["issuer", "cloud_instance_name"] {
            if key[member].is_null() {
                key[member] = own[member].clone();
            }
        }
        document["keys"].as_array_mut().unwrap().push(key);
    }
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::from(document.to_string()))
}
