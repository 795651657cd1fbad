//! What EventBridge's rule does in a deployment.

use crate::sweeper::Sweeper;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// Sweeps every so often until `stop` turns true; a sweep that has begun is ended first.
pub(crate) async fn run(sweeper: Sweeper, every: Duration, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval_at(Instant::now() + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // An error means that the stack was dropped, which is a stop too.
            _ = stop.wait_for(|stop| *stop) => return,
            _ = ticks.tick() => {}
        }
        // The function logs its own failures.
        let _ = sweeper.tick().await;
    }
}
