//! Metrics, kept as they were published.

use domain::metrics::{Measured, MetricsSink};
use std::sync::{Mutex, PoisonError};

/// Keeps every publication.
#[derive(Debug, Default)]
pub struct RecordingMetrics(Mutex<Vec<Measured>>);

impl RecordingMetrics {
    /// Since the last call of this.
    pub fn take(&self) -> Vec<Measured> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl MetricsSink for RecordingMetrics {
    fn publish(&self, measured: &Measured) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(measured.clone());
    }
}
