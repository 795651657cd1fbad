//! Token blobs that cannot be opened, put aside before they are replaced. They lie outside the account's partition, so
//! that reading an account does not pay for them.

use crate::error::store_error;
use crate::item::{Item, binary, epoch_milliseconds, number, seconds, text};
use crate::keys::{
    BEGUN_AT, BLOB, CAUSE, FOUND_AT, PARTITION_KEY, SORT_KEY, TTL, VERSION, quarantine_partition_key,
};
use crate::store::DynamoDbAccountStore;
use domain::error::StoreError;
use domain::identity::HomeAccountId;
use domain::ports::QuarantinedBlob;

impl DynamoDbAccountStore {
    /// Two requests: the write, and a look for a tombstone. A third takes it back if there is one.
    pub(crate) async fn write_quarantine(
        &self,
        account: &HomeAccountId,
        blob: QuarantinedBlob,
    ) -> Result<(), StoreError> {
        let begun_at = epoch_milliseconds(blob.begun_at);
        self.client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(self.quarantine_key(account)))
            .item(BLOB, binary(blob.sealed))
            .item(VERSION, number(blob.version))
            .item(CAUSE, text(blob.cause.name()))
            .item(FOUND_AT, seconds(blob.found_at))
            .item(BEGUN_AT, number(begun_at))
            .item(TTL, seconds(blob.expires_at))
            .send()
            .await
            .map_err(|error| store_error("quarantine", &self.table, error))?;
        if self.outlawed(account, begun_at).await? {
            self.delete_begun_by(self.quarantine_key(account), begun_at).await?;
        }
        Ok(())
    }

    pub(crate) fn quarantine_key(&self, account: &HomeAccountId) -> Item {
        Item::from([
            (PARTITION_KEY.to_owned(), text(quarantine_partition_key(account))),
            (SORT_KEY.to_owned(), text(self.tokens_sort_key())),
        ])
    }
}
