//! The signing keys' item: what the authority last published, for processes that start while it cannot be asked. Sealed by
//! whoever writes it; here it is bytes.

use crate::error::store_error;
use crate::item::{Reader, binary, seconds, text};
use crate::keys::{BLOB, PARTITION_KEY, SORT_KEY, TTL, signing_keys_partition_key, signing_keys_sort_key};
use aws_sdk_dynamodb::Client;
use domain::error::StoreError;
use domain::identity::ClientId;
use domain::ports::{Clock, ItemAddress};
use std::sync::Arc;
use time::OffsetDateTime;

/// The item of one authority and application.
#[derive(Clone)]
pub struct DynamoDbSigningKeys {
    client: Client,
    clock: Arc<dyn Clock>,
    address: ItemAddress,
}

impl DynamoDbSigningKeys {
    /// `authority` is where the keys are published; `client` must have its timeouts set.
    pub fn new(
        client: Client,
        table: String,
        authority: &str,
        client_id: ClientId,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let address = ItemAddress {
            table,
            partition_key: signing_keys_partition_key(authority),
            sort_key: signing_keys_sort_key(client_id),
            client_id: client_id.to_string(),
        };
        Self { client, clock, address }
    }

    /// Where the item lies, for its seal.
    pub fn address(&self) -> &ItemAddress {
        &self.address
    }

    /// The blob, unless it is past its time. One request, which may miss a write of this very moment: what is read is
    /// checked for its age anyway.
    ///
    /// # Errors
    /// As of the table; `Rejected` too for an item that is not as this program writes it.
    pub async fn read(&self) -> Result<Option<Vec<u8>>, StoreError> {
        const OPERATION: &str = "read_signing_keys";
        let answer = self
            .client
            .get_item()
            .table_name(&self.address.table)
            .consistent_read(false)
            .key(PARTITION_KEY, text(&self.address.partition_key))
            .key(SORT_KEY, text(&self.address.sort_key))
            .send()
            .await
            .map_err(|error| store_error(OPERATION, &self.address.table, error))?;
        let Some(item) = answer.item.as_ref() else { return Ok(None) };
        let reader = Reader(item);
        let read = reader.seconds(TTL).and_then(|expires_at| Ok((expires_at, reader.binary(BLOB)?)));
        let (expires_at, blob) = read.map_err(|defect| StoreError::Rejected {
            operation: OPERATION,
            reason: format!("the item of the signing keys is corrupt ({defect}); it will be written anew"),
            source: None,
        })?;
        Ok((expires_at > self.clock.now()).then_some(blob))
    }

    /// Replaces the item. One request, without a condition: of several environments that write at once any may be last.
    pub async fn write(&self, blob: Vec<u8>, expires_at: OffsetDateTime) -> Result<(), StoreError> {
        self.client
            .put_item()
            .table_name(&self.address.table)
            .item(PARTITION_KEY, text(&self.address.partition_key))
            .item(SORT_KEY, text(&self.address.sort_key))
            .item(BLOB, binary(blob))
            .item(TTL, seconds(expires_at))
            .send()
            .await
            .map_err(|error| store_error("write_signing_keys", &self.address.table, error))?;
        Ok(())
    }
}
