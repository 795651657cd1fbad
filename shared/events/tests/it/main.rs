//! The adapter against scripted HTTP, through the real SDK.

mod document;
mod event_bridge;
