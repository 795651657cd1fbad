//! Domain events out to the world: onto an EventBridge bus, or into the log where there is no bus.

mod event_bridge;
mod logged;

pub use event_bridge::EventBridgePublisher;
pub use logged::LoggedEvents;

/// EventBridge's `source` of everything that this product publishes.
pub const SOURCE: &str = "shared-token-cache";
