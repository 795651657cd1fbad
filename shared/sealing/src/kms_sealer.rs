//! Sealing under branch keys that lie in the table, wrapped by KMS.

use crate::blob::Blob;
use crate::envelope;
use crate::key_date::KeyDate;
use crate::key_ring::KeyRing;
use crate::ports::{BranchKeyStore, KeyError, KeyWrapping};
use crate::unreadable::Unreadable;
use async_trait::async_trait;
use domain::error::SealingError;
use domain::ports::{Clock, ItemAddress, Sealer};
use std::fmt;
use std::sync::Arc;

/// Seals with the newest branch key of a table and opens with whichever the blob names (`SEALING_KEY_ARN`).
///
/// A blob whose key *item* is gone is `Unreadable`: deleting the item is how a key is given up for good. As long as the
/// item is there and KMS or the table gives no key — down, throttled, no permission, a KMS key that is disabled or to be
/// deleted, an item that was tampered with — the answer is `Unavailable`, and no token is thrown away.
pub struct KmsSealer {
    ring: KeyRing,
}

impl KmsSealer {
    /// `table` goes into the encryption context of the branch keys. After `rotation_days` the first sealer that looks
    /// makes a new one.
    pub fn new(
        keys: Arc<dyn BranchKeyStore>,
        wrapping: Arc<dyn KeyWrapping>,
        table: String,
        rotation_days: u32,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { ring: KeyRing::new(keys, wrapping, table, rotation_days, clock) }
    }
}

#[async_trait]
impl Sealer for KmsSealer {
    async fn seal(&self, address: &ItemAddress, plaintext: &[u8]) -> Result<Vec<u8>, SealingError> {
        let key = self.ring.newest().await.map_err(unavailable)?;
        envelope::seal(&key, address, plaintext)
    }

    async fn open(&self, address: &ItemAddress, sealed: &[u8]) -> Result<Vec<u8>, SealingError> {
        let blob = Blob::parse(sealed)?;
        // What is no date names no key of the table, and costs no request.
        let date: KeyDate = blob.key_id.parse().map_err(|_| Unreadable::UnknownKey)?;
        let key = self.ring.of(date).await.map_err(unavailable)?;
        envelope::open(&*key.ok_or(Unreadable::UnknownKey)?, address, &blob)
    }
}

fn unavailable(error: KeyError) -> SealingError {
    SealingError::Unavailable { source: Some(Box::new(error)) }
}

impl fmt::Debug for KmsSealer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KmsSealer").finish_non_exhaustive()
    }
}
