//! Where branch keys are kept, and who wraps them. Adapters are made where a deployment is put together, so that neither
//! this crate knows the table nor the table's crate this one.

use crate::branch_key::KeyMaterial;
use crate::key_date::KeyDate;
use async_trait::async_trait;
use std::error::Error as StdError;
use std::sync::Arc;
use time::OffsetDateTime;

/// Why a branch key cannot be had: the table or KMS did not answer, or refused. Nothing is given up for it: what is sealed
/// under the key may open once the cause is gone. Carries no key and no ciphertext.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{operation}: {reason}")]
pub struct KeyError {
    /// For example `kms:Decrypt`.
    pub operation: &'static str,
    /// What came and what was expected.
    pub reason: String,
    #[source]
    pub source: Option<Arc<dyn StdError + Send + Sync>>,
}

/// A branch key as the table keeps it; useless without KMS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedBranchKey {
    pub date: KeyDate,
    /// Ciphertext of KMS.
    pub wrapped: Vec<u8>,
    /// ARN of the KMS key that wrapped it, for people: KMS itself knows from the ciphertext.
    pub kms_key: String,
    pub created_at: OffsetDateTime,
}

/// Whether [`BranchKeyStore::create`] wrote its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Creation {
    Created,
    /// Another environment was first; this is its key.
    Existed(WrappedBranchKey),
}

/// The branch keys of one table. Reads see every write that came before them (strongly consistent).
#[async_trait]
pub trait BranchKeyStore: Send + Sync {
    /// The key with the latest date.
    async fn newest(&self) -> Result<Option<WrappedBranchKey>, KeyError>;

    async fn get(&self, date: KeyDate) -> Result<Option<WrappedBranchKey>, KeyError>;

    /// Writes the key unless there is one of its date.
    async fn create(&self, key: &WrappedBranchKey) -> Result<Creation, KeyError>;
}

/// What a wrapped key is bound to: it is unwrapped only for the same table, purpose and date. KMS logs it, so
/// it is nothing secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WrappingContext<'a> {
    pub table: &'a str,
    pub date: KeyDate,
}

impl WrappingContext<'_> {
    pub const PURPOSE: &'static str = "token-blob";

    /// The encryption context of KMS: `table`, `purpose`, `date`.
    pub fn pairs(&self) -> [(&'static str, String); 3] {
        [
            ("table", self.table.to_owned()),
            ("purpose", Self::PURPOSE.to_owned()),
            ("date", self.date.to_string()),
        ]
    }
}

/// A new key, bare and wrapped.
#[derive(Debug)]
pub struct GeneratedKey {
    pub material: KeyMaterial,
    pub wrapped: Vec<u8>,
    /// ARN of the KMS key.
    pub kms_key: String,
}

/// A service that makes keys and wraps them with a key that never leaves it.
#[async_trait]
pub trait KeyWrapping: Send + Sync {
    async fn generate(&self, context: WrappingContext<'_>) -> Result<GeneratedKey, KeyError>;

    async fn unwrap(&self, wrapped: &[u8], context: WrappingContext<'_>) -> Result<KeyMaterial, KeyError>;
}
