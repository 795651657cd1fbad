//! The adapter against scripted HTTP, through the real SDK.

#![cfg(test)]

mod document;
mod event_bridge;
mod probe;
