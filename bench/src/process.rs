//! A function's program in a process of its own, invoked as Lambda does it.

use crate::error::{BenchError, cannot};
use crate::processor;
use domain::ports::Clock as _;
use lambda_host::{ExecutionEnvironment, Invocation, Memory, Program};
use serde_json::Value;
use std::time::{Duration, Instant};
use wiring::SystemClock;

/// One execution environment.
pub(crate) struct Process {
    environment: ExecutionEnvironment,
    started_at: Instant,
}

impl Process {
    /// Returns when the program runs, which is not yet initialised then.
    pub(crate) async fn start(program: &Program) -> Result<Self, BenchError> {
        let started_at = Instant::now();
        let started = ExecutionEnvironment::start(program).await;
        let environment = started.map_err(cannot(format!("start {}", program.path.display())))?;
        Ok(Self { environment, started_at })
    }

    /// Time from the process's start to its first request for an invocation.
    pub(crate) async fn initialised(&self) -> Result<Duration, BenchError> {
        self.environment.initialised().await.map_err(cannot("initialise a function"))?;
        Ok(self.started_at.elapsed())
    }

    pub(crate) fn age(&self) -> Duration {
        self.started_at.elapsed()
    }

    pub(crate) async fn invoke(&mut self, event: &Value, time_limit: Duration) -> Result<Value, BenchError> {
        let invocation = Invocation { event, now: SystemClock.now(), time_limit, client_context: None };
        self.environment.invoke(invocation).await.map_err(cannot("invoke a function"))
    }

    /// Ends the process before the API that it waits at: it would complain of that.
    pub(crate) async fn stop(&self) {
        self.environment.killer().kill().await;
    }

    pub(crate) fn memory(&self) -> Result<Memory, BenchError> {
        let gone = || BenchError::NotMeasured("the system does not tell the process's memory".to_owned());
        self.environment.memory().ok_or_else(gone)
    }

    pub(crate) fn processor_time(&self) -> Result<Duration, BenchError> {
        processor::of_process(self.environment.pid())
    }
}
