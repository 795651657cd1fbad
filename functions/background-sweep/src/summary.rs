//! What the invocation answers.

use domain::account::{FailureClass, TurnOutcome};
use domain::identity::HomeAccountId;
use domain::shard_task::ShardTask;
use domain::sweep_accounts::{DryRun, SweepReport, TickReport};
use domain::turn::TurnReport;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use time::Duration;

/// The answer to an event; each shape of event has its own.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Summary(Summary),
    Batch(BatchAnswer),
    DryRun(DryRunSummary),
}

/// To a batch of the queue: which messages are to be delivered again (`ReportBatchItemFailures`).
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchAnswer {
    pub batch_item_failures: Vec<BatchItemFailure>,
    /// What was done, for hosts in the same process.
    #[serde(skip)]
    pub summary: Summary,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchItemFailure {
    pub item_identifier: String,
}

/// What a sweep would do now.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DryRunSummary {
    pub due: u64,
    /// By shard; shards without any are left out.
    pub shards: BTreeMap<String, u64>,
    pub lag_seconds: i64,
    /// More are due than were counted.
    pub cut: bool,
}

/// How many accounts ended how; for a direct invocation also the turns themselves.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub outcomes: BTreeMap<TurnOutcome, u64>,
    pub stopped_early: bool,
    /// For how long the account that waited longest had been due; `None` where nobody looked, or not everywhere.
    #[serde(rename = "lagSeconds", serialize_with = "as_seconds")]
    pub lag: Option<Duration>,
    /// Accounts that were found due and had no turn here; where `stopped_early`, there may be more that were not read.
    pub remaining: u64,
    /// To a tick that was handed to the queue: how many tasks it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dispatched: Option<usize>,
    /// The tick was delivered before, and nothing was done.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub repeated: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub turns: Vec<TurnSummary>,
}

/// One turn, for whoever asked for this account.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnSummary {
    pub account: HomeAccountId,
    pub outcome: TurnOutcome,
    pub failure_class: Option<FailureClass>,
    pub code: Option<String>,
    pub suberror: Option<String>,
    pub reason: Option<String>,
}

impl Answer {
    /// What was done; of a dry run nothing.
    pub fn into_summary(self) -> Summary {
        match self {
            Self::Summary(summary) => summary,
            Self::Batch(batch) => batch.summary,
            Self::DryRun(_) => Summary::default(),
        }
    }

    pub(crate) fn log(&self) {
        match self {
            Self::Summary(summary) => summary.log(),
            // Each task has logged its own.
            Self::Batch(_) => {}
            Self::DryRun(found) => {
                tracing::info!(event = "sweep.dry_run", due = found.due, lag_seconds = found.lag_seconds);
            }
        }
    }
}

impl BatchAnswer {
    pub(crate) fn fail(&mut self, message_id: String) {
        let failure = BatchItemFailure { item_identifier: message_id };
        if !self.batch_item_failures.contains(&failure) {
            self.batch_item_failures.push(failure);
        }
    }

    pub(crate) fn add(&mut self, done: Summary) {
        for (outcome, number) in done.outcomes {
            *self.summary.outcomes.entry(outcome).or_default() += number;
        }
        self.summary.stopped_early |= done.stopped_early;
        self.summary.lag = self.summary.lag.max(done.lag);
        self.summary.remaining += done.remaining;
    }
}

impl Summary {
    /// The line of one task.
    pub(crate) fn log_task(&self, task: &ShardTask, handed_on: bool) {
        tracing::info!(event = "sweep.task_done", shard = %task.shard, hop = task.hop, handed_on);
        self.log();
    }

    pub(crate) fn log(&self) {
        let lag_seconds = self.lag.map(Duration::whole_seconds);
        if self.repeated || self.dispatched.is_some() {
            tracing::info!(
                event = "sweep.tick",
                repeated = self.repeated,
                tasks = self.dispatched,
                lag_seconds
            );
            return;
        }
        let count = |outcome| self.outcomes.get(&outcome).copied().unwrap_or_default();
        tracing::info!(
            event = "sweep.completed",
            accounts = self.outcomes.values().sum::<u64>(),
            acted = count(TurnOutcome::Acted),
            unchanged = count(TurnOutcome::Unchanged),
            skipped = count(TurnOutcome::Skipped),
            throttled = count(TurnOutcome::Throttled),
            retry_later = count(TurnOutcome::RetryLater),
            needs_user = count(TurnOutcome::NeedsUser),
            missing_tokens = count(TurnOutcome::MissingTokens),
            ended = count(TurnOutcome::Ended),
            credential_fault = count(TurnOutcome::CredentialFault),
            stopped_early = self.stopped_early,
            lag_seconds,
            remaining = self.remaining,
        );
    }
}

#[expect(clippy::ref_option, reason = "serde passes the field by reference")]
fn as_seconds<S: Serializer>(lag: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    lag.map(Duration::whole_seconds).serialize(serializer)
}

impl From<SweepReport> for Summary {
    fn from(report: SweepReport) -> Self {
        Self {
            outcomes: report.outcomes,
            stopped_early: report.stopped_early,
            lag: Some(report.lag),
            remaining: report.remaining,
            ..Self::default()
        }
    }
}

impl From<TickReport> for Summary {
    fn from(report: TickReport) -> Self {
        match report {
            TickReport::Swept(report) => report.into(),
            TickReport::Dispatched { tasks, lag } => Self { dispatched: Some(tasks), lag, ..Self::default() },
            TickReport::Repeated => Self { repeated: true, ..Self::default() },
        }
    }
}

impl From<DryRun> for DryRunSummary {
    fn from(found: DryRun) -> Self {
        Self {
            due: found.due.values().sum(),
            shards: found.due.into_iter().map(|(shard, number)| (shard.to_string(), number)).collect(),
            lag_seconds: found.lag.whole_seconds(),
            cut: found.cut,
        }
    }
}

impl From<Vec<TurnReport>> for Summary {
    fn from(turns: Vec<TurnReport>) -> Self {
        let mut outcomes = BTreeMap::new();
        for turn in &turns {
            *outcomes.entry(turn.outcome).or_default() += 1;
        }
        let turns = turns.iter().map(TurnSummary::from).collect();
        Self { outcomes, turns, ..Self::default() }
    }
}

impl From<&TurnReport> for TurnSummary {
    fn from(turn: &TurnReport) -> Self {
        let failure = turn.failure.as_ref();
        Self {
            account: turn.account,
            outcome: turn.outcome,
            failure_class: failure.map(|failure| failure.class),
            code: failure.and_then(|failure| failure.code).map(|code| format!("AADSTS{code}")),
            suberror: failure.and_then(|failure| failure.suberror.clone()),
            reason: turn.reason.clone(),
        }
    }
}
