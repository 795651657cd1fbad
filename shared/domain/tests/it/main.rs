//! The use cases against in-memory ports and a fixed clock.

#![cfg(test)]

mod background_access;
mod brake;
mod challenges;
mod clock_jumps;
mod counts;
mod fan_out;
mod fixture;
mod lifetimes;
mod metrics;
mod opened_blobs;
mod overlap;
mod paces;
mod quarantine;
mod read_profile;
mod renewals;
mod sweep;
mod sweep_faults;
mod unpublished;
mod vocabulary;
