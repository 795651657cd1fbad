//! Routes that move the stack's clock and run its sweep, for tests. Bound to this machine only.

use crate::accounts::Accounts;
use crate::clock::OffsetClock;
use crate::event_bus::{EventBus, Faults};
use crate::sweeper::Sweeper;
use crate::workers::Workers;
use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::ORIGIN;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use background_sweep::{Answer, SweepFailure};
use domain::ports::Clock as _;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;

const MAX_BODY_BYTES: usize = 16 * 1024;

/// What the routes act on.
#[derive(Clone)]
pub(crate) struct Control {
    pub(crate) sweeper: Sweeper,
    /// Who sweeps the shards that a tick hands over; `None` without a bus.
    pub(crate) workers: Option<Workers>,
    pub(crate) accounts: Accounts,
    pub(crate) clock: OffsetClock,
}

impl Control {
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/clock/advance", post(advance))
            .route("/sweep", post(sweep))
            .route("/state", get(state))
            .route("/events", get(events))
            .route("/bus/faults", post(faults))
            .fallback(unknown)
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .layer(from_fn(refuse_pages))
            .with_state(self)
    }

    fn bus(&self) -> Result<&EventBus, Refused> {
        let without =
            "this stack has no event bus of its own: start it without --no-bus and without EVENT_BUS_NAME";
        let workers = self.workers.as_ref();
        workers.map(Workers::bus).ok_or_else(|| Refused(StatusCode::NOT_FOUND, without.to_owned()))
    }

    fn now(&self) -> String {
        self.clock.now().format(&Rfc3339).unwrap_or_default()
    }
}

/// A refusal, in words.
struct Refused(StatusCode, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

/// Any page in a browser of this machine can send requests here; only programs should.
async fn refuse_pages(request: Request, next: Next) -> Response {
    if request.headers().contains_key(ORIGIN) {
        return Refused(StatusCode::FORBIDDEN, "not for pages in a browser".to_owned()).into_response();
    }
    next.run(request).await
}

/// POST `/clock/advance {"seconds": n}`: moves the clock of the API, the sweep and the emulator.
async fn advance(State(control): State<Control>, body: Bytes) -> Result<Json<Value>, Refused> {
    let expected = || Refused(StatusCode::BAD_REQUEST, "expected {\"seconds\": <whole number>}".to_owned());
    let seconds = json_body(&body)?["seconds"].as_i64().ok_or_else(expected)?;
    let offset = control
        .clock
        .advance(seconds)
        .map_err(|refused| Refused(StatusCode::BAD_REQUEST, refused.to_string()))?;
    Ok(Json(json!({ "now": control.now(), "offsetSeconds": offset })))
}

/// POST `/sweep`: one tick, or with a body the invocation with that event, for example `{"account": "<id or name>"}`.
/// Answers when the sweep has ended, with its summary; a tick that hands shards to workers has ended when they are done.
async fn sweep(State(control): State<Control>, body: Bytes) -> Result<Response, Refused> {
    let event = json_body(&body)?;
    let is_tick = event.as_object().is_some_and(serde_json::Map::is_empty);
    let answer = if is_tick {
        match &control.workers {
            Some(workers) => workers.tick().await.map(Answer::Summary),
            None => control.sweeper.tick().await.map(Answer::Summary),
        }
    } else {
        control.sweeper.invoke(event).await
    };
    match answer {
        Ok(answer) => Ok(Json(answer).into_response()),
        Err(error @ SweepFailure::UnknownEvent(_)) => {
            Err(Refused(StatusCode::BAD_REQUEST, error.to_string()))
        }
        Err(error) => Err(Refused(StatusCode::BAD_GATEWAY, error.to_string())),
    }
}

/// GET `/state`: the time, and every account of the table.
async fn state(State(control): State<Control>) -> Result<Json<Value>, Refused> {
    let accounts =
        control.accounts.all().await.map_err(|error| Refused(StatusCode::BAD_GATEWAY, error.to_string()))?;
    Ok(Json(json!({ "now": control.now(), "accounts": accounts })))
}

/// GET `/events`: what has been published, the last 200 events, and how the queue of shard tasks is doing.
async fn events(State(control): State<Control>) -> Result<Json<Value>, Refused> {
    let bus = control.bus()?;
    Ok(Json(json!({ "events": bus.events(), "bus": bus.state() })))
}

/// POST `/bus/faults {"refuseEvery": 3, "deliverTwice": true, "delaySeconds": 5, "newestFirst": true}`: what goes wrong from
/// now on; what is left out does not.
async fn faults(State(control): State<Control>, body: Bytes) -> Result<Json<Value>, Refused> {
    let bus = control.bus()?;
    let faults: Faults = serde_json::from_value(json_body(&body)?).map_err(|error| {
        Refused(StatusCode::BAD_REQUEST, format!("these are no faults of the bus: {error}"))
    })?;
    bus.set_faults(faults);
    Ok(Json(json!(bus.state())))
}

async fn unknown() -> Refused {
    let routes = "expected POST /clock/advance, POST /sweep, POST /bus/faults, GET /state or GET /events";
    Refused(StatusCode::NOT_FOUND, routes.to_owned())
}

fn json_body(body: &Bytes) -> Result<Value, Refused> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body)
        .map_err(|error| Refused(StatusCode::BAD_REQUEST, format!("the body is not JSON: {error}")))
}
