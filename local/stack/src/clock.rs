//! One clock for the API, the sweep and the emulator, which can be moved on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use time::{Duration, OffsetDateTime};
use wiring::SystemClock;

/// The farthest the clock can be moved: ten years, in seconds.
const FARTHEST_SECONDS: i64 = 10 * 366 * 86_400;

/// The machine's time plus an offset. Clones share the offset.
#[derive(Debug, Clone, Default)]
pub struct OffsetClock {
    offset_seconds: Arc<AtomicI64>,
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
        let add = |offset: i64| {
            let sum = offset.checked_add(seconds)?;
            (seconds >= 0 && sum <= FARTHEST_SECONDS).then_some(sum)
        };
        self.offset_seconds
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
            .map(|before| before + seconds)
            .map_err(|_| RefusedStep { seconds })
    }

    fn time(&self) -> OffsetDateTime {
        domain::ports::Clock::now(&SystemClock)
            + Duration::seconds(self.offset_seconds.load(Ordering::Relaxed))
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

    #[test]
    fn the_clock_never_goes_back_or_out_of_range() {
        let clock = OffsetClock::default();
        for seconds in [-1, i64::MIN, i64::MAX, FARTHEST_SECONDS + 1] {
            assert_eq!(clock.advance(seconds), Err(RefusedStep { seconds }));
        }
        assert_eq!(clock.advance(0), Ok(0));
    }
}
