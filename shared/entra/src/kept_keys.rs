//! The last known good keys, kept beyond the life of the process.

use crate::jwks::{self, Jwk, SigningKey};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::error::Error;
use time::{Duration, OffsetDateTime};

/// The largest document that is kept: 64 KiB. Entra's keys make one of 5 KiB.
const MAX_BYTES: usize = 64 * 1024;

/// How far in the future keys may have been fetched, because another machine's clock is ahead: 5 minutes.
const MOST_AHEAD: Duration = Duration::minutes(5);

/// A place for one document, shared by all processes of a deployment, in which nobody else can change anything unnoticed:
/// whoever could put a key into it could sign tokens. Entra's answer is protected by TLS, so what is kept must be sealed.
#[async_trait]
pub trait KeptKeys: Send + Sync {
    /// The document as it was last written; `None` where there is none.
    ///
    /// # Errors
    /// When it cannot be had, or is not as it was written. It is then as good as absent.
    async fn read(&self) -> Result<Option<Vec<u8>>, KeepingError>;

    /// Replaces the document. After `expires_at` nobody wants it any more.
    async fn write(&self, document: &[u8], expires_at: OffsetDateTime) -> Result<(), KeepingError>;
}

/// Why keys were not kept or not found. Only logged: requests go on without.
pub type KeepingError = Box<dyn Error + Send + Sync>;

#[derive(Serialize)]
struct Written<'a> {
    url: &'a str,
    /// Epoch seconds.
    fetched_at: i64,
    keys: Vec<&'a Jwk>,
}

#[derive(Deserialize)]
struct Read {
    url: String,
    fetched_at: i64,
    keys: Vec<Value>,
}

/// `None` for more keys than are kept.
pub(crate) fn encode(
    url: &str,
    keys: &[impl AsRef<SigningKey>],
    fetched_at: OffsetDateTime,
) -> Option<Vec<u8>> {
    let keys = keys.iter().map(|key| key.as_ref().jwk()).collect();
    let written = Written { url, fetched_at: fetched_at.unix_timestamp(), keys };
    let document = serde_json::to_vec(&written).expect("texts and a number are always JSON");
    (document.len() <= MAX_BYTES).then_some(document)
}

/// The keys and when they were fetched. `None` for what is not ours: keys of another authority, or of the future.
pub(crate) fn decode(
    document: &[u8],
    url: &str,
    now: OffsetDateTime,
) -> Option<(Vec<SigningKey>, OffsetDateTime)> {
    let read: Read = serde_json::from_slice(document).ok().filter(|read: &Read| read.url == url)?;
    let fetched_at =
        OffsetDateTime::from_unix_timestamp(read.fetched_at).ok().filter(|at| *at <= now + MOST_AHEAD)?;
    let keys = jwks::usable(read.keys);
    (!keys.is_empty()).then_some((keys, fetched_at))
}
