//! The whole function, with the ports in memory.

#![cfg(test)]

mod http_events;
mod lab;
mod metrics;
