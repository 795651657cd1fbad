//! The sweep that was started on the page: one at a time, and it goes on when the browser goes away.

use crate::sweeper::Sweeper;
use domain::account::TurnOutcome;
use domain::sweep_accounts::TurnObserver;
use domain::turn::TurnReport;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Clones share it.
#[derive(Clone, Default)]
pub(super) struct Run(Arc<Mutex<Shown>>);

/// What is said about it.
#[derive(Clone, Default)]
pub(super) struct Shown {
    pub(super) running: bool,
    pub(super) done: u64,
    outcomes: BTreeMap<TurnOutcome, u64>,
    /// What was said last about something else.
    message: Option<String>,
    finished: bool,
    error: Option<String>,
}

impl Shown {
    pub(super) fn text(&self) -> String {
        if let Some(message) = &self.message {
            return message.clone();
        }
        if let Some(error) = &self.error {
            return format!("The sweep failed after {} accounts: {error}", self.done);
        }
        if !self.running && !self.finished {
            return String::new();
        }
        let mut text = if self.running {
            format!("Sweeping: {} accounts so far", self.done)
        } else if self.done == 0 {
            return "Nothing was due.".to_owned();
        } else {
            format!("Swept {} accounts", self.done)
        };
        for (index, (outcome, number)) in self.outcomes.iter().enumerate() {
            let before = if index == 0 { ": " } else { ", " };
            let _ = write!(text, "{before}{number} {}", words(*outcome));
        }
        text.push('.');
        text
    }
}

/// An outcome as a person reads it.
pub(super) fn words(outcome: TurnOutcome) -> &'static str {
    match outcome {
        TurnOutcome::Acted => "acted",
        TurnOutcome::Unchanged => "unchanged",
        TurnOutcome::Skipped => "skipped",
        TurnOutcome::Throttled => "throttled",
        TurnOutcome::RetryLater => "to be retried",
        TurnOutcome::NeedsUser => "need their user",
        TurnOutcome::MissingTokens => "without tokens",
        TurnOutcome::Ended => "ended by their user",
        TurnOutcome::CredentialFault => "stopped by our own credential",
    }
}

impl TurnObserver for Run {
    fn turn_ended(&self, report: &TurnReport) {
        let mut shown = self.lock();
        shown.done += 1;
        *shown.outcomes.entry(report.outcome).or_default() += 1;
    }
}

impl Run {
    pub(super) fn shown(&self) -> Shown {
        self.lock().clone()
    }

    /// Says something, unless a sweep is running that says more.
    pub(super) fn tell(&self, message: String) {
        let mut shown = self.lock();
        if !shown.running {
            *shown = Shown { message: Some(message), ..Shown::default() };
        }
    }

    /// Sweeps all that is due, unless that is being done already.
    pub(super) fn start(&self, sweeper: Sweeper) {
        {
            let mut shown = self.lock();
            if shown.running {
                return;
            }
            *shown = Shown { running: true, ..Shown::default() };
        }
        let run = self.clone();
        tokio::spawn(async move {
            let answer = sweeper.watched(&sweeper.scheduled_event(), &run).await;
            let mut shown = run.lock();
            shown.running = false;
            shown.finished = true;
            shown.error = answer.err().map(|error| error.to_string());
            tracing::info!(event = "accounts_page.swept", accounts = shown.done);
        });
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
