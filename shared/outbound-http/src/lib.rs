//! What all calls out have in common: a client that follows no redirect and waits for nothing for ever, and the reading of
//! an answer within limits.

mod answer;
mod client;

pub use answer::{Answer, NoAnswer, read};
pub use client::client;
