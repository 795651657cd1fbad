//! The token item: replaced only by a writer that has seen what it replaces.

use crate::error::{Conditional, conditional};
use crate::item::{Defect, Item, Reader, binary, epoch_milliseconds, number, seconds};
use crate::keys::{BEGUN_AT, BLOB, PARTITION_KEY, TTL, VERSION};
use crate::load::Kept;
use crate::store::{DynamoDbAccountStore, key};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use domain::account::StoredTokens;
use domain::error::StoreError;
use domain::identity::HomeAccountId;
use domain::ports::{PutTokensError, TokenWrite};
use time::OffsetDateTime;

/// The largest sealed blob that is written: 64 KiB. DynamoDB takes 400 KB, but a cache of one user and one application
/// has some 5 KB; one that has grown so much is a fault, and each write of it would be billed by its size.
pub const MAX_BLOB_BYTES: usize = 64 * 1024;

const OPERATION: &str = "put_tokens";

pub(crate) fn decode(item: &Item) -> Result<Kept<StoredTokens>, Defect> {
    let reader = Reader(item);
    let stored = StoredTokens {
        blob: reader.binary(BLOB)?,
        version: reader.number(VERSION)?,
        expires_at: reader.seconds(TTL)?,
    };
    Kept::new(stored, reader)
}

/// What must be there for a write to take place.
enum Expected {
    Nothing,
    /// An item with this version. The attribute as it was read, so that an item which cannot be understood can be replaced.
    Version(AttributeValue),
    /// An item with this version, which began no later than the write.
    VersionBegunEarlier(AttributeValue),
    /// An item without a version, or nothing.
    NoVersion,
}

impl DynamoDbAccountStore {
    pub(crate) async fn write_tokens(
        &self,
        account: &HomeAccountId,
        write: &TokenWrite,
    ) -> Result<u64, PutTokensError> {
        let bytes = write.sealed.len();
        if bytes > MAX_BLOB_BYTES {
            return Err(StoreError::TooLarge { bytes, limit: MAX_BLOB_BYTES }.into());
        }
        match write.expected_version {
            None => self.create_tokens(account, write).await,
            Some(version) => self.replace_tokens(account, write, version).await,
        }
    }

    /// Two requests where there was nothing: the write, and a look for a tombstone.
    async fn create_tokens(
        &self,
        account: &HomeAccountId,
        write: &TokenWrite,
    ) -> Result<u64, PutTokensError> {
        let begun_at = epoch_milliseconds(write.begun_at);
        let mut version = 1;
        if let Conditional::Refused(present) =
            self.put_tokens_if(account, write, version, begun_at, Expected::Nothing).await?
        {
            let present = present.unwrap_or_default();
            if let Some(theirs) = self.counting(account, &present).await? {
                return Err(PutTokensError::Conflict(Some(theirs)));
            }
            // What is there does not count: corrupt, past its time or outlawed. The version goes on, so that nobody takes
            // the new item for the old one.
            version =
                Reader(&present).optional_number(VERSION).ok().flatten().unwrap_or(0_u64).saturating_add(1);
            let expected = present.get(VERSION).cloned().map_or(Expected::NoVersion, Expected::Version);
            if let Conditional::Refused(present) =
                self.put_tokens_if(account, write, version, begun_at, expected).await?
            {
                return self.conflict(account, present).await;
            }
        }
        if self.take_back_if_erased(account, &self.tokens_sort_key(), begun_at).await? {
            return Err(PutTokensError::Conflict(None));
        }
        Ok(version)
    }

    /// One request, unless somebody else was first.
    async fn replace_tokens(
        &self,
        account: &HomeAccountId,
        write: &TokenWrite,
        seen: u64,
    ) -> Result<u64, PutTokensError> {
        let begun_at = epoch_milliseconds(write.begun_at);
        let version = seen.saturating_add(1);
        let expected = Expected::VersionBegunEarlier(number(seen));
        let Conditional::Refused(present) =
            self.put_tokens_if(account, write, version, begun_at, expected).await?
        else {
            return Ok(version);
        };
        let Some(theirs) = present.as_ref().and_then(|item| decode(item).ok()) else {
            return Err(PutTokensError::Conflict(None));
        };
        if theirs.value.version != seen {
            return self.conflict(account, present).await;
        }
        // The item began after this write did. Either a user has two requests under way, or the account was erased in
        // between and this is another item with the version of the old one; only the tombstone tells.
        if self.outlawed(account, begun_at).await? {
            return Err(PutTokensError::Conflict(None));
        }
        let begun_at = theirs.begun_at.unwrap_or(begun_at);
        match self.put_tokens_if(account, write, version, begun_at, Expected::Version(number(seen))).await? {
            Conditional::Done(()) => Ok(version),
            Conditional::Refused(present) => self.conflict(account, present).await,
        }
    }

    /// One request. It is billed by the item's size, blob and all, so call it seldom.
    pub(crate) async fn move_end_of_tokens(
        &self,
        account: &HomeAccountId,
        version: u64,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(account, &self.tokens_sort_key())))
            .update_expression("SET #ttl = :ttl")
            .condition_expression("#version = :seen")
            .expression_attribute_names("#ttl", TTL)
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_values(":ttl", seconds(expires_at))
            .expression_attribute_values(":seen", number(version));
        let outcome = conditional("extend_tokens", &self.table, request.send().await)?;
        Ok(matches!(outcome, Conditional::Done(_)))
    }

    async fn conflict(&self, account: &HomeAccountId, present: Option<Item>) -> Result<u64, PutTokensError> {
        let theirs = self.counting(account, &present.unwrap_or_default()).await?;
        Err(PutTokensError::Conflict(theirs))
    }

    /// The tokens in an item, if they count: readable, not past their time, not outlawed.
    async fn counting(
        &self,
        account: &HomeAccountId,
        present: &Item,
    ) -> Result<Option<StoredTokens>, StoreError> {
        if present.is_empty() {
            return Ok(None);
        }
        let Some(kept) = self.readable("TOKENS", decode(present)) else { return Ok(None) };
        if kept.expired(self.now_seconds()) {
            return Ok(None);
        }
        let tombstone = self.tombstone(account).await?;
        Ok((!kept.outlawed_by(tombstone.as_ref())).then_some(kept.value))
    }

    async fn put_tokens_if(
        &self,
        account: &HomeAccountId,
        write: &TokenWrite,
        version: u64,
        begun_at: i64,
        expected: Expected,
    ) -> Result<Conditional<()>, StoreError> {
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(key(account, &self.tokens_sort_key())))
            .item(BLOB, binary(write.sealed.clone()))
            .item(VERSION, number(version))
            .item(BEGUN_AT, number(begun_at))
            .item(TTL, seconds(write.expires_at))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let request = match expected {
            Expected::Nothing => request
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", PARTITION_KEY),
            Expected::NoVersion => request
                .condition_expression("attribute_not_exists(#version)")
                .expression_attribute_names("#version", VERSION),
            Expected::Version(seen) => request
                .condition_expression("#version = :seen")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_values(":seen", seen),
            Expected::VersionBegunEarlier(seen) => request
                .condition_expression("#version = :seen AND NOT (#begun_at > :begun_at)")
                .expression_attribute_names("#version", VERSION)
                .expression_attribute_names("#begun_at", BEGUN_AT)
                .expression_attribute_values(":seen", seen)
                .expression_attribute_values(":begun_at", number(begun_at)),
        };
        match conditional(OPERATION, &self.table, request.send().await)? {
            Conditional::Done(_) => Ok(Conditional::Done(())),
            Conditional::Refused(present) => Ok(Conditional::Refused(present)),
        }
    }
}
