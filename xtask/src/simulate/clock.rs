//! Simulated time, in steps.

/// A moment, or a length of time, in steps of 50 ms. Shorter things (a claim that is lost, an empty page) take no time.
pub(super) type Steps = u32;

pub(super) const PER_SECOND: Steps = 20;

pub(super) const fn seconds(seconds: u32) -> Steps {
    seconds * PER_SECOND
}

pub(super) fn in_seconds(steps: Steps) -> f64 {
    f64::from(steps) / f64::from(PER_SECOND)
}
