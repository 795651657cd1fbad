//! Events, kept to be looked at.

use async_trait::async_trait;
use domain::event::DomainEvent;
use domain::ports::{EventPublisher, PublishError};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps what was published; fails on demand.
#[derive(Debug, Default)]
pub struct RecordingEvents(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    events: Vec<DomainEvent>,
    failures: usize,
}

impl RecordingEvents {
    pub fn events(&self) -> Vec<DomainEvent> {
        self.state().events.clone()
    }

    /// The next `times` events do not get out.
    pub fn fail_next(&self, times: usize) {
        self.state().failures = times;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl EventPublisher for RecordingEvents {
    async fn publish(&self, event: DomainEvent) -> Result<(), PublishError> {
        let mut state = self.state();
        if state.failures > 0 {
            state.failures -= 1;
            return Err(PublishError { reason: "the test wants it so".to_owned(), source: None });
        }
        state.events.push(event);
        Ok(())
    }
}
