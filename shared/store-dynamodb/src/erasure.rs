//! Ending background access, and keeping late writers from undoing it.
//!
//! An erasure writes the tombstone first and deletes afterwards. From the tombstone on, `load` hides whatever began before
//! it, so the deletes only clean up: a crash between them leaves nothing that anybody would see. A transaction would
//! add nothing to that, but would fail whenever another writer touches the account at the same time.
//!
//! A writer that creates an item looks for a tombstone *after* its write and takes the write back if it is outlawed.
//! In whichever order the two run, one of them sees the other: either the erasure deletes the item, or its writer does.
//! A writer that replaces an item needs no such look: its condition names the item that it has seen, which the erasure
//! would have removed.

use crate::error::{Conditional, conditional, store_error};
use crate::item::{Defect, Item, Reader, epoch_milliseconds, number, seconds, text};
use crate::keys::{ACTIVITY, BEGUN_AT, ERASED_AT, PROFILE, REFUSED_ASSERTIONS, TOMBSTONE, TTL};
use crate::store::{DynamoDbAccountStore, key};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::account::Tombstone;
use domain::error::StoreError;
use domain::identity::HomeAccountId;

/// What the erasure does not let anybody bring back: everything begun at its very millisecond, or earlier.
pub(crate) fn outlaws(tombstone: &Tombstone, begun_at: i64) -> bool {
    begun_at <= epoch_milliseconds(tombstone.erased_at)
}

pub(crate) fn decode_tombstone(item: &Item) -> Result<Tombstone, Defect> {
    let reader = Reader(item);
    Ok(Tombstone {
        erased_at: reader.milliseconds(ERASED_AT)?,
        refused_assertions: reader.optional_document(REFUSED_ASSERTIONS)?.unwrap_or_default(),
        expires_at: reader.seconds(TTL)?,
    })
}

impl DynamoDbAccountStore {
    pub(crate) async fn erase_account(
        &self,
        account: &HomeAccountId,
        tombstone: &Tombstone,
    ) -> Result<(), StoreError> {
        self.put_tombstone(account, tombstone).await?;
        let erased_at = epoch_milliseconds(tombstone.erased_at);
        // Tokens first: they are what must not outlive the user's wish.
        for sort_key in [self.tokens_sort_key().as_str(), ACTIVITY, PROFILE] {
            self.delete_begun_by(key(account, sort_key), erased_at).await?;
        }
        self.delete_begun_by(self.quarantine_key(account), erased_at).await
    }

    /// A later erasure's tombstone is left as it is: it outlaws more.
    async fn put_tombstone(&self, account: &HomeAccountId, tombstone: &Tombstone) -> Result<(), StoreError> {
        let refused = tombstone.refused_assertions.iter().map(|hash| text(hash.as_str())).collect();
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(key(account, TOMBSTONE)))
            .item(ERASED_AT, number(epoch_milliseconds(tombstone.erased_at)))
            .item(REFUSED_ASSERTIONS, AttributeValue::L(refused))
            .item(TTL, seconds(tombstone.expires_at))
            .condition_expression("NOT (#erased_at > :erased_at)")
            .expression_attribute_names("#erased_at", ERASED_AT)
            .expression_attribute_values(":erased_at", number(epoch_milliseconds(tombstone.erased_at)));
        conditional("erase", &self.table, request.send().await)?;
        Ok(())
    }

    /// Deletes an item unless it began later than this (epoch milliseconds).
    pub(crate) async fn delete_begun_by(&self, key: Item, erased_at: i64) -> Result<(), StoreError> {
        let request = self
            .client
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(key))
            .condition_expression("NOT (#begun_at > :erased_at)")
            .expression_attribute_names("#begun_at", BEGUN_AT)
            .expression_attribute_values(":erased_at", number(erased_at));
        conditional("erase", &self.table, request.send().await)?;
        Ok(())
    }

    /// The tombstone as it is at this moment, if it is not past its time.
    pub(crate) async fn tombstone(&self, account: &HomeAccountId) -> Result<Option<Tombstone>, StoreError> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key(account, TOMBSTONE)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| store_error("tombstone", &self.table, error))?;
        let now = self.now_seconds();
        Ok(output
            .item
            .and_then(|item| self.readable(TOMBSTONE, decode_tombstone(&item)))
            .filter(|tombstone| tombstone.expires_at.unix_timestamp() > now))
    }

    /// For a writer that has just created an item: whether an erasure outlaws it, and if so, takes it back.
    pub(crate) async fn take_back_if_erased(
        &self,
        account: &HomeAccountId,
        sort_key: &str,
        begun_at: i64,
    ) -> Result<bool, StoreError> {
        let tombstone = self.tombstone(account).await?;
        let Some(tombstone) = tombstone.filter(|tombstone| outlaws(tombstone, begun_at)) else {
            return Ok(false);
        };
        self.delete_begun_by(key(account, sort_key), epoch_milliseconds(tombstone.erased_at)).await?;
        Ok(true)
    }

    /// Whether an erasure outlaws what began at this time (epoch milliseconds).
    pub(crate) async fn outlawed(&self, account: &HomeAccountId, begun_at: i64) -> Result<bool, StoreError> {
        Ok(self.tombstone(account).await?.is_some_and(|tombstone| outlaws(&tombstone, begun_at)))
    }
}

/// Whether a conditional write was done.
pub(crate) fn was_done<T>(outcome: &Conditional<T>) -> bool {
    matches!(outcome, Conditional::Done(_))
}
