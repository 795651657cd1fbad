//! The adapter against scripted HTTP.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]

mod access_token;
mod certificates;
mod corpus;
mod credential_reload;
mod federation;
mod issuers;
mod kept_keys;
mod refusals;
mod signing_keys;
mod support;
mod token_answers;
mod token_errors;
mod token_requests;
