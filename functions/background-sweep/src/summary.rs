//! What the invocation answers.

use domain::account::{FailureClass, TurnOutcome};
use domain::identity::HomeAccountId;
use domain::sweep_accounts::SweepReport;
use domain::turn::TurnReport;
use serde::Serialize;
use std::collections::BTreeMap;

/// How many accounts ended how; for a direct invocation also the turns themselves.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    pub outcomes: BTreeMap<TurnOutcome, u64>,
    pub stopped_early: bool,
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

impl Summary {
    pub(crate) fn log(&self) {
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
        );
    }
}

impl From<SweepReport> for Summary {
    fn from(report: SweepReport) -> Self {
        Self { outcomes: report.outcomes, stopped_early: report.stopped_early, turns: Vec::new() }
    }
}

impl From<Vec<TurnReport>> for Summary {
    fn from(turns: Vec<TurnReport>) -> Self {
        let mut outcomes = BTreeMap::new();
        for turn in &turns {
            *outcomes.entry(turn.outcome).or_default() += 1;
        }
        Self { outcomes, stopped_early: false, turns: turns.iter().map(TurnSummary::from).collect() }
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
