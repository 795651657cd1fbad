//! `cargo local` as a person or a script runs it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod accounts_page;
mod cache;
mod create_table;
mod fan_out;
mod program;
mod redelivery;
mod running;
mod seed;
