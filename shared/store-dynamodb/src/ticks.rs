//! Ticks of the schedule that were handled, so that a second delivery is known.

use crate::erasure::was_done;
use crate::error::conditional;
use crate::item::{seconds, text};
use crate::keys::{PARTITION_KEY, SORT_KEY, TICK, TTL, tick_partition_key};
use crate::store::DynamoDbAccountStore;
use domain::error::StoreError;
use time::OffsetDateTime;

/// As much of a tick's name as is kept; a key of DynamoDB has at most 2048 bytes.
const MOST_CHARACTERS: usize = 200;

impl DynamoDbAccountStore {
    /// One request.
    pub(crate) async fn write_tick(
        &self,
        tick: &str,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let tick: String = tick.chars().take(MOST_CHARACTERS).collect();
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(PARTITION_KEY, text(tick_partition_key(&tick)))
            .item(SORT_KEY, text(TICK))
            .item(TTL, seconds(expires_at))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION_KEY);
        Ok(was_done(&conditional("begin_tick", &self.table, request.send().await)?))
    }
}
