//! What all calls out have in common: a client that follows no redirect and waits for nothing for ever, a second try where a
//! kept connection was dead, and the reading of an answer within limits.

mod answer;
mod client;
mod send;

pub use answer::{Answer, NoAnswer, read};
pub use client::client;
pub use send::send;
