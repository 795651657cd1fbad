//! The function at the end of the queue, and what its workers did.

use crate::event_bus::EventBus;
use crate::sweeper::Sweeper;
use background_sweep::{Summary, SweepFailure};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Workers that sweep the shards which a tick puts on the bus.
#[derive(Clone)]
pub(crate) struct Workers {
    bus: EventBus,
    sweeper: Sweeper,
    /// Added up over all of them, since it was last taken.
    done: Arc<Mutex<Summary>>,
}

impl Workers {
    pub(crate) fn new(bus: EventBus, sweeper: Sweeper) -> Self {
        Self { bus, sweeper, done: Arc::default() }
    }

    pub(crate) fn bus(&self) -> &EventBus {
        &self.bus
    }

    /// Works until `stop` turns true, then to the end of what has been begun.
    pub(crate) async fn run(self, stop: watch::Receiver<bool>) {
        let bus = self.bus.clone();
        let function = move |event: Value| {
            let workers = self.clone();
            async move { workers.work(event).await }
        };
        bus.run(function, stop).await;
    }

    async fn work(&self, event: Value) -> Result<Value, String> {
        let answer = self.sweeper.invoke(event).await.map_err(|failure| failure.to_string())?;
        let json = serde_json::to_value(&answer).map_err(|error| error.to_string())?;
        self.add(answer.into_summary());
        Ok(json)
    }

    /// What EventBridge's schedule does, and then waits for the workers: the summary is theirs. What they do for other
    /// ticks in the meantime counts too.
    pub(crate) async fn tick(&self) -> Result<Summary, SweepFailure> {
        self.take_done();
        let tick = self.sweeper.tick().await?;
        if tick.dispatched.is_none() {
            return Ok(tick);
        }
        self.bus.settled().await;
        Ok(Summary { dispatched: tick.dispatched, ..self.take_done() })
    }

    fn add(&self, done: Summary) {
        let mut all = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        for (outcome, number) in done.outcomes {
            *all.outcomes.entry(outcome).or_default() += number;
        }
        all.stopped_early |= done.stopped_early;
        all.lag = all.lag.max(done.lag);
        all.remaining += done.remaining;
    }

    fn take_done(&self) -> Summary {
        std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
