//! Waiting without losing time, and chance that can be repeated.

use async_trait::async_trait;
use domain::ports::{Chance, Timer};
use stack::OffsetClock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wiring::Time;

/// How much shorter than asked a wait is: a second becomes 5 ms, so that waits keep their order.
const SHORTENED: u32 = 200;

/// Waits a fraction of what is asked, and counts.
#[derive(Default)]
pub(crate) struct QuickTimer {
    waits: AtomicU64,
}

impl QuickTimer {
    pub(crate) fn waits(&self) -> u64 {
        self.waits.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Timer for QuickTimer {
    async fn wait(&self, pause: time::Duration) {
        self.waits.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs_f64(pause.as_seconds_f64().max(0.0)) / SHORTENED).await;
    }
}

/// Jitter from a seed.
pub(crate) struct SeededChance(Mutex<fastrand::Rng>);

impl Chance for SeededChance {
    fn fraction(&self) -> f64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).f64()
    }
}

/// The time of an environment: the common clock, quick waits, chance of its own.
pub(crate) fn quick_time(clock: &OffsetClock, timer: &Arc<QuickTimer>, seed: u64) -> Time {
    let chance = SeededChance(Mutex::new(fastrand::Rng::with_seed(seed)));
    Time { clock: Arc::new(clock.clone()), timer: timer.clone(), chance: Arc::new(chance) }
}
