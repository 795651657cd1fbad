//! What went over the wire lately, for whoever has to find out why a round failed.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Lines since the last [`Trace::restart`]. They name steps and outcomes, never a token.
pub(crate) struct Trace(Mutex<(Instant, Vec<String>)>);

impl Default for Trace {
    fn default() -> Self {
        Self(Mutex::new((Instant::now(), Vec::new())))
    }
}

impl Trace {
    pub(crate) fn restart(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), Vec::new());
    }

    pub(crate) fn note(&self, line: &str) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let at = held.0.elapsed().as_millis();
        held.1.push(format!("  +{at:>5} ms  {line}"));
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }
}
