//! The function with its real adapters, between a table, an authority, a Graph and a bus that fail as a test wants it.

#![cfg(test)]

mod bad_accounts;
mod batches;
mod bus;
mod clocks;
mod direct;
mod entra_and_graph;
mod events;
mod lab;
mod log_lines;
mod metrics;
mod server;
mod table;
