//! The environments that Lambda would have: each takes one batch at a time, and a dead one is replaced.

use crate::error::{SoakError, cannot};
use crate::sweep::environment::client_context;
use crate::sweep::gate::Gate;
use crate::sweep::kills::Kills;
use crate::sweep::ledger::{Ledger, Process};
use crate::tally::Tally;
use axum::Router;
use domain::ports::Clock as _;
use lambda_host::{ExecutionEnvironment, Invocation, InvokeError, Program};
use serde_json::Value;
use stack::OffsetClock;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Groups of the tally.
const INVOCATIONS: &str = "invocations";
const TASKS: &str = "tasks";
const OUTCOMES: &str = "function failures";

/// A worker process in its place.
struct Worker {
    process: Process,
    environment: ExecutionEnvironment,
}

/// What every worker is started with.
pub(super) struct Start {
    /// This program, which is the worker too. Looked up once: a build may put another in its place meanwhile.
    pub(super) program: PathBuf,
    /// All variables but the address of Graph.
    pub(super) variables: Vec<(String, String)>,
    pub(super) emulator: Router,
    pub(super) clock: OffsetClock,
    /// The function's.
    pub(super) time_limit: Duration,
}

pub(super) struct Pool {
    start: Start,
    ledger: Arc<Ledger>,
    kills: Arc<Kills>,
    tally: Arc<Tally>,
    free: Semaphore,
    idle: Mutex<Vec<Worker>>,
    /// Ids of the tasks that somebody handed on.
    handed_on: Mutex<HashSet<String>>,
}

impl Pool {
    pub(super) fn new(
        start: Start,
        workers: usize,
        ledger: Arc<Ledger>,
        kills: Arc<Kills>,
        tally: Arc<Tally>,
    ) -> Self {
        let free = Semaphore::new(workers);
        Self { start, ledger, kills, tally, free, idle: Mutex::default(), handed_on: Mutex::default() }
    }

    /// Hands an event to a worker, as soon as one is free.
    ///
    /// # Errors
    /// In words, for the queue: whoever had it died, or failed.
    pub(super) async fn invoke(&self, event: Value) -> Result<Value, String> {
        // Never an error: nobody closes it.
        let _free = self.free.acquire().await.map_err(|error| error.to_string())?;
        let mut worker = self.worker().await.map_err(|error| error.to_string())?;
        self.note(&event);
        let clock = &self.start.clock;
        let context = client_context(clock.advance(0).unwrap_or_default());
        let invocation = Invocation {
            event: &event,
            now: clock.now(),
            time_limit: self.start.time_limit,
            client_context: Some(&context),
        };
        let answer = worker.environment.invoke(invocation).await;
        self.tally.add(
            INVOCATIONS,
            match &answer {
                Ok(_) => "done",
                Err(InvokeError::Exited { .. }) => "killed",
                Err(InvokeError::TimedOut { .. }) => "past the time limit",
                Err(InvokeError::Function { .. }) => "failed",
            },
        );
        if let Err(InvokeError::Function { error_type, message }) = &answer {
            self.tally.add(OUTCOMES, format!("{error_type}: {message}"));
        }
        if let Some(memory) = worker.environment.memory() {
            self.kills.note_memory(memory.peak_kib);
        }
        self.put_back(worker);
        answer.map_err(|error| error.to_string())
    }

    /// Ids of tasks that were handed on by a worker to the next.
    pub(super) fn handed_on(&self) -> u64 {
        self.handed_on.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    }

    /// Ends the workers, of which none has anything to do.
    pub(super) async fn close(&self) {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        for worker in idle {
            worker.environment.killer().kill().await;
        }
    }

    async fn worker(&self) -> Result<Worker, SoakError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        match idle {
            Some(worker) if !worker.environment.has_exited() => Ok(worker),
            Some(dead) => {
                // Killed while it had nothing to do.
                self.kills.lost(dead.process);
                self.start_worker().await
            }
            None => self.start_worker().await,
        }
    }

    fn put_back(&self, worker: Worker) {
        if worker.environment.has_exited() {
            self.kills.lost(worker.process);
        } else {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
    }

    async fn start_worker(&self) -> Result<Worker, SoakError> {
        let process = self.ledger.add_process();
        let gate = Gate { ledger: self.ledger.clone(), kills: self.kills.clone(), process };
        let graph = gate.open(self.start.emulator.clone()).await?;
        let mut variables = self.start.variables.clone();
        variables.push(("GRAPH_BASE_URL".to_owned(), format!("{graph}/graph/v1.0")));
        let arguments = vec!["environment".to_owned()];
        let program = Program { path: self.start.program.clone(), arguments, variables };
        let environment = ExecutionEnvironment::start(&program).await.map_err(cannot("start a worker"))?;
        self.kills.add_process(process, environment.killer());
        Ok(Worker { process, environment })
    }

    /// Counts what is delivered.
    fn note(&self, event: &Value) {
        let Some(records) = event["Records"].as_array() else { return };
        for record in records {
            self.tally.add(TASKS, "delivered");
            if record["attributes"]["ApproximateReceiveCount"] != "1" {
                self.tally.add(TASKS, "of these again, after a worker died");
            }
            let body: Value =
                record["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
            if body["detail"]["hop"].as_u64().is_some_and(|hop| hop > 0)
                && let Some(id) = body["id"].as_str()
            {
                self.handed_on.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
            }
        }
    }
}
