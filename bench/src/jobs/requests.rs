//! Requests of users, one after the other, as one execution environment gets them.

use crate::error::BenchError;
use crate::figures::{as_f64, percentile};
use crate::process::Process;
use entra_emulator::Emulator;
use serde::Serialize;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Longer than any request takes here.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// What a series of requests took.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Requests {
    pub(crate) count: usize,
    pub(crate) wall_seconds: f64,
    /// Of the function's process.
    pub(crate) processor_seconds: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

impl Requests {
    pub(crate) fn per_processor_second(&self) -> f64 {
        as_f64(self.count) / self.processor_seconds
    }
}

/// Where the tokens of the requests are to come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tokens {
    /// Not one token request.
    Cached,
    /// One On-Behalf-Of request each.
    Exchanged,
}

/// Sends them and looks for a profile in each answer. Afterwards the emulator's counters must say that the job was done as it is
/// called.
pub(crate) async fn send<'e>(
    process: &mut Process,
    emulator: &Emulator,
    events: impl Iterator<Item = &'e Value>,
    tokens: Tokens,
) -> Result<Requests, BenchError> {
    emulator.reset_requests();
    let requests = measure(process, events, is_profile).await?;
    let expected = if tokens == Tokens::Cached { 0 } else { requests.count };
    expect(emulator, "token.on_behalf_of", expected)?;
    expect(emulator, "graph.me", requests.count)?;
    Ok(requests)
}

/// Sends them and looks at each answer.
pub(super) async fn measure<'e>(
    process: &mut Process,
    events: impl Iterator<Item = &'e Value>,
    is_answer: fn(&Value) -> bool,
) -> Result<Requests, BenchError> {
    let processor = process.processor_time()?;
    let begun = Instant::now();
    let mut latencies = Vec::new();
    for event in events {
        let sent = Instant::now();
        let answer = process.invoke(event, TIME_LIMIT).await?;
        latencies.push(sent.elapsed().as_secs_f64() * 1_000.0);
        if !is_answer(&answer) {
            return Err(BenchError::NotMeasured(format!(
                "expected the job done, the function answered {answer}"
            )));
        }
    }
    let wall_seconds = begun.elapsed().as_secs_f64();
    let processor = process.processor_time()?.saturating_sub(processor);
    let count = latencies.len();
    latencies.sort_by(f64::total_cmp);
    Ok(Requests {
        count,
        wall_seconds,
        processor_seconds: processor.as_secs_f64(),
        p50_ms: percentile(&latencies, 50.0),
        p99_ms: percentile(&latencies, 99.0),
    })
}

fn is_profile(answer: &Value) -> bool {
    let profile = answer["body"].as_str().and_then(|body| serde_json::from_str::<Value>(body).ok());
    answer["statusCode"] == 200 && profile.is_some_and(|profile| profile["userPrincipalName"].is_string())
}

/// Fails unless there were exactly so many requests of this kind since the counters were set back.
pub(crate) fn expect(emulator: &Emulator, kind: &str, count: usize) -> Result<(), BenchError> {
    let counted = emulator.counters().get(kind).map_or(0, |counter| counter.total);
    if usize::try_from(counted).is_ok_and(|counted| counted == count) {
        return Ok(());
    }
    Err(BenchError::NotMeasured(format!("expected {count} requests {kind}, the emulator counted {counted}")))
}
