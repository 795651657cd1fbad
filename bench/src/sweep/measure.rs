//! One run: accounts, and the sweeps of all of them.

use super::worker::Worker;
use crate::error::{BenchError, cannot};
use crate::figures::grouped;
use crate::processor;
use crate::site::Site;
use crate::store::STORE_THREADS;
use axum::Router;
use domain::identity::Pseudonyms;
use serde::Serialize;
use serde_json::{Value, json};
use stack::{BusOptions, EventBus, OffsetClock};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Mutex, watch};

/// How the accounts of a sweep got their tokens, and who swept them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// One invocation for all; each account redeems its refresh token.
    Refreshed,
    /// One invocation for all; each account's token is in its cache.
    Cached,
    /// Invocations that run out of time and hand on by cursor; tokens as with `Cached`.
    HandedOn,
}

/// One sweep of all accounts.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SweepFigures {
    pub(crate) kind: Kind,
    pub(crate) invocations: u64,
    pub(crate) wall_seconds: f64,
    /// Processor time.
    pub(crate) worker_seconds: f64,
    pub(crate) store_seconds: f64,
    /// Of the emulator, and the little that measuring takes.
    pub(crate) emulator_seconds: f64,
    /// Of everything else that the machine did meanwhile.
    pub(crate) elsewhere_seconds: f64,
}

/// A worker's resident memory, in KiB.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "a bare number carries its unit")]
pub(crate) struct MemoryFigures {
    /// Before its first sweep.
    pub(crate) start_kib: u64,
    /// After its last one.
    pub(crate) end_kib: u64,
    /// The most there ever was.
    pub(crate) peak_kib: u64,
}

/// What one run showed.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunFigures {
    pub(crate) accounts: u32,
    pub(crate) seeding_seconds: f64,
    pub(crate) sweeps: Vec<SweepFigures>,
    /// Of the worker that sweeps all in one invocation.
    pub(crate) whole: MemoryFigures,
    /// Of the worker that hands on.
    pub(crate) handed_on: MemoryFigures,
}

/// Accounts of whole sweeps are due again after so many seconds; those of the last sweep are not.
const SOON: u32 = 1;
const LATE: u32 = 3_600;

/// Sweeps of cached tokens in one run, by accounts: short ones are repeated.
fn repetitions(accounts: u32) -> u32 {
    match accounts {
        0..=3_000 => 3,
        3_001..=30_000 => 2,
        _ => 1,
    }
}

/// The time of an invocation that hands on. Half of it, at least, is for turns; a shard may be handed on 100 times.
fn time_limit(accounts: u32) -> Duration {
    Duration::from_secs(4) + Duration::from_millis(u64::from(accounts) / 20)
}

pub(crate) async fn run(
    accounts: u32,
    program: &Path,
    folder: &Path,
    store: &Handle,
) -> Result<RunFigures, BenchError> {
    let begun = Instant::now();
    let site = Site::start(folder, store).await?;
    site.seed(accounts, 0).await?;
    let seeding_seconds = begun.elapsed().as_secs_f64();
    eprintln!("  accounts made in {seeding_seconds:.1} s");

    let mut sweeps = Vec::new();
    let mut worker = Worker::start(program, site.worker_variables(SOON)).await?;
    let start_kib = worker.memory()?.resident_kib;
    sweeps.push(whole(&mut worker, Kind::Refreshed, accounts).await?);
    for _ in 0..repetitions(accounts) {
        all_are_due().await;
        sweeps.push(whole(&mut worker, Kind::Cached, accounts).await?);
    }
    let memory = worker.memory()?;
    let whole = MemoryFigures { start_kib, end_kib: memory.resident_kib, peak_kib: memory.peak_kib };
    worker.stop().await;

    all_are_due().await;
    let (sweep, handed_on) = handed_on(&site, program, accounts).await?;
    sweeps.push(sweep);
    site.stop().await?;
    Ok(RunFigures { accounts, seeding_seconds, sweeps, whole, handed_on })
}

/// Turns are due by whole seconds, on the machine's clock.
async fn all_are_due() {
    tokio::time::sleep(Duration::from_secs(u64::from(SOON) + 1)).await;
}

async fn whole(worker: &mut Worker, kind: Kind, accounts: u32) -> Result<SweepFigures, BenchError> {
    let before = Reading::now(worker)?;
    let answer = worker.tick().await?;
    let figures = before.until_now(worker, kind, accounts, 1)?;
    let outcome = if kind == Kind::Refreshed { "acted" } else { "unchanged" };
    if answer["outcomes"] == json!({ outcome: accounts }) {
        return Ok(figures);
    }
    Err(BenchError::NotMeasured(format!(
        "expected {accounts} accounts {outcome}, the sweep answered {answer}"
    )))
}

/// A tick that hands all shards to a queue, whose tasks one worker does, one after the other.
async fn handed_on(
    site: &Site,
    program: &Path,
    accounts: u32,
) -> Result<(SweepFigures, MemoryFigures), BenchError> {
    let options = BusOptions { max_concurrency: 1, ..BusOptions::default() };
    let bus = EventBus::new(&options, OffsetClock::default(), Pseudonyms::new("bench"));
    let mut variables = site.worker_variables(LATE);
    variables.push(("EVENT_BUS_NAME".to_owned(), "local".to_owned()));
    variables.push(("AWS_ENDPOINT_URL_EVENTBRIDGE".to_owned(), serve(bus.router()).await?));
    let mut worker = Worker::start(program, variables).await?;
    let start_kib = worker.memory()?.resident_kib;

    let before = Reading::now(&worker)?;
    let ticked = worker.tick().await?;
    if ticked["dispatched"].as_u64().is_none_or(|tasks| tasks == 0) {
        return Err(BenchError::NotMeasured(format!("expected tasks, the tick answered {ticked}")));
    }
    let (worker, invocations) = (Arc::new(Mutex::new(worker)), Arc::new(AtomicU64::new(0)));
    let stop = watch::Sender::new(false);
    let function = {
        let (worker, invocations) = (worker.clone(), invocations.clone());
        move |event: Value| {
            let (worker, invocations) = (worker.clone(), invocations.clone());
            async move {
                invocations.fetch_add(1, Ordering::Relaxed);
                let answer = worker.lock().await.invoke(&event, time_limit(accounts)).await;
                answer.map_err(|error| error.to_string())
            }
        }
    };
    let queue = tokio::spawn(bus.clone().run(function, stop.subscribe()));
    bus.settled().await;
    let mut worker = worker.lock().await;
    let figures = before.until_now(&worker, Kind::HandedOn, accounts, invocations.load(Ordering::Relaxed))?;
    let memory = worker.memory()?;
    stop.send_replace(true);
    queue.await.map_err(cannot("end the queue"))?;

    let (state, left) = (bus.state(), worker.due().await?);
    worker.stop().await;
    if state.hidden > 0 || !state.dead_letters.is_empty() || left > 0 {
        let failed = state.hidden + state.dead_letters.len();
        return Err(BenchError::NotMeasured(format!(
            "{failed} tasks failed and {left} accounts are still due after the sweep that is handed on"
        )));
    }
    let memory = MemoryFigures { start_kib, end_kib: memory.resident_kib, peak_kib: memory.peak_kib };
    Ok((figures, memory))
}

async fn serve(router: Router) -> Result<String, BenchError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(cannot("listen"))?;
    let address = listener.local_addr().map_err(cannot("listen"))?;
    // Until this process ends; what breaks shows in the sweep.
    tokio::spawn(async move { drop(axum::serve(listener, router).await) });
    Ok(format!("http://{address}"))
}

/// What was used until a moment.
struct Reading {
    at: Instant,
    worker: Duration,
    store: Duration,
    others: Duration,
    machine: Duration,
}

impl Reading {
    fn now(worker: &Worker) -> Result<Self, BenchError> {
        let (store, others) = processor::of_own_threads(STORE_THREADS)?;
        let (worker, machine) = (worker.processor_time()?, processor::of_machine()?);
        Ok(Self { worker, store, others, machine, at: Instant::now() })
    }

    fn until_now(
        &self,
        worker: &Worker,
        kind: Kind,
        accounts: u32,
        invocations: u64,
    ) -> Result<SweepFigures, BenchError> {
        let now = Self::now(worker)?;
        let since = |now: Duration, then: Duration| now.saturating_sub(then).as_secs_f64();
        let ours =
            (now.worker + now.store + now.others).saturating_sub(self.worker + self.store + self.others);
        let figures = SweepFigures {
            kind,
            invocations,
            wall_seconds: (now.at - self.at).as_secs_f64(),
            worker_seconds: since(now.worker, self.worker),
            store_seconds: since(now.store, self.store),
            emulator_seconds: since(now.others, self.others),
            elsewhere_seconds: since(now.machine, self.machine + ours),
        };
        let rate = f64::from(accounts) / figures.wall_seconds;
        eprintln!(
            "  {:<10} {:>8} accounts in {:>6.1} s, {rate:.0} per second",
            kind.name(),
            grouped(accounts.into()),
            figures.wall_seconds
        );
        Ok(figures)
    }
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Refreshed => "refreshed",
            Self::Cached => "cached",
            Self::HandedOn => "handed on",
        }
    }
}
