//! What a sweep says of itself in metrics.

use crate::summary::{Answer, Summary};
use domain::account::TurnOutcome;
use domain::metrics::{Metric, Metrics};
use time::Duration;

/// After which a turn of this account is over and done with for an interval, or until its user is back.
const DONE: [TurnOutcome; 5] = [
    TurnOutcome::Acted,
    TurnOutcome::Unchanged,
    TurnOutcome::NeedsUser,
    TurnOutcome::MissingTokens,
    TurnOutcome::Ended,
];

/// Notes how late the sweep is and how fast. Also where nobody was due: an alarm on the lag must hear that it is over.
pub(crate) fn measure(metrics: &Metrics, answer: &Answer, elapsed: Duration) {
    match answer {
        Answer::Summary(Summary { dispatched: Some(_), lag, .. }) => {
            if let Some(lag) = lag {
                metrics.record_seconds(Metric::SweepLagSeconds, *lag);
            }
        }
        Answer::Summary(summary) if summary.lag.is_some() => swept(metrics, summary, elapsed),
        Answer::Batch(batch) if batch.summary.lag.is_some() => swept(metrics, &batch.summary, elapsed),
        // A tick that was delivered before, one account by hand, a dry run, a batch without a task that could be done: they
        // say nothing of the sweep.
        Answer::Summary(_) | Answer::Batch(_) | Answer::DryRun(_) => {}
    }
}

fn swept(metrics: &Metrics, summary: &Summary, elapsed: Duration) {
    metrics.record_seconds(Metric::SweepLagSeconds, summary.lag.unwrap_or_default());
    let remaining = u32::try_from(summary.remaining).unwrap_or(u32::MAX);
    metrics.record(Metric::SweepRemaining, remaining.into());
    let done: u64 = DONE.iter().filter_map(|outcome| summary.outcomes.get(outcome)).sum();
    if done > 0 && elapsed.is_positive() {
        let rate = f64::from(u32::try_from(done).unwrap_or(u32::MAX)) / elapsed.as_seconds_f64();
        metrics.record(Metric::AccountsPerSecond, (rate * 10.0).round() / 10.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use test_support::{FixedClock, RecordingMetrics};

    #[test]
    fn the_rate_counts_accounts_that_are_done_with_and_the_whole_invocation() {
        let metrics = Metrics::new(Arc::new(FixedClock::default()), Arc::new(RecordingMetrics::default()));
        let outcomes =
            [(TurnOutcome::Acted, 5), (TurnOutcome::NeedsUser, 1), (TurnOutcome::Skipped, 9)].into();
        let summary = Summary { outcomes, lag: Some(Duration::ZERO), remaining: 3, ..Summary::default() };
        measure(&metrics, &Answer::Summary(summary), Duration::seconds(4));
        let values = metrics.take().values;
        assert_eq!(values[&Metric::AccountsPerSecond], [1.5]);
        assert_eq!(values[&Metric::SweepRemaining], [3.0]);
        let nothing = Summary { lag: Some(Duration::ZERO), ..Summary::default() };
        measure(&metrics, &Answer::Summary(nothing), Duration::seconds(4));
        assert!(!metrics.take().values.contains_key(&Metric::AccountsPerSecond));
    }
}
