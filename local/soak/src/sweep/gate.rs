//! The door of Graph that one worker process has to itself, so that everything done there is known to be its doing.

use crate::error::{SoakError, cannot};
use crate::sweep::kills::Kills;
use crate::sweep::ledger::{Ledger, Process};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use axum::{Router, serve};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::TcpListener;
use uuid::Uuid;

#[derive(Clone)]
pub(super) struct Gate {
    pub(super) ledger: Arc<Ledger>,
    pub(super) kills: Arc<Kills>,
    pub(super) process: Process,
}

impl Gate {
    /// Serves the emulator to this process alone, until this program ends. Returns the base address.
    pub(super) async fn open(self, emulator: Router) -> Result<String, SoakError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(cannot("listen"))?;
        let address = listener.local_addr().map_err(cannot("listen"))?;
        let router = emulator.layer(from_fn_with_state(self, pass));
        tokio::spawn(async move {
            // What breaks a single connection is its worker's business.
            let _ = serve(listener, router).await;
        });
        Ok(format!("http://{address}"))
    }
}

async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    let Some((user, turn)) = asked_for(&request) else { return next.run(request).await };
    if gate.kills.before(gate.process).await {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let under_way = gate.ledger.begin(gate.process, user);
    let response = next.run(request).await;
    // A job that was told to get a new token first comes again with the same id: only what was done counts.
    let done = response.status() == StatusCode::OK;
    if done {
        gate.ledger.acted(gate.process, user, turn);
    }
    drop(under_way);
    if done {
        gate.kills.after(gate.process).await;
    }
    response
}

#[derive(Deserialize)]
struct Claims {
    oid: Uuid,
}

/// The user by the token, and the turn by the id that the product makes of its idempotency key.
fn asked_for(request: &Request) -> Option<(Uuid, Uuid)> {
    if !request.uri().path().ends_with("/me") {
        return None;
    }
    let header = |name: &str| request.headers().get(name)?.to_str().ok();
    let token = header(AUTHORIZATION.as_str())?.strip_prefix("Bearer ")?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let Claims { oid } = serde_json::from_slice(&claims).ok()?;
    Some((oid, header("client-request-id")?.parse().ok()?))
}
