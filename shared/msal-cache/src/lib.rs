//! The unified cache format that every MSAL library reads and writes (schema v3): read, merge, write; no I/O.
//!
//! One JSON object with the sections `AccessToken`, `RefreshToken`, `IdToken`, `Account` and `AppMetadata`, each a map of
//! key to entity. Entities are found by their **fields**, never by their keys, because every library builds keys in its
//! own way; sections and fields that this crate does not know are kept as they are. `docs/data-model.md` has the layout.
//!
//! A [`UnifiedCache`] is always in the one form that all libraries accept: [`UnifiedCache::parse`] brings what others
//! wrote into it, and what is done to it afterwards leaves it there.

mod access_tokens;
mod canonical;
mod document;
mod entity;
mod environment;
mod keys;
mod merge;
mod read;
mod record;
mod refresh_tokens;
mod write;

pub use access_tokens::{KEPT_ACCESS_TOKEN_BYTES, KEPT_ACCESS_TOKENS, KEPT_SESSIONS};
pub use document::{FormatError, UnifiedCache};
pub use read::{AccessTokenQuery, CachedAccessToken, CachedRefreshToken};
pub use record::TokenGrant;
