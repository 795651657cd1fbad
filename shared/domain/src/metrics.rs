//! What is measured, kept until the invocation ends and then handed to whoever publishes it.
//!
//! Whoever ends an invocation calls [`Metrics::publish`] before its answer leaves, because a frozen Lambda runs nothing
//! afterwards. `docs/operations.md` lists the metrics; a test compares.

use crate::counters::{Count, Counters};
use crate::ports::Clock;
use crate::stage::{Stage, mark_failed};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use time::Duration;
use tracing::Instrument as _;

/// The most values of one metric that are kept; `CloudWatch` takes no more in one line. With the last of them everything is
/// published at once, so that a long invocation needs no more memory than a short one.
pub const MOST_VALUES: usize = 100;

macro_rules! metrics {
    ($($(#[$doc:meta])* $name:ident: $unit:ident,)*) => {
        /// A metric, by the name under which it is published. None is about one user.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Metric {
            $($(#[$doc])* $name,)*
        }

        impl Metric {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            pub fn unit(self) -> Unit {
                match self {
                    $(Self::$name => Unit::$unit,)*
                }
            }
        }
    };
}

metrics! {
    /// For how long the account that waits longest has been due. 0 when none is.
    SweepLagSeconds: Seconds,
    /// Accounts that a worker found due and gave no turn.
    SweepRemaining: Count,
    /// Accounts that were done with, by the time of the invocation.
    AccountsPerSecond: CountPerSecond,
    /// Entra rejected our application.
    CredentialFault: Count,
    TokenRefreshed: Count,
    TokenRefreshFailed: Count,
    OnBehalfOfIssued: Count,
    OnBehalfOfFailed: Count,
    CacheHit: Count,
    CacheMiss: Count,
    /// The length of each pause that Entra or Graph asked for.
    BrakeSeconds: Seconds,
    AccountActed: Count,
    AccountUnchanged: Count,
    AccountSkipped: Count,
    AccountThrottled: Count,
    AccountRetryLater: Count,
    AccountNeedsUser: Count,
    AccountMissingTokens: Count,
    AccountEnded: Count,
    Answered2xx: Count,
    Answered4xx: Count,
    Answered5xx: Count,
    ValidateMilliseconds: Milliseconds,
    CacheMilliseconds: Milliseconds,
    OnBehalfOfMilliseconds: Milliseconds,
    RefreshMilliseconds: Milliseconds,
    GraphMilliseconds: Milliseconds,
    StoreMilliseconds: Milliseconds,
    /// What is left of the life of each refresh token that was read, where Entra told its end.
    RefreshTokenLifeSeconds: Seconds,
}

/// What a metric's numbers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Count,
    CountPerSecond,
    Milliseconds,
    Seconds,
}

impl Unit {
    /// As `CloudWatch` calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::CountPerSecond => "Count/Second",
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
        }
    }
}

/// What was measured since it was last published.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Measured {
    /// Without zeros, in the order of [`Count::ALL`].
    pub counts: Vec<(Count, u64)>,
    /// Up to [`MOST_VALUES`] per metric.
    pub values: BTreeMap<Metric, Vec<f64>>,
}

impl Measured {
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty() && self.values.is_empty()
    }

    /// The metrics that counts add up to.
    pub fn sums(&self) -> BTreeMap<Metric, u64> {
        let mut sums = BTreeMap::new();
        for (count, number) in &self.counts {
            if let Some(metric) = count.metric() {
                *sums.entry(metric).or_default() += number;
            }
        }
        sums
    }
}

/// Takes what was measured out of the process, at once: it does not wait for anybody.
pub trait MetricsSink: Send + Sync {
    fn publish(&self, measured: &Measured);
}

/// What one process measures. Shared by everything that runs in it.
pub struct Metrics {
    clock: Arc<dyn Clock>,
    sink: Arc<dyn MetricsSink>,
    counters: Counters,
    values: Mutex<BTreeMap<Metric, Vec<f64>>>,
}

impl Metrics {
    pub fn new(clock: Arc<dyn Clock>, sink: Arc<dyn MetricsSink>) -> Self {
        Self { clock, sink, counters: Counters::default(), values: Mutex::default() }
    }

    pub fn count(&self, count: Count) {
        self.counters.add(count);
    }

    /// How often it was counted since the last publication.
    pub fn of(&self, count: Count) -> u64 {
        self.counters.of(count)
    }

    /// Notes one value, in the metric's unit.
    pub fn record(&self, metric: Metric, value: f64) {
        let full = {
            let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
            let of_metric = values.entry(metric).or_default();
            of_metric.push(value);
            (of_metric.len() >= MOST_VALUES).then(|| std::mem::take(&mut *values))
        };
        if let Some(values) = full {
            self.sink.publish(&Measured { counts: self.counters.take(), values });
        }
    }

    /// Notes a length of time, of a metric in seconds; less than nothing counts as nothing.
    pub fn record_seconds(&self, metric: Metric, length: Duration) {
        self.record(metric, length.max(Duration::ZERO).as_seconds_f64().round());
    }

    /// Does a piece of work as a stage: in a span of its own, and with its time noted, in tenths of a millisecond.
    pub async fn time<T, E>(&self, stage: Stage, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let span = stage.span();
        let begun_at = self.clock.now();
        let outcome = work.instrument(span.clone()).await;
        if outcome.is_err() {
            mark_failed(&span);
        }
        let elapsed = (self.clock.now() - begun_at).max(Duration::ZERO);
        self.record(stage.metric(), (elapsed.as_seconds_f64() * 10_000.0).round() / 10.0);
        outcome
    }

    /// What was measured since the last call of this.
    pub fn take(&self) -> Measured {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        Measured { counts: self.counters.take(), values: std::mem::take(&mut *values) }
    }

    /// Hands what was measured to the sink; nothing when there is nothing.
    pub fn publish(&self) {
        let measured = self.take();
        if !measured.is_empty() {
            self.sink.publish(&measured);
        }
    }
}
