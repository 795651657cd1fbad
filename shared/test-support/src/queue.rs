//! The queue of shard tasks, in memory.

use async_trait::async_trait;
use domain::ports::{PublishError, ShardTaskQueue};
use domain::shard_task::ShardTask;
use std::sync::{Mutex, PoisonError};

/// Keeps tasks until a test takes them.
#[derive(Default)]
pub struct RecordingQueue {
    tasks: Mutex<Vec<ShardTask>>,
    failing: Mutex<bool>,
}

impl RecordingQueue {
    /// What was sent since the last call of this.
    pub fn take(&self) -> Vec<ShardTask> {
        std::mem::take(&mut self.tasks.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes nothing from now on, or again.
    pub fn fail(&self, failing: bool) {
        *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = failing;
    }
}

#[async_trait]
impl ShardTaskQueue for RecordingQueue {
    async fn send(&self, tasks: &[ShardTask]) -> Result<(), PublishError> {
        if *self.failing.lock().unwrap_or_else(PoisonError::into_inner) {
            return Err(PublishError { reason: "the queue is shut".to_owned(), source: None });
        }
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(tasks);
        Ok(())
    }
}
