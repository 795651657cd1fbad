//! Starts of a process, up to its first request for an invocation and up to its first answer.

use crate::error::BenchError;
use crate::process::Process;
use lambda_host::Program;
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// Longer than any start takes.
const TIME_LIMIT: Duration = Duration::from_mins(1);

/// One start, in milliseconds from the start of the process.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ColdStart {
    /// The first request for an invocation.
    pub(crate) initialised_ms: f64,
    /// The answer to the first event, which has waited.
    pub(crate) answered_ms: f64,
    /// All of the process's processor time.
    pub(crate) processor_ms: f64,
    pub(crate) peak_kib: u64,
}

/// Whether an answer to an HTTP event is what was asked for.
pub(crate) fn is_ok(answer: &Value) -> bool {
    answer["statusCode"] == 200
}

pub(crate) async fn start(
    program: &Program,
    event: &Value,
    is_answer: fn(&Value) -> bool,
) -> Result<ColdStart, BenchError> {
    let mut process = Process::start(program).await?;
    let initialised = process.initialised().await?;
    let answer = process.invoke(event, TIME_LIMIT).await?;
    let answered = process.age();
    if !is_answer(&answer) {
        return Err(BenchError::NotMeasured(format!(
            "expected the job done, a function that had just started answered {answer}"
        )));
    }
    let figures = ColdStart {
        initialised_ms: milliseconds(initialised),
        answered_ms: milliseconds(answered),
        processor_ms: milliseconds(process.processor_time()?),
        peak_kib: process.memory()?.peak_kib,
    };
    process.stop().await;
    Ok(figures)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
