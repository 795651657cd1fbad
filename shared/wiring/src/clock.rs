//! The real time, real waiting and real chance.

use async_trait::async_trait;
use domain::ports::{Chance, Clock, Timer};
use time::{Duration, OffsetDateTime};

/// The system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where the time is read")]
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

/// Randomness for jitter; not for anything secret.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemChance;

impl Chance for SystemChance {
    fn fraction(&self) -> f64 {
        fastrand::f64()
    }
}

/// Waits on the runtime's timer.
#[derive(Debug, Clone, Copy, Default)]
pub struct RuntimeTimer;

#[async_trait]
impl Timer for RuntimeTimer {
    async fn wait(&self, pause: Duration) {
        tokio::time::sleep(pause.unsigned_abs()).await;
    }
}
