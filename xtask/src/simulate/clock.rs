//! Simulated time, in steps.

use time::{Duration, OffsetDateTime};

/// A moment, or a length of time, in steps of 50 ms. Shorter things (a claim that is lost, an empty page) take no time.
pub(super) type Steps = u32;

pub(super) const PER_SECOND: Steps = 20;

const STEP_MILLISECONDS: i64 = 50;

pub(super) const fn seconds(seconds: u32) -> Steps {
    seconds * PER_SECOND
}

pub(super) fn in_seconds(steps: Steps) -> f64 {
    f64::from(steps) / f64::from(PER_SECOND)
}

/// The moment as the product's own rules take it.
pub(super) fn moment(steps: Steps) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::milliseconds(i64::from(steps) * STEP_MILLISECONDS)
}
