//! The sweep's program in a process of its own, invoked as Lambda does it.

use crate::error::{BenchError, cannot};
use crate::processor;
use domain::ports::Clock as _;
use lambda_host::{ExecutionEnvironment, Invocation, Memory, Program};
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use time::format_description::well_known::Rfc3339;
use wiring::SystemClock;

/// An invocation of Lambda has 15 minutes at most. Whole sweeps in one invocation get more here: the machine is slower.
pub(crate) const WHOLE_SWEEP: Duration = Duration::from_hours(4);

/// One execution environment of the sweep, initialised.
pub(crate) struct Worker {
    process: ExecutionEnvironment,
}

impl Worker {
    /// Starts the program and lets it look for an account that is not there: it has read its settings and has its
    /// connections then, and its start is in none of the figures.
    pub(crate) async fn start(program: &Path, variables: Vec<(String, String)>) -> Result<Self, BenchError> {
        let program = Program { path: program.to_owned(), arguments: Vec::new(), variables };
        let process = ExecutionEnvironment::start(&program).await.map_err(cannot("start a worker"))?;
        let mut worker = Self { process };
        worker.invoke(&json!({ "account": "nobody@lakeside.example" }), WHOLE_SWEEP).await?;
        Ok(worker)
    }

    pub(crate) async fn invoke(&mut self, event: &Value, time_limit: Duration) -> Result<Value, BenchError> {
        let invocation = Invocation { event, now: SystemClock.now(), time_limit, client_context: None };
        self.process.invoke(invocation).await.map_err(cannot("invoke a worker"))
    }

    /// A tick of the schedule, as EventBridge sends it.
    pub(crate) async fn tick(&mut self) -> Result<Value, BenchError> {
        let time = SystemClock.now().format(&Rfc3339).map_err(cannot("write the time"))?;
        let event = json!({ "detail-type": "Scheduled Event", "source": "aws.events", "time": time });
        self.invoke(&event, WHOLE_SWEEP).await
    }

    /// How many accounts are due now.
    pub(crate) async fn due(&mut self) -> Result<u64, BenchError> {
        let answer = self.invoke(&json!({ "dryRun": true }), WHOLE_SWEEP).await?;
        let due = answer["due"].as_u64();
        due.ok_or_else(|| BenchError::NotMeasured(format!("a dry run answered {answer}")))
    }

    /// Ends the process before the API that it waits at: it would complain of that.
    pub(crate) async fn stop(&self) {
        self.process.killer().kill().await;
    }

    pub(crate) fn memory(&self) -> Result<Memory, BenchError> {
        let gone = || BenchError::NotMeasured("the system does not tell the worker's memory".to_owned());
        self.process.memory().ok_or_else(gone)
    }

    pub(crate) fn processor_time(&self) -> Result<Duration, BenchError> {
        processor::of_process(self.process.pid())
    }
}
