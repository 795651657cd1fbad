//! Sealing and opening under one branch key, wherever it came from.

use crate::blob::{Blob, header};
use crate::branch_key::BranchKey;
use crate::unreadable::Unreadable;
use crate::{compression, item_key};
use aws_lc_rs::aead::{Aad, Nonce};
use domain::error::SealingError;
use domain::ports::ItemAddress;

/// Version, key id, a fresh nonce, and the ciphertext of the compressed plaintext with its tag.
pub(crate) fn seal(
    key: &BranchKey,
    address: &ItemAddress,
    plaintext: &[u8],
) -> Result<Vec<u8>, SealingError> {
    let unavailable = |_| SealingError::Unavailable { source: None };
    let item_key = item_key::derive(key, address).map_err(unavailable)?;
    let mut sealed = header(key.id());
    let aad = Aad::from([sealed.as_slice(), &item_key::address_bytes(address)].concat());
    let mut ciphertext = compression::compress(plaintext)?;
    let nonce = item_key.seal_in_place_append_tag(aad, &mut ciphertext).map_err(unavailable)?;
    sealed.extend_from_slice(nonce.as_ref());
    sealed.extend_from_slice(&ciphertext);
    Ok(sealed)
}

/// Opens a blob that names this key.
pub(crate) fn open(key: &BranchKey, address: &ItemAddress, blob: &Blob<'_>) -> Result<Vec<u8>, SealingError> {
    let unavailable = |_| SealingError::Unavailable { source: None };
    let item_key = item_key::derive(key, address).map_err(unavailable)?;
    let aad = Aad::from([header(blob.key_id).as_slice(), &item_key::address_bytes(address)].concat());
    let mut compressed = blob.ciphertext.to_vec();
    let compressed = item_key
        .open_in_place(Nonce::assume_unique_for_key(blob.nonce), aad, &mut compressed)
        .map_err(|_| Unreadable::NotAuthentic)?;
    Ok(compression::decompress(compressed)?)
}
