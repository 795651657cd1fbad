//! Encryption of token cache blobs. There is no plaintext mode.
//!
//! A blob can be opened only with the branch key, and only at the table, item and client it was sealed for.
//! `docs/data-model.md` specifies the bytes.

mod blob;
mod branch_key;
mod item_key;
mod local_sealer;

pub use branch_key::{BranchKey, InvalidKey};
pub use local_sealer::LocalSealer;
