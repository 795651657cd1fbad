//! Domain events out to the world: onto an EventBridge bus, or into the log where there is no bus.

mod event_bridge;
mod logged;
mod probe;

pub use event_bridge::EventBridgePublisher;
pub use logged::LoggedEvents;
pub use probe::{BusError, find_bus};

/// EventBridge's `source` of everything that this product publishes.
pub const SOURCE: &str = "shared-token-cache";

/// EventBridge's `detail-type` of a task for a worker (`domain::shard_task::ShardTask`).
pub const SWEEP_SHARD: &str = "SweepShard";
