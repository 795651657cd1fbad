//! What the functions say of themselves: log lines and metrics on standard output, as Lambda's log collector expects them, and
//! the stages of an invocation for X-Ray.

use crate::clock::SystemClock;
use crate::emf::{EmfLines, TracedMetrics};
use crate::environment::Environment;
use crate::xray::{XRay, is_stage, is_traced};
use domain::metrics::MetricsSink;
use domain::ports::Clock;
use std::sync::Arc;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterExt as _, filter_fn};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Layer as _, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging: level from `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`, else info; JSON unless `AWS_LAMBDA_LOG_FORMAT` says
/// `Text`. Where Lambda traces (`AWS_XRAY_DAEMON_ADDRESS`), starts that too, whatever the level. A second call does nothing, so
/// that tests and the local stack may call it too.
pub fn init(environment: &Environment) {
    let filter = EnvFilter::try_new(level(environment)).unwrap_or_else(|_| EnvFilter::new("info"));
    // A stage's span would stand in place of the request's, whose id belongs into every line.
    let filter = filter.and(filter_fn(|metadata| !is_stage(metadata)));
    let text =
        environment.get("AWS_LAMBDA_LOG_FORMAT").is_some_and(|format| format.eq_ignore_ascii_case("text"));
    let lines = tracing_subscriber::fmt::layer().with_span_events(FmtSpan::NONE).with_target(false);
    let lines = if text {
        lines.without_time().boxed()
    } else {
        lines.json().flatten_event(true).with_current_span(true).with_span_list(false).boxed()
    };
    let daemon = environment.get("AWS_XRAY_DAEMON_ADDRESS");
    let xray = daemon.and_then(|daemon| XRay::to(daemon, Arc::new(SystemClock)));
    let registry = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(xray.map(|xray| xray.with_filter(filter_fn(is_traced))));
    // An error here means that logging was started before.
    let _ = registry.try_init();
}

fn level(environment: &Environment) -> &str {
    environment.get("AWS_LAMBDA_LOG_LEVEL").or_else(|| environment.get("RUST_LOG")).unwrap_or("info")
}

/// Where metrics go: to standard output under the function's name, which `METRICS_FUNCTION_NAME` or else Lambda says; into the
/// log at its most talkative where neither does.
pub(crate) fn metrics_sink(environment: &Environment, clock: Arc<dyn Clock>) -> Arc<dyn MetricsSink> {
    let name =
        environment.get("METRICS_FUNCTION_NAME").or_else(|| environment.get("AWS_LAMBDA_FUNCTION_NAME"));
    match name {
        Some(name) => Arc::new(EmfLines::new(name, level(environment), clock, std::io::stdout())),
        None => Arc::new(TracedMetrics { clock }),
    }
}
