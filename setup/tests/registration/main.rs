//! `register`, `show` and `clean-up` against the emulator.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test that uses them")]

mod clean_up;
mod credentials;
mod faults;
mod half_done;
mod journey;
mod patience;
mod permissions;
mod registering;
mod scene;
