//! The authority's signing keys: fetched once, kept, and fetched again no more often than needed.

use crate::jwks::{self, SigningKey};
use domain::ports::Clock;
use outbound_http::NoAnswer;
use reqwest::header::ACCEPT;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

/// The largest key document that is read: 256 KiB. Entra's has about 20 KiB.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// How often the keys are fetched.
#[derive(Debug, Clone, Copy)]
pub struct KeyPolicy {
    /// Age at which the next use fetches them again: 12 hours.
    pub refresh_after: Duration,
    /// Age at which keys are no longer used although nothing newer could be had: 24 hours.
    pub usable_for: Duration,
    /// After an unknown key id led to a fetch, none leads to another one for this long: 5 minutes.
    pub unknown_key_pause: Duration,
    /// After a fetch failed, keys that are still usable are used for this long without another try: 30 seconds.
    pub failure_pause: Duration,
    /// Time limit of one fetch: 5 seconds.
    pub timeout: std::time::Duration,
}

impl Default for KeyPolicy {
    fn default() -> Self {
        Self {
            refresh_after: Duration::hours(12),
            usable_for: Duration::hours(24),
            unknown_key_pause: Duration::minutes(5),
            failure_pause: Duration::seconds(30),
            timeout: std::time::Duration::from_secs(5),
        }
    }
}

/// Why no key was found.
#[derive(Debug, thiserror::Error)]
pub enum KeyLookupError {
    /// The authority publishes no such key, as of the last time it was asked.
    #[error("no such signing key is published")]
    Unknown,
    #[error(transparent)]
    Unavailable(#[from] KeysUnavailable),
}

/// The key document could not be had, so that a key that is not known may well exist.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the signing keys could not be fetched")]
pub struct KeysUnavailable {
    #[source]
    source: Arc<dyn Error + Send + Sync>,
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
    #[error("expected a key document, got HTTP status {0}")]
    Status(u16),
    #[error("expected a key document with an RSA signing key in it, got something else")]
    NotKeys,
}

/// The signing keys of one authority. Share one for the life of the process.
pub struct SigningKeys {
    client: reqwest::Client,
    url: String,
    policy: KeyPolicy,
    clock: Arc<dyn Clock>,
    current: RwLock<Option<Arc<KeySet>>>,
    /// Fetches that came to an end, well or not.
    attempts: AtomicU64,
    gate: Mutex<Gate>,
}

struct KeySet {
    keys: Vec<Arc<SigningKey>>,
    fetched_at: OffsetDateTime,
}

/// Held by the one task that may fetch.
#[derive(Default)]
struct Gate {
    /// When an unknown key id last led to a fetch that worked.
    unknown_key_at: Option<OffsetDateTime>,
    /// The last fetch, if it failed.
    failure: Option<(OffsetDateTime, KeysUnavailable)>,
}

impl SigningKeys {
    /// `url` is [`crate::Authority::signing_keys_url`]. Nothing is fetched before the first use.
    pub fn new(client: reqwest::Client, url: String, policy: KeyPolicy, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            url,
            policy,
            clock,
            current: RwLock::new(None),
            attempts: AtomicU64::new(0),
            gate: Mutex::new(Gate::default()),
        }
    }

    /// Fetches the keys if there are none or they are due, so that the first request need not wait for them.
    pub async fn prefetch(&self) -> Result<(), KeysUnavailable> {
        match self.lookup(None).await {
            Err(KeyLookupError::Unavailable(error)) => Err(error),
            Ok(_) | Err(KeyLookupError::Unknown) => Ok(()),
        }
    }

    /// The published keys with this id; more than one when several issuers share it.
    ///
    /// At most one fetch is under way at a time, and those who wait for it share its outcome. A failed fetch leaves the
    /// keys that were known in use until they are too old.
    pub async fn matching(&self, key_id: &str) -> Result<Vec<Arc<SigningKey>>, KeyLookupError> {
        self.lookup(Some(key_id)).await
    }

    async fn lookup(&self, key_id: Option<&str>) -> Result<Vec<Arc<SigningKey>>, KeyLookupError> {
        let attempts_seen = self.attempts.load(Ordering::Acquire);
        if let Some(found) = self.find_fresh(key_id) {
            return Ok(found);
        }
        let mut gate = self.gate.lock().await;
        if let Some(found) = self.find_fresh(key_id) {
            return Ok(found);
        }
        // Whoever held the gate before may have fetched on behalf of all who waited.
        let attempted_meanwhile = self.attempts.load(Ordering::Acquire) != attempts_seen;
        if !attempted_meanwhile && self.may_fetch(&gate) {
            self.fetch_into(&mut gate).await;
        }
        let usable = self.current().filter(|set| self.clock.now() - set.fetched_at < self.policy.usable_for);
        let found = usable.as_ref().map(|set| set.matching(key_id)).unwrap_or_default();
        match (&gate.failure, usable) {
            (_, Some(_)) if !found.is_empty() => Ok(found),
            (Some((_, failure)), _) => Err(failure.clone().into()),
            (None, _) => Err(KeyLookupError::Unknown),
        }
    }

    /// Keys that are not due and include the one asked for.
    fn find_fresh(&self, key_id: Option<&str>) -> Option<Vec<Arc<SigningKey>>> {
        let set = self.current().filter(|set| !self.is_due(set))?;
        Some(set.matching(key_id)).filter(|found| !found.is_empty())
    }

    fn is_due(&self, set: &KeySet) -> bool {
        self.clock.now() - set.fetched_at >= self.policy.refresh_after
    }

    fn may_fetch(&self, gate: &Gate) -> bool {
        let now = self.clock.now();
        let over = |since: OffsetDateTime, pause: Duration| now - since >= pause;
        let Some(set) = self.current().filter(|set| !over(set.fetched_at, self.policy.usable_for)) else {
            return true;
        };
        if let Some((failed_at, _)) = &gate.failure {
            return over(*failed_at, self.policy.failure_pause);
        }
        // Fresh keys, but not the one asked for.
        self.is_due(&set)
            || gate.unknown_key_at.is_none_or(|since| over(since, self.policy.unknown_key_pause))
    }

    async fn fetch_into(&self, gate: &mut Gate) {
        let for_unknown_key = self.current().is_some_and(|set| !self.is_due(&set));
        let outcome = self.fetch().await;
        let now = self.clock.now();
        match outcome {
            Ok(keys) => {
                let keys = keys.into_iter().map(Arc::new).collect();
                *self.current.write().unwrap_or_else(PoisonError::into_inner) =
                    Some(Arc::new(KeySet { keys, fetched_at: now }));
                gate.failure = None;
                if for_unknown_key {
                    gate.unknown_key_at = Some(now);
                }
            }
            Err(error) => {
                let kept = self.current().map(|set| (now - set.fetched_at).whole_seconds());
                tracing::warn!(
                    error = &error as &dyn Error,
                    keys.age_seconds = kept,
                    "signing keys not fetched"
                );
                gate.failure = Some((now, KeysUnavailable { source: Arc::new(error) }));
            }
        }
        self.attempts.fetch_add(1, Ordering::Release);
    }

    async fn fetch(&self) -> Result<Vec<SigningKey>, FetchError> {
        let request =
            self.client.get(&self.url).header(ACCEPT, "application/json").timeout(self.policy.timeout);
        let response = request.send().await.map_err(NoAnswer::from)?;
        let answer = outbound_http::read(response, MAX_BODY_BYTES).await?;
        if answer.status != reqwest::StatusCode::OK {
            return Err(FetchError::Status(answer.status.as_u16()));
        }
        jwks::parse(&answer.body).filter(|keys| !keys.is_empty()).ok_or(FetchError::NotKeys)
    }

    fn current(&self) -> Option<Arc<KeySet>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl KeySet {
    /// All keys for `None`.
    fn matching(&self, key_id: Option<&str>) -> Vec<Arc<SigningKey>> {
        self.keys.iter().filter(|key| key_id.is_none_or(|id| key.key_id == id)).cloned().collect()
    }
}
