//! Sweeps of all accounts, at several numbers of accounts in flight.

use super::requests::expect;
use super::subject::{SOON, Subject};
use crate::error::{BenchError, cannot};
use crate::process::Process;
use entra_emulator::Emulator;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Accounts in flight.
pub(crate) const CONCURRENCIES: [u32; 4] = [1, 8, 32, 128];

/// Longer than any sweep takes here.
const TIME_LIMIT: Duration = Duration::from_mins(5);

/// An access token so short-lived is within the margin (5 minutes) in which nobody serves it, so that each turn redeems a
/// refresh token.
const TOO_SHORT_SECONDS: u32 = 240;

/// Where tokens come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    Cached,
    Refreshed,
}

impl Kind {
    pub(crate) const ALL: [Self; 2] = [Self::Cached, Self::Refreshed];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Cached => "cached tokens",
            Self::Refreshed => "refreshed tokens",
        }
    }
}

/// One sweep.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sweep {
    pub(crate) kind: Kind,
    pub(crate) concurrency: u32,
    pub(crate) accounts: u32,
    pub(crate) wall_seconds: f64,
    /// Of the worker's process.
    pub(crate) processor_seconds: f64,
}

impl Sweep {
    pub(crate) fn per_second(&self) -> f64 {
        f64::from(self.accounts) / self.wall_seconds
    }

    pub(crate) fn per_processor_second(&self) -> f64 {
        f64::from(self.accounts) / self.processor_seconds
    }
}

/// The workers of one subject, one process for each number of accounts in flight.
pub(crate) struct Workers {
    subject: Subject,
    processes: BTreeMap<u32, Process>,
    last_ended: Instant,
}

impl Workers {
    pub(crate) async fn start(subject: &Subject, concurrencies: &[u32]) -> Result<Self, BenchError> {
        let mut processes = BTreeMap::new();
        for concurrency in concurrencies {
            let process = Process::start(&subject.sweep(*concurrency)).await?;
            process.initialised().await?;
            processes.insert(*concurrency, process);
        }
        Ok(Self { subject: subject.clone(), processes, last_ended: Instant::now() })
    }

    /// Somebody else has just swept the same accounts: they are due later.
    pub(crate) fn others_swept(&mut self) {
        self.last_ended = Instant::now();
    }

    /// Sweeps all accounts once. The emulator's counters must say that each was acted for, with a token of this kind.
    pub(crate) async fn sweep(
        &mut self,
        emulator: &Emulator,
        kind: Kind,
        concurrency: u32,
    ) -> Result<Sweep, BenchError> {
        // Turns are due by whole seconds.
        let due_at = self.last_ended + Duration::from_secs(u64::from(SOON) + 1);
        tokio::time::sleep_until(due_at.into()).await;
        emulator.reset_requests();
        let Self { subject, processes, .. } = self;
        let process = processes.get_mut(&concurrency).ok_or_else(|| {
            BenchError::NotMeasured(format!("no worker was started for {concurrency} accounts in flight"))
        })?;
        let event = subject.sweep_event(concurrency)?;
        let processor = process.processor_time()?;
        let begun = Instant::now();
        let answer = process.invoke(&event, TIME_LIMIT).await?;
        let wall_seconds = begun.elapsed().as_secs_f64();
        let processor = process.processor_time()?.saturating_sub(processor);
        self.last_ended = Instant::now();
        self.check(emulator, kind, &answer)?;
        Ok(Sweep {
            kind,
            concurrency,
            accounts: self.subject.accounts,
            wall_seconds,
            processor_seconds: processor.as_secs_f64(),
        })
    }

    fn check(&self, emulator: &Emulator, kind: Kind, answer: &Value) -> Result<(), BenchError> {
        let (name, accounts) = (self.subject.name, self.subject.accounts);
        if self.subject.acted(answer) != u64::from(accounts) {
            let expected = format!("{name}: expected {accounts} accounts acted for");
            return Err(BenchError::NotMeasured(format!("{expected}, the sweep answered {answer}")));
        }
        let accounts = usize::try_from(accounts).unwrap_or(usize::MAX);
        expect(emulator, "token.refresh", if kind == Kind::Cached { 0 } else { accounts })?;
        expect(emulator, "graph.me", accounts)
    }

    /// The most memory that any of them ever had, in KiB.
    pub(crate) fn peak_kib(&self) -> Result<u64, BenchError> {
        let mut peak = 0;
        for process in self.processes.values() {
            peak = peak.max(process.memory()?.peak_kib);
        }
        Ok(peak)
    }

    pub(crate) async fn stop(self) {
        for process in self.processes.values() {
            process.stop().await;
        }
    }
}

/// Lets the emulator issue access tokens that have to be renewed in each turn, or such as it usually issues.
pub(crate) fn set_token_life(emulator: &Emulator, kind: Kind) -> Result<(), BenchError> {
    let seconds = (kind == Kind::Refreshed).then_some(TOO_SHORT_SECONDS);
    emulator
        .change_scenarios(&json!({ "accessTokenLifetimeSeconds": seconds }))
        .map_err(cannot("set the life of access tokens"))?;
    Ok(())
}
