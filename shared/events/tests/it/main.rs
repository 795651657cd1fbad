//! The adapter against scripted HTTP, through the real SDK.

mod event_bridge;
