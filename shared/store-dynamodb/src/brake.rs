//! The tenant brake: a pause that Entra asked for, shared by all environments.

use crate::error::{conditional, store_error};
use crate::item::{Item, Reader, seconds, seconds_rounded_up, text};
use crate::keys::{BLOCKED_UNTIL, PARTITION_KEY, SORT_KEY, TTL, brake_sort_key, tenant_partition_key};
use crate::store::DynamoDbAccountStore;
use domain::error::StoreError;
use domain::identity::TenantId;
use time::{Duration, OffsetDateTime};

/// How long a brake is kept after its end, for whoever looks into the table.
const KEPT_AFTER: Duration = Duration::hours(1);

/// A brake that ends later than this was not put on by a function whose clock is right: Entra's `Retry-After` counts up to an
/// hour. It holds nobody up.
const FARTHEST_END: Duration = Duration::hours(2);

impl DynamoDbAccountStore {
    /// One eventually consistent read: to hear of a brake a moment late costs one refused request.
    pub(crate) async fn read_brake(&self, tenant: TenantId) -> Result<Option<OffsetDateTime>, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(self.brake_key(tenant)))
            .send()
            .await
            .map_err(|error| store_error("brake", &self.table, error))?;
        let until = output.item.and_then(|item| self.readable("BRAKE", Reader(&item).seconds(BLOCKED_UNTIL)));
        let left = until.map(|until| until.unix_timestamp() - self.now_seconds());
        Ok(until.filter(|_| left.is_some_and(|left| left > 0 && left <= FARTHEST_END.whole_seconds())))
    }

    /// One request. A longer pause that is already noted stays.
    pub(crate) async fn write_brake(
        &self,
        tenant: TenantId,
        until: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let blocked_until = seconds_rounded_up(until);
        let farthest = until.max(self.clock.now() + FARTHEST_END);
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(self.brake_key(tenant)))
            .item(BLOCKED_UNTIL, blocked_until.clone())
            .item(TTL, seconds(until + KEPT_AFTER))
            .condition_expression("NOT (#blocked_until BETWEEN :until AND :farthest)")
            .expression_attribute_names("#blocked_until", BLOCKED_UNTIL)
            .expression_attribute_values(":until", blocked_until)
            .expression_attribute_values(":farthest", seconds_rounded_up(farthest));
        conditional("set_brake", &self.table, request.send().await)?;
        Ok(())
    }

    fn brake_key(&self, tenant: TenantId) -> Item {
        Item::from([
            (PARTITION_KEY.to_owned(), text(tenant_partition_key(tenant))),
            (SORT_KEY.to_owned(), text(brake_sort_key(self.client_id))),
        ])
    }
}
