//! What all calls out have in common: a client that follows no redirect and waits for nothing for ever, a second try where a
//! kept connection was dead, and the reading of an answer within limits.

mod answer;
mod certificates;
mod client;
mod send;

pub use answer::{Answer, NoAnswer, read};
pub use certificates::{Certificates, system_certificates};
pub use client::client;
pub use send::send;
