//! One key per item, derived from the branch key (HKDF-SHA-256, RFC 5869), so that no two items share a key and a nonce
//! can never meet its like.

use crate::branch_key::BranchKey;
use aws_lc_rs::aead::{AES_256_GCM, RandomizedNonceKey};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use domain::ports::ItemAddress;
use zeroize::Zeroizing;

/// Names the use of the derived key, so that the branch key can serve other uses without touching this one.
const PURPOSE: &[u8] = b"shared-token-cache/token-blob/v1";

/// The AES-256-GCM key of one item.
pub(crate) fn derive(
    branch_key: &BranchKey,
    address: &ItemAddress,
) -> Result<RandomizedNonceKey, Unspecified> {
    let context = address_bytes(address);
    let info = [PURPOSE, context.as_slice()];
    let mut key = Zeroizing::new([0_u8; 32]);
    Salt::new(HKDF_SHA256, &[])
        .extract(branch_key.material())
        .expand(&info, Bytes32)?
        .fill(key.as_mut_slice())?;
    RandomizedNonceKey::new(&AES_256_GCM, key.as_slice())
}

/// Table, partition key, sort key and client id, each preceded by its length in four bytes (big endian): unlike texts put
/// together with a separator, two different addresses never give the same bytes.
pub(crate) fn address_bytes(address: &ItemAddress) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in [&address.table, &address.partition_key, &address.sort_key, &address.client_id] {
        let length = u32::try_from(part.len()).expect("DynamoDB keys have at most 2,048 bytes");
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}
