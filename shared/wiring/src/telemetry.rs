//! Structured log lines on standard output, one per event, as Lambda's log collector expects them.

use crate::environment::Environment;
use domain::counters::Counters;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging: level from `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`, else info; JSON unless `AWS_LAMBDA_LOG_FORMAT` says
/// `Text`. A second call does nothing, so that tests and the local stack may call it too.
pub fn init(environment: &Environment) {
    let level =
        environment.get("AWS_LAMBDA_LOG_LEVEL").or_else(|| environment.get("RUST_LOG")).unwrap_or("info");
    let filter = EnvFilter::try_new(level).unwrap_or_else(|_| EnvFilter::new("info"));
    let text =
        environment.get("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("text"));
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer().with_span_events(FmtSpan::NONE).with_target(false);
    // An error here means that logging was started before.
    let _ = if text {
        registry.with(layer.without_time()).try_init()
    } else {
        registry
            .with(layer.json().flatten_event(true).with_current_span(true).with_span_list(false))
            .try_init()
    };
}

/// One line with what the token cache did since the last call of this; nothing when it did nothing.
pub fn log_counts(counters: &Counters) {
    let counts = counters.take();
    if counts.is_empty() {
        return;
    }
    let counts: Vec<String> = counts.iter().map(|(name, number)| format!("\"{name}\":{number}")).collect();
    tracing::info!(event = "token_cache.counts", counts = format!("{{{}}}", counts.join(",")));
}
