//! Encryption of token cache blobs. There is no plaintext mode.
//!
//! A blob can be opened only with the branch key, and only at the table, item and client it was sealed for.
//! `docs/data-model.md` specifies the bytes.
//!
//! The branch key comes from configuration ([`LocalSealer`]), or lies in the table wrapped by KMS ([`KmsSealer`]): a new
//! one from time to time, named by its date.

mod blob;
mod branch_key;
mod compression;
mod envelope;
mod item_key;
mod key_date;
mod key_ring;
mod kms;
mod kms_sealer;
mod local_sealer;
mod ports;
mod unreadable;

pub use branch_key::{BranchKey, InvalidKey, KeyMaterial};
pub use compression::MAX_PLAINTEXT_BYTES;
pub use key_date::{InvalidKeyDate, KeyDate};
pub use kms::KmsKeyWrapping;
pub use kms_sealer::KmsSealer;
pub use local_sealer::LocalSealer;
pub use ports::{
    BranchKeyStore, Creation, GeneratedKey, KeyError, KeyWrapping, WrappedBranchKey, WrappingContext,
};
