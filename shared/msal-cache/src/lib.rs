//! The unified cache format that every MSAL library reads and writes (schema v3): read, merge, write; no I/O.
//!
//! One JSON object with the sections `AccessToken`, `RefreshToken`, `IdToken`, `Account` and `AppMetadata`, each a map of
//! key to entity. Entities are found by their **fields**, never by their keys, because every library builds keys in its
//! own way; sections and fields that this crate does not know are kept as they are. `docs/data-model.md` has the layout.

mod document;
mod entity;
mod merge;
mod read;
mod write;

pub use document::{FormatError, UnifiedCache};
pub use read::{AccessTokenQuery, CachedAccessToken, CachedRefreshToken};
pub use write::TokenGrant;

/// How many sessions' access tokens (per client, realm and scope set) are kept beside the newest one: 8.
///
/// A session is one bearer token of the caller. The bound keeps one user's item small however many browsers are open.
pub const KEPT_SESSIONS: usize = 8;
