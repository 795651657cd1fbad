//! Sealing under a key that comes from configuration.

use crate::blob::Blob;
use crate::branch_key::BranchKey;
use crate::envelope;
use crate::unreadable::Unreadable;
use async_trait::async_trait;
use domain::error::SealingError;
use domain::ports::{ItemAddress, Sealer};
use std::sync::Arc;

/// Seals with one local branch key (`SEALING_LOCAL_KEY`).
#[derive(Debug)]
pub struct LocalSealer {
    key: Arc<BranchKey>,
}

impl LocalSealer {
    pub fn new(key: impl Into<Arc<BranchKey>>) -> Self {
        Self { key: key.into() }
    }
}

#[async_trait]
impl Sealer for LocalSealer {
    async fn seal(&self, address: &ItemAddress, plaintext: &[u8]) -> Result<Vec<u8>, SealingError> {
        envelope::seal(&self.key, address, plaintext)
    }

    async fn open(&self, address: &ItemAddress, sealed: &[u8]) -> Result<Vec<u8>, SealingError> {
        let blob = Blob::parse(sealed)?;
        if blob.key_id != self.key.id() {
            return Err(Unreadable::UnknownKey.into());
        }
        envelope::open(&self.key, address, &blob)
    }
}
