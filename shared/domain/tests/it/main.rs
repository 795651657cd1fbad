//! The use cases against in-memory ports and a fixed clock.

#![cfg(test)]

mod background_access;
mod brake;
mod fixture;
mod read_profile;
mod sweep;
mod sweep_faults;
mod vocabulary;
