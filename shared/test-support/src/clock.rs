//! A clock that stands still until it is told to move.

use async_trait::async_trait;
use domain::ports::{Clock, Timer};
use std::sync::{Arc, Mutex, PoisonError};
use time::{Duration, OffsetDateTime};

/// Shows one time until it is set or advanced. Clones show the same time.
#[derive(Debug, Clone)]
pub struct FixedClock(Arc<Mutex<OffsetDateTime>>);

impl FixedClock {
    pub fn at(now: OffsetDateTime) -> Self {
        Self(Arc::new(Mutex::new(now)))
    }

    pub fn set(&self, now: OffsetDateTime) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = now;
    }

    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

/// Starts at [`crate::sample::NOW`].
impl Default for FixedClock {
    fn default() -> Self {
        Self::at(crate::sample::NOW)
    }
}

impl Clock for FixedClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waiting takes no time: the clock is moved instead.
#[async_trait]
impl Timer for FixedClock {
    async fn wait(&self, pause: Duration) {
        self.advance(pause);
    }
}
