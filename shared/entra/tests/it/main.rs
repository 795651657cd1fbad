//! The adapter against scripted HTTP.

mod access_token;
mod signing_keys;
mod support;
mod token_answers;
mod token_errors;
mod token_requests;
