//! What the functions say of themselves: log lines and metrics on standard output, as Lambda's log collector expects them, and
//! the stages of an invocation for X-Ray.

use crate::clock::SystemClock;
use crate::emf::{EmfLines, TracedMetrics};
use crate::environment::Environment;
use crate::xray::{XRay, is_stage, is_traced};
use domain::metrics::MetricsSink;
use domain::ports::Clock;
use std::sync::Arc;
use tracing::Subscriber;
use tracing_subscriber::filter::{FilterExt as _, LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Layer as _, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging: level from `AWS_LAMBDA_LOG_LEVEL`, else `RUST_LOG`, else info; JSON unless `AWS_LAMBDA_LOG_FORMAT` says
/// `Text`. Where Lambda traces (`AWS_XRAY_DAEMON_ADDRESS`), starts that too, whatever the level. A second call does nothing, so
/// that tests and the local stack may call it too.
pub fn init(environment: &Environment) {
    // An error here means that logging was started before.
    let _ = subscriber(environment).try_init();
}

/// Each filter says up to which level it lets anything through. If one did not, all that the libraries have to say at their most
/// talkative would be looked at, a hundred times per request, before it is left out.
fn subscriber(environment: &Environment) -> impl Subscriber + Send + Sync + 'static {
    // A stage's span would stand in place of the request's, whose id belongs into every line.
    let is_line = filter_fn(|metadata| !is_stage(metadata)).with_max_level_hint(LevelFilter::TRACE);
    let filter = filter(level(environment)).and(is_line);
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
    // Stages and invocations are spans of this level.
    let traced = filter_fn(is_traced).with_max_level_hint(LevelFilter::INFO);
    tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .with(xray.map(|xray| xray.with_filter(traced)))
}

/// A level (Lambda's highest is `FATAL`, ours the one below), or directives such as `info,hyper=warn`. `Targets` and not
/// `EnvFilter`, whose regular expressions are a good part of a program's start.
fn filter(level: &str) -> Targets {
    if level.eq_ignore_ascii_case("fatal") {
        return Targets::new().with_default(LevelFilter::ERROR);
    }
    level.parse().unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO))
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

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    fn enabled(level: &str, target: &str) -> Vec<Level> {
        let filter = filter(level);
        let all = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG, Level::TRACE];
        all.into_iter().filter(|level| filter.would_enable(target, level)).collect()
    }

    #[test]
    fn the_levels_that_lambda_names_are_understood() {
        for (level, count) in
            [("TRACE", 5), ("DEBUG", 4), ("INFO", 3), ("WARN", 2), ("ERROR", 1), ("FATAL", 1)]
        {
            assert_eq!(enabled(level, "profile_api").len(), count, "{level}");
        }
    }

    /// What the libraries say at levels below is then not even looked at.
    #[test]
    fn nothing_is_let_through_above_the_level_that_is_asked_for() {
        for (level, highest) in
            [("ERROR", LevelFilter::ERROR), ("INFO", LevelFilter::INFO), ("TRACE", LevelFilter::TRACE)]
        {
            let environment: Environment = [("AWS_LAMBDA_LOG_LEVEL", level)].into_iter().collect();
            assert_eq!(subscriber(&environment).max_level_hint(), Some(highest), "{level}");
        }
    }

    #[test]
    fn traces_need_the_level_of_their_spans_however_quiet_the_log_is() {
        let environment: Environment =
            [("AWS_LAMBDA_LOG_LEVEL", "ERROR"), ("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000")]
                .into_iter()
                .collect();
        assert_eq!(subscriber(&environment).max_level_hint(), Some(LevelFilter::INFO));
    }

    #[test]
    fn a_part_can_be_quieter_than_the_rest() {
        assert_eq!(enabled("info,hyper=warn", "hyper::client").len(), 2);
        assert_eq!(enabled("info,hyper=warn", "domain").len(), 3);
    }

    #[test]
    fn what_cannot_be_read_leaves_the_usual_level() {
        assert_eq!(enabled("a=b=c", "domain").len(), 3);
    }
}
