//! Where the emulator's time comes from.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use time::{Duration, OffsetDateTime};

/// The time the emulator starts from; `POST /emulator/api/clock/advance` adds to it.
pub trait Clock: Send + Sync {
    /// The current instant in UTC.
    fn now(&self) -> OffsetDateTime;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this adapter is the one place that reads the machine's clock"
    )]
    fn now(&self) -> OffsetDateTime {
        OffsetDateTime::now_utc()
    }
}

/// A clock that stands still until it is told to move, for tests.
#[derive(Debug)]
pub struct ManualClock(Mutex<OffsetDateTime>);

impl ManualClock {
    /// A clock that shows `now` until [`ManualClock::advance`] is called.
    pub fn at(now: OffsetDateTime) -> Self {
        Self(Mutex::new(now))
    }

    /// Moves the clock by `step`; a negative step goes back.
    pub fn advance(&self, step: Duration) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) += step;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> OffsetDateTime {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock plus the seconds added through the control API.
pub(crate) struct ShiftedClock {
    base: Arc<dyn Clock>,
    offset_seconds: AtomicI64,
}

/// The control API refuses to leave this distance from the base clock: ten years, in seconds.
const MAX_OFFSET_SECONDS: i64 = 10 * 366 * 86_400;

impl ShiftedClock {
    pub(crate) fn new(base: Arc<dyn Clock>) -> Self {
        Self { base, offset_seconds: AtomicI64::new(0) }
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.base.now() + Duration::seconds(self.offset_seconds())
    }

    pub(crate) fn offset_seconds(&self) -> i64 {
        self.offset_seconds.load(Ordering::Relaxed)
    }

    /// Adds `seconds` and returns the new offset, or `None` when it would be beyond ten years.
    pub(crate) fn advance(&self, seconds: i64) -> Option<i64> {
        let add = |offset: i64| offset.checked_add(seconds).filter(|sum| sum.abs() <= MAX_OFFSET_SECONDS);
        let before = self.offset_seconds.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(before + seconds)
    }
}
