//! The table against servers that speak DynamoDB's protocol, through the real SDK.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test that uses them")]

mod branch_keys;
mod corrupt_items;
mod on_dynamodb_local;
mod on_embedded_server;
mod operator;
mod poisoned_entries;
mod probe;
mod quarantine;
mod refusals;
mod requests;
mod servers;
mod signing_keys;
mod table_shape;
