//! The whole system over HTTP: page settings, sign-in, API, sweep, emulator, DynamoDB.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod abuse;
mod background_access;
mod budgets;
mod claims_challenge;
mod corrupt_items;
mod costs;
mod credentials;
mod database;
mod hostile_tokens;
mod http_api;
#[path = "../interop/mod.rs"]
mod interop;
mod kms;
mod lab;
mod leaks;
mod outages;
mod own_services;
mod page;
mod polite;
mod profile;
mod quiet_logs;
mod refused_tokens;
mod signing_keys;
mod sweep;
