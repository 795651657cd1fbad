//! The sweep's program, with the events that it takes.

use crate::error::{BenchError, cannot};
use crate::process::Process;
use crate::site::Variables;
use domain::ports::Clock as _;
use lambda_host::Program;
use serde_json::{Value, json};
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::time::Duration;
use time::format_description::well_known::Rfc3339;
use wiring::SystemClock;

/// An invocation of Lambda has 15 minutes at most. Whole sweeps in one invocation get more here: the machine is slower.
pub(crate) const WHOLE_SWEEP: Duration = Duration::from_hours(4);

/// One execution environment of the sweep, initialised.
pub(crate) struct Worker {
    process: Process,
}

impl Deref for Worker {
    type Target = Process;

    fn deref(&self) -> &Process {
        &self.process
    }
}

impl DerefMut for Worker {
    fn deref_mut(&mut self) -> &mut Process {
        &mut self.process
    }
}

impl Worker {
    /// Starts the program and lets it look for an account that is not there: it has read its settings and has its
    /// connections then, and its start is in none of the figures.
    pub(crate) async fn start(program: &Path, variables: Variables) -> Result<Self, BenchError> {
        let program = Program { path: program.to_owned(), arguments: Vec::new(), variables };
        let mut worker = Self { process: Process::start(&program).await? };
        worker.invoke(&json!({ "account": "nobody@lakeside.example" }), WHOLE_SWEEP).await?;
        Ok(worker)
    }

    /// A tick of the schedule.
    pub(crate) async fn tick(&mut self) -> Result<Value, BenchError> {
        self.invoke(&tick()?, WHOLE_SWEEP).await
    }

    /// How many accounts are due now.
    pub(crate) async fn due(&mut self) -> Result<u64, BenchError> {
        let answer = self.invoke(&json!({ "dryRun": true }), WHOLE_SWEEP).await?;
        let due = answer["due"].as_u64();
        due.ok_or_else(|| BenchError::NotMeasured(format!("a dry run answered {answer}")))
    }
}

/// A tick of the schedule, as EventBridge sends it. Each is another one.
pub(crate) fn tick() -> Result<Value, BenchError> {
    let time = SystemClock.now().format(&Rfc3339).map_err(cannot("write the time"))?;
    Ok(json!({ "detail-type": "Scheduled Event", "source": "aws.events", "time": time }))
}
