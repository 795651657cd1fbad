//! Reading everything of an account at once.

use crate::erasure::decode_tombstone;
use crate::error::store_error;
use crate::item::{Defect, Item, Reader, text};
use crate::keys::{self, ACTIVITY, BEGUN_AT, PARTITION_KEY, PROFILE, SORT_KEY, TOMBSTONE, TTL};
use crate::store::DynamoDbAccountStore;
use crate::{activity, profile, tokens};
use domain::account::{AccountRecord, Tombstone};
use domain::error::StoreError;
use domain::identity::HomeAccountId;

/// What an item holds, and what decides whether it still counts.
pub(crate) struct Kept<T> {
    pub(crate) value: T,
    /// Epoch milliseconds; `None` on an item of another program, which any erasure outlaws.
    pub(crate) begun_at: Option<i64>,
    /// Epoch seconds.
    pub(crate) expires_at: i64,
}

impl<T> Kept<T> {
    pub(crate) fn new(value: T, reader: Reader<'_>) -> Result<Self, Defect> {
        let expires_at = reader.seconds(TTL)?.unix_timestamp();
        Ok(Self { value, begun_at: reader.optional_number(BEGUN_AT)?, expires_at })
    }

    /// An item is gone from the very second of its `ttl` on.
    pub(crate) fn expired(&self, now_seconds: i64) -> bool {
        self.expires_at <= now_seconds
    }

    pub(crate) fn outlawed_by(&self, tombstone: Option<&Tombstone>) -> bool {
        tombstone.is_some_and(|tombstone| {
            self.begun_at.is_none_or(|begun_at| crate::erasure::outlaws(tombstone, begun_at))
        })
    }
}

impl DynamoDbAccountStore {
    pub(crate) async fn load_account(&self, account: &HomeAccountId) -> Result<AccountRecord, StoreError> {
        let items = self.items_of(account).await?;
        let now = self.now_seconds();
        let find = |sort_key: &str| {
            items.iter().find(|item| item.get(SORT_KEY).is_some_and(|value| *value == text(sort_key)))
        };
        let tombstone = find(TOMBSTONE)
            .and_then(|item| self.readable(TOMBSTONE, decode_tombstone(item)))
            .filter(|tombstone| tombstone.expires_at.unix_timestamp() > now);
        let counts = Counts { now, tombstone: tombstone.as_ref() };
        Ok(AccountRecord {
            tokens: find(&self.tokens_sort_key())
                .and_then(|item| self.readable("TOKENS", tokens::decode(item)))
                .and_then(|kept| counts.filter(kept)),
            activity: find(ACTIVITY)
                .and_then(|item| self.readable(ACTIVITY, activity::decode(item)))
                .and_then(|kept| counts.filter(kept)),
            profile: find(PROFILE)
                .and_then(|item| self.readable(PROFILE, profile::decode(item)))
                .and_then(|kept| counts.filter(kept)),
            tombstone,
        })
    }

    /// One request: an account's items are far below the 1 MB at which DynamoDB would page.
    pub(crate) async fn items_of(&self, account: &HomeAccountId) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let mut start = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("#pk = :pk")
                .expression_attribute_names("#pk", PARTITION_KEY)
                .expression_attribute_values(":pk", text(keys::partition_key(account)))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| store_error("load", &self.table, error))?;
            items.extend(page.items.unwrap_or_default());
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(items);
            }
        }
    }

    /// A corrupt item is a miss that is counted: one broken part must not cost the rest.
    pub(crate) fn readable<T>(&self, kind: &'static str, decoded: Result<T, Defect>) -> Option<T> {
        decoded.inspect_err(|defect| self.note_corrupt(kind, defect)).ok()
    }
}

/// What decides whether an item still counts.
struct Counts<'a> {
    now: i64,
    tombstone: Option<&'a Tombstone>,
}

impl Counts<'_> {
    fn filter<T>(&self, kept: Kept<T>) -> Option<T> {
        (!kept.expired(self.now) && !kept.outlawed_by(self.tombstone)).then_some(kept.value)
    }
}
