//! Sealing under a key that comes from configuration.

use crate::blob::{Blob, header};
use crate::branch_key::BranchKey;
use crate::item_key;
use async_trait::async_trait;
use aws_lc_rs::aead::{Aad, Nonce};
use domain::error::SealingError;
use domain::ports::{ItemAddress, Sealer};

/// Seals with one local branch key (`SEALING_LOCAL_KEY`).
#[derive(Debug)]
pub struct LocalSealer {
    key: BranchKey,
}

impl LocalSealer {
    pub fn new(key: BranchKey) -> Self {
        Self { key }
    }
}

#[async_trait]
impl Sealer for LocalSealer {
    async fn seal(&self, address: &ItemAddress, plaintext: &[u8]) -> Result<Vec<u8>, SealingError> {
        let unavailable = |_| SealingError::Unavailable { source: None };
        let item_key = item_key::derive(&self.key, address).map_err(unavailable)?;
        let mut sealed = header(self.key.id());
        let aad = Aad::from([sealed.as_slice(), &item_key::address_bytes(address)].concat());
        let mut ciphertext = plaintext.to_vec();
        let nonce = item_key.seal_in_place_append_tag(aad, &mut ciphertext).map_err(unavailable)?;
        sealed.extend_from_slice(nonce.as_ref());
        sealed.extend_from_slice(&ciphertext);
        Ok(sealed)
    }

    async fn open(&self, address: &ItemAddress, sealed: &[u8]) -> Result<Vec<u8>, SealingError> {
        let blob = Blob::parse(sealed).map_err(|reason| SealingError::Unreadable { reason })?;
        if blob.key_id != self.key.id() {
            return Err(SealingError::Unreadable { reason: "it was sealed under another key" });
        }
        let item_key =
            item_key::derive(&self.key, address).map_err(|_| SealingError::Unavailable { source: None })?;
        let aad = Aad::from([header(blob.key_id).as_slice(), &item_key::address_bytes(address)].concat());
        let mut plaintext = blob.ciphertext.to_vec();
        let length = item_key
            .open_in_place(Nonce::assume_unique_for_key(blob.nonce), aad, &mut plaintext)
            .map_err(|_| SealingError::Unreadable {
                reason: "it was changed, moved, or sealed under another key",
            })?
            .len();
        plaintext.truncate(length);
        Ok(plaintext)
    }
}
