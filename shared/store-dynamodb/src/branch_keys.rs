//! The key items: branch keys that seal the token blobs, wrapped by KMS. They have no `ttl`: a key lives until somebody
//! deletes its item, and with it gives up what it sealed.

use crate::error::{Conditional, conditional, store_error};
use crate::item::{Defect, Item, Reader, binary, seconds, text};
use crate::keys::{PARTITION_KEY, SORT_KEY};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure;
use domain::error::StoreError;
use time::OffsetDateTime;

const BRANCH_KEYS: &str = "KEY#token-blob";
const WRAPPED: &str = "wrapped";
const KMS_KEY: &str = "kms_key";
const CREATED_AT: &str = "created_at";

/// One key item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchKeyItem {
    /// Sort key: the day on which the key was made, `YYYY-MM-DD`. Not checked here.
    pub date: String,
    /// Ciphertext of KMS.
    pub wrapped: Vec<u8>,
    /// ARN of the KMS key that wrapped it.
    pub kms_key: String,
    /// Kept as epoch seconds.
    pub created_at: OffsetDateTime,
}

/// Whether [`DynamoDbBranchKeys::create`] wrote its item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BranchKeyCreation {
    Created,
    /// There was one of the same date.
    Existed(BranchKeyItem),
}

/// The branch keys of one table. Reads are strongly consistent.
#[derive(Debug, Clone)]
pub struct DynamoDbBranchKeys {
    client: Client,
    table: String,
}

impl DynamoDbBranchKeys {
    /// `client` must have its timeouts set.
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The item with the latest date. One request.
    ///
    /// # Errors
    /// As of the table; `Rejected` too for an item that is not as this program writes it.
    pub async fn newest(&self) -> Result<Option<BranchKeyItem>, StoreError> {
        const OPERATION: &str = "newest_branch_key";
        let page = self
            .client
            .query()
            .table_name(&self.table)
            .consistent_read(true)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .expression_attribute_values(":pk", text(BRANCH_KEYS))
            .scan_index_forward(false)
            .limit(1)
            .send()
            .await
            .map_err(|error| store_error(OPERATION, &self.table, error))?;
        page.items.unwrap_or_default().first().map(|item| read(OPERATION, item)).transpose()
    }

    /// The item of a date. One request.
    ///
    /// # Errors
    /// As [`Self::newest`].
    pub async fn get(&self, date: &str) -> Result<Option<BranchKeyItem>, StoreError> {
        const OPERATION: &str = "get_branch_key";
        let answer = self
            .client
            .get_item()
            .table_name(&self.table)
            .consistent_read(true)
            .set_key(Some(key(date)))
            .send()
            .await
            .map_err(|error| store_error(OPERATION, &self.table, error))?;
        answer.item.as_ref().map(|item| read(OPERATION, item)).transpose()
    }

    /// Writes the item unless there is one of its date. One request.
    ///
    /// # Errors
    /// As [`Self::newest`], for the item that is there.
    pub async fn create(&self, item: &BranchKeyItem) -> Result<BranchKeyCreation, StoreError> {
        const OPERATION: &str = "create_branch_key";
        let answer = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(key(&item.date)))
            .item(WRAPPED, binary(item.wrapped.clone()))
            .item(KMS_KEY, text(&item.kms_key))
            .item(CREATED_AT, seconds(item.created_at))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", PARTITION_KEY)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match conditional(OPERATION, &self.table, answer)? {
            Conditional::Done(_) => Ok(BranchKeyCreation::Created),
            Conditional::Refused(present) => {
                let present = read(OPERATION, &present.unwrap_or_default())?;
                Ok(BranchKeyCreation::Existed(present))
            }
        }
    }
}

fn key(date: &str) -> Item {
    Item::from([(PARTITION_KEY.to_owned(), text(BRANCH_KEYS)), (SORT_KEY.to_owned(), text(date))])
}

/// A key item that cannot be read is an error, not a miss: what it seals must not be given up for it.
fn read(operation: &'static str, item: &Item) -> Result<BranchKeyItem, StoreError> {
    decode(item).map_err(|defect| StoreError::Rejected {
        operation,
        reason: format!(
            "the branch key item is corrupt ({defect}); restore it, or delete it to give up what it seals"
        ),
        source: None,
    })
}

fn decode(item: &Item) -> Result<BranchKeyItem, Defect> {
    let reader = Reader(item);
    Ok(BranchKeyItem {
        date: reader.parsed(SORT_KEY, "a string")?,
        wrapped: reader.binary(WRAPPED)?,
        kms_key: reader.parsed(KMS_KEY, "a string")?,
        created_at: reader.seconds(CREATED_AT)?,
    })
}
