//! The signing keys' item, sealed: the crates of keys, table and seal do not know each other.

use async_trait::async_trait;
use domain::ports::Sealer;
use entra::{KeepingError, KeptKeys};
use std::sync::Arc;
use store_dynamodb::DynamoDbSigningKeys;
use time::OffsetDateTime;

/// What is read was written by this deployment at this very place, or it is an error: a key that somebody else put into
/// the table would let them sign tokens.
pub(crate) struct SealedKeysOfTable {
    pub(crate) items: DynamoDbSigningKeys,
    pub(crate) sealer: Arc<dyn Sealer>,
}

#[async_trait]
impl KeptKeys for SealedKeysOfTable {
    async fn read(&self) -> Result<Option<Vec<u8>>, KeepingError> {
        let Some(sealed) = self.items.read().await? else { return Ok(None) };
        Ok(Some(self.sealer.open(self.items.address(), &sealed).await?))
    }

    async fn write(&self, document: &[u8], expires_at: OffsetDateTime) -> Result<(), KeepingError> {
        let sealed = self.sealer.seal(self.items.address(), document).await?;
        Ok(self.items.write(sealed, expires_at).await?)
    }
}
