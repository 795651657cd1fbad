//! The emulator over HTTP, as its clients use it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod applications;
mod browser;
mod certificates;
mod control;
mod crowd;
mod device_code;
mod discovery;
mod federation;
mod graph;
mod hostile_input;
mod lab;
mod on_behalf_of;
mod refresh;
mod restart;
mod sign_in;
