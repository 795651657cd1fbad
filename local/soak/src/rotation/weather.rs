//! The faults of a round: what strikes requests to the authority and to the table, and what was seen there.

use crate::exchange::Exchange;
use crate::proxy::{Answer, Guard, Verdict};
use crate::tally::Tally;
use crate::trace::Trace;
use async_trait::async_trait;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{HeaderMap, StatusCode};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What strikes requests to the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableFault {
    /// Refused with this error of DynamoDB's; nothing was written.
    Throttled(&'static str),
    /// Answered with 500; nothing was written.
    Failing,
    /// Carried out, and the connection closed before the answer.
    AnswerLost,
}

/// Faults that still strike.
#[derive(Debug, Default, Clone)]
pub(crate) struct Faults {
    /// How many token requests are hung up on before the authority sees them.
    pub(crate) hang_ups: u32,
    /// What strikes requests to the table, for which step (`None`: the next one, whatever it is), how often.
    pub(crate) table: Vec<(TableFault, Option<&'static str>, u32)>,
    /// The longest delay on the way to a server and back, in milliseconds.
    pub(crate) slowness_ms: u64,
    /// The longest delay of a write of tokens, in milliseconds: others get ahead of it.
    pub(crate) slow_writer_ms: u64,
}

/// Everything that the guards of one run share.
pub(crate) struct Weather {
    pub(crate) tally: Arc<Tally>,
    pub(crate) trace: Trace,
    state: Mutex<State>,
}

struct State {
    faults: Faults,
    rng: fastrand::Rng,
    /// Hashes of the refresh tokens that the authority has taken.
    redeemed: HashSet<[u8; 32]>,
    accepted_refreshes: u64,
    refused_refreshes: u64,
}

impl Weather {
    pub(crate) fn new(tally: Arc<Tally>) -> Arc<Self> {
        let state = State {
            faults: Faults::default(),
            rng: fastrand::Rng::with_seed(0),
            redeemed: HashSet::new(),
            accepted_refreshes: 0,
            refused_refreshes: 0,
        };
        Arc::new(Self { tally, trace: Trace::default(), state: Mutex::new(state) })
    }

    /// Begins a round with these faults, delays drawn from `seed`.
    pub(crate) fn set(&self, faults: Faults, seed: u64) {
        self.trace.restart();
        let mut state = self.state();
        state.faults = faults;
        state.rng = fastrand::Rng::with_seed(seed);
        (state.accepted_refreshes, state.refused_refreshes) = (0, 0);
    }

    /// Refresh requests that the authority has granted in this round.
    pub(crate) fn accepted_refreshes(&self) -> u64 {
        self.state().accepted_refreshes
    }

    /// Refresh requests of this round with a refresh token that the authority had taken already.
    pub(crate) fn refused_refreshes(&self) -> u64 {
        self.state().refused_refreshes
    }

    /// Whether the authority has taken this refresh token, so that a strict one takes it no more.
    pub(crate) fn is_redeemed(&self, refresh_token: &str) -> bool {
        self.state().redeemed.contains(&hash(refresh_token))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn delay(&self, exchange: &Exchange) {
        let milliseconds = {
            let mut state = self.state();
            let most = state.faults.slowness_ms;
            let slow_writer = if exchange.step == "put tokens" { state.faults.slow_writer_ms } else { 0 };
            state.rng.u64(0..=most) + state.rng.u64(0..=slow_writer)
        };
        if milliseconds > 0 {
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
        }
    }

    fn strike_authority(&self, exchange: &Exchange) -> bool {
        let mut state = self.state();
        let strikes = exchange.is_token_request() && state.faults.hang_ups > 0;
        if strikes {
            state.faults.hang_ups -= 1;
        }
        strikes
    }

    /// The fault that strikes this request; `lost` asks for those that strike after it was carried out.
    fn strike_table(&self, exchange: &Exchange, lost: bool) -> Option<TableFault> {
        let mut state = self.state();
        let strikes = |(fault, step, left): &&mut (TableFault, Option<&'static str>, u32)| {
            *left > 0
                && (*fault == TableFault::AnswerLost) == lost
                && step.is_none_or(|step| step == exchange.step)
        };
        let (fault, _, left) = state.faults.table.iter_mut().find(strikes)?;
        *left -= 1;
        Some(*fault)
    }

    fn note_answer(&self, exchange: &Exchange, answer: &Answer) {
        if !exchange.is_token_request() {
            return;
        }
        self.tally.add("token requests", format!("{} {}", exchange.step, answer.status.as_u16()));
        if exchange.step != "token.refresh" {
            return;
        }
        if answer.status.is_success() {
            let mut state = self.state();
            state.accepted_refreshes += 1;
            if let Some(token) = exchange.parameter("refresh_token") {
                state.redeemed.insert(hash(&token));
            }
        } else if String::from_utf8_lossy(&answer.body).contains("already redeemed") {
            self.tally.add("old tokens refused", "by the authority");
            self.state().refused_refreshes += 1;
        }
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

/// Stands before the authority.
pub(crate) struct AuthorityGuard(pub(crate) Arc<Weather>);

#[async_trait]
impl Guard for AuthorityGuard {
    async fn before(&self, exchange: &Exchange) -> Verdict {
        let Self(weather) = self;
        weather.delay(exchange).await;
        if weather.strike_authority(exchange) {
            weather.tally.add("authority faults", "hung up");
            weather.trace.note(&format!("authority  {}  hung up before it was seen", exchange.step));
            return Verdict::HangUp;
        }
        Verdict::Pass
    }

    async fn after(&self, exchange: &Exchange, answer: &Answer) -> Verdict {
        let Self(weather) = self;
        weather.note_answer(exchange, answer);
        weather.trace.note(&format!("authority  {}  {}", exchange.step, answer.status));
        weather.delay(exchange).await;
        Verdict::Pass
    }
}

/// Stands before the table, for one environment.
pub(crate) struct TableGuard {
    pub(crate) weather: Arc<Weather>,
    /// The environment's name in the trace.
    pub(crate) place: &'static str,
}

impl TableGuard {
    fn note(&self, exchange: &Exchange, what: &str) {
        self.weather.trace.note(&format!("{:<9}  {}  {what}", self.place, exchange.step));
    }
}

#[async_trait]
impl Guard for TableGuard {
    async fn before(&self, exchange: &Exchange) -> Verdict {
        self.weather.delay(exchange).await;
        match self.weather.strike_table(exchange, false) {
            Some(TableFault::Throttled(error)) => {
                self.weather.tally.add("table faults", error);
                self.note(exchange, error);
                Verdict::Answer(refusal(StatusCode::BAD_REQUEST, error))
            }
            Some(_) => {
                self.weather.tally.add("table faults", "InternalServerError");
                self.note(exchange, "500");
                Verdict::Answer(refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"))
            }
            None => Verdict::Pass,
        }
    }

    async fn after(&self, exchange: &Exchange, answer: &Answer) -> Verdict {
        let conflict = answer.status == StatusCode::BAD_REQUEST
            && String::from_utf8_lossy(&answer.body).contains("ConditionalCheckFailedException");
        if conflict {
            self.weather.tally.add("conditions refused", exchange.step.clone());
        }
        if self.weather.strike_table(exchange, true).is_some() {
            self.weather.tally.add("table faults", "answer lost");
            self.note(exchange, "carried out, answer lost");
            return Verdict::HangUp;
        }
        self.note(exchange, if conflict { "condition refused" } else { answer.status.as_str() });
        self.weather.delay(exchange).await;
        Verdict::Pass
    }
}

/// As DynamoDB words it.
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>
fn refusal(status: StatusCode, error: &str) -> Answer {
    let body = json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{error}"),
        "message": "The rate of requests exceeds what the table allows, or it failed.",
    });
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    Answer { status, headers, body: Bytes::from(body.to_string()) }
}
