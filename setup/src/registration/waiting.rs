//! How this program waits, which tests do not.

use std::time::Duration;

use futures::future::BoxFuture;

/// Waits for real, or only says so.
pub trait Waits: Send + Sync {
    /// Completes after `pause`.
    fn wait(&self, pause: Duration) -> BoxFuture<'_, ()>;
}

/// Waits for real.
#[derive(Debug, Clone, Copy)]
pub struct RealTime;

impl Waits for RealTime {
    fn wait(&self, pause: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(pause))
    }
}
