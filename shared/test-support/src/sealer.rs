//! A seal without a secret.

use async_trait::async_trait;
use domain::error::{SealingError, UnreadableCause};
use domain::ports::{ItemAddress, Sealer};
use sha2::{Digest, Sha256};

const DIGEST_BYTES: usize = 32;

/// Binds a blob to its address and notices any change, but hides it from nobody. For tests only.
///
/// The bytes are flipped, so that code which reads a blob without opening it does not work by accident.
#[derive(Debug, Default)]
pub struct PlainSealer;

#[async_trait]
impl Sealer for PlainSealer {
    async fn seal(&self, address: &ItemAddress, plaintext: &[u8]) -> Result<Vec<u8>, SealingError> {
        let flipped: Vec<u8> = plaintext.iter().map(|byte| !byte).collect();
        Ok([digest(address, &flipped).as_slice(), &flipped].concat())
    }

    async fn open(&self, address: &ItemAddress, sealed: &[u8]) -> Result<Vec<u8>, SealingError> {
        let (tag, flipped) =
            sealed.split_at_checked(DIGEST_BYTES).ok_or(unreadable(UnreadableCause::Malformed))?;
        if digest(address, flipped) != tag {
            return Err(unreadable(UnreadableCause::NotAuthentic));
        }
        Ok(flipped.iter().map(|byte| !byte).collect())
    }
}

fn unreadable(cause: UnreadableCause) -> SealingError {
    SealingError::Unreadable { cause, detail: cause.name() }
}

fn digest(address: &ItemAddress, flipped: &[u8]) -> Vec<u8> {
    let ItemAddress { table, partition_key, sort_key, client_id } = address;
    let mut hash = Sha256::new();
    for part in
        [table.as_bytes(), partition_key.as_bytes(), sort_key.as_bytes(), client_id.as_bytes(), flipped]
    {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    hash.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(sort_key: &str) -> ItemAddress {
        ItemAddress {
            table: "accounts".to_owned(),
            partition_key: "ACCOUNT#a".to_owned(),
            sort_key: sort_key.to_owned(),
            client_id: "c".to_owned(),
        }
    }

    #[tokio::test]
    async fn opens_only_what_was_sealed_for_this_place() {
        let sealed = PlainSealer.seal(&address("TOKENS#c"), b"cache").await.unwrap();
        assert!(!sealed.windows(5).any(|window| window == b"cache"));
        assert_eq!(PlainSealer.open(&address("TOKENS#c"), &sealed).await.unwrap(), b"cache");
        assert!(PlainSealer.open(&address("TOKENS#d"), &sealed).await.is_err());
        assert!(PlainSealer.open(&address("TOKENS#c"), b"short").await.is_err());
    }
}
