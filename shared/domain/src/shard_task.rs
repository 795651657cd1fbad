//! A part of a sweep as a task that a queue hands to workers.

use crate::shard::ShardName;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// How often a task is handed on from worker to worker. A worker does thousands of accounts, so this is far more than any
/// shard takes; it ends a chain that makes no progress.
pub const MOST_HOPS: u32 = 100;

/// Sweep one shard, or the rest of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ShardTask {
    pub shard: ShardName,
    /// The tick that it comes from.
    pub tick: String,
    /// What was due then is swept; what has become due since waits for the next tick.
    #[serde(with = "time::serde::timestamp")]
    pub as_of: OffsetDateTime,
    /// Where the worker before stopped.
    #[serde(default)]
    pub cursor: Option<String>,
    #[serde(default)]
    pub hop: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_task_is_json_that_anybody_can_read() {
        let task = ShardTask {
            shard: ShardName { generation: 1, number: 7 },
            tick: "2026-11-23T00:00:00Z".to_owned(),
            as_of: OffsetDateTime::UNIX_EPOCH + time::Duration::seconds(1_795_392_000),
            cursor: None,
            hop: 0,
        };
        let json = json!({
            "shard": "v1#07",
            "tick": "2026-11-23T00:00:00Z",
            "asOf": 1_795_392_000,
            "cursor": null,
            "hop": 0,
        });
        assert_eq!(serde_json::to_value(&task).unwrap(), json);
        assert_eq!(serde_json::from_value::<ShardTask>(json).unwrap(), task);
        let short = json!({ "shard": "v1#07", "tick": "t", "asOf": 1 });
        assert_eq!(serde_json::from_value::<ShardTask>(short).unwrap().hop, 0);
        for bad in [json!({}), json!({ "shard": "7", "tick": "t", "asOf": 1 }), json!(null), json!([])] {
            assert!(serde_json::from_value::<ShardTask>(bad).is_err());
        }
    }
}
