//! One clock for the API, the sweep and the emulator, which can be moved on.

use std::sync::Arc;
use time::{Duration, OffsetDateTime};
use tokio::sync::watch;
use wiring::SystemClock;

/// The farthest the clock can be moved: ten years, in seconds.
const FARTHEST_SECONDS: i64 = 10 * 366 * 86_400;

/// The machine's time plus an offset. Clones share the offset.
#[derive(Debug, Clone, Default)]
pub struct OffsetClock {
    offset_seconds: Arc<watch::Sender<i64>>,
}

/// A step that [`OffsetClock::advance`] does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of seconds that moves the clock on, by ten years at most in all; got {seconds}")]
pub struct RefusedStep {
    pub seconds: i64,
}

impl OffsetClock {
    /// Moves the clock on and returns the sum of all steps, in seconds. It never goes back: leases and tokens would come
    /// to life again.
    pub fn advance(&self, seconds: i64) -> Result<i64, RefusedStep> {
        let mut result = Err(RefusedStep { seconds });
        self.offset_seconds.send_if_modified(|offset| {
            let sum = offset.checked_add(seconds).filter(|sum| seconds >= 0 && *sum <= FARTHEST_SECONDS);
            if let Some(sum) = sum {
                *offset = sum;
                result = Ok(sum);
            }
            sum.is_some()
        });
        result
    }

    /// Completes when it is `instant`, because time has passed or because the clock was moved on.
    pub(crate) async fn reaches(&self, instant: OffsetDateTime) {
        let mut moved = self.offset_seconds.subscribe();
        loop {
            let left = instant - self.time();
            if !left.is_positive() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(left.unsigned_abs()) => {}
                // Never an error: `self` has the sender.
                _ = moved.changed() => {}
            }
        }
    }

    fn time(&self) -> OffsetDateTime {
        domain::ports::Clock::now(&SystemClock) + Duration::seconds(*self.offset_seconds.borrow())
    }
}

impl domain::ports::Clock for OffsetClock {
    fn now(&self) -> OffsetDateTime {
        self.time()
    }
}

impl entra_emulator::Clock for OffsetClock {
    fn now(&self) -> OffsetDateTime {
        self.time()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_move_together() {
        let clock = OffsetClock::default();
        let before = clock.time();
        assert_eq!(clock.clone().advance(90), Ok(90));
        assert_eq!(clock.advance(10), Ok(100));
        assert!(clock.time() - before >= Duration::seconds(100));
    }

    #[tokio::test]
    async fn moving_the_clock_on_ends_a_wait() {
        let clock = OffsetClock::default();
        let (waiter, instant) = (clock.clone(), clock.time() + Duration::days(365));
        let waiting = tokio::spawn(async move { waiter.reaches(instant).await });
        clock.advance(364 * 86_400).unwrap();
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        clock.advance(2 * 86_400).unwrap();
        waiting.await.unwrap();
    }

    #[test]
    fn the_clock_never_goes_back_or_out_of_range() {
        let clock = OffsetClock::default();
        for seconds in [-1, i64::MIN, i64::MAX, FARTHEST_SECONDS + 1] {
            assert_eq!(clock.advance(seconds), Err(RefusedStep { seconds }));
        }
        assert_eq!(clock.advance(0), Ok(0));
    }
}
