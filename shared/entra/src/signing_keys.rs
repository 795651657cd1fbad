//! The authority's signing keys: fetched ahead, kept, and fetched again no more often than needed.

use crate::jwks::{self, SigningKey};
use crate::kept_keys::{self, KeepingError, KeptKeys};
use domain::ports::Clock;
use outbound_http::NoAnswer;
use reqwest::header::ACCEPT;
use std::collections::BTreeSet;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};

/// The largest key document that is read: 256 KiB. Entra's has about 20 KiB.
const MAX_BODY_BYTES: usize = 256 * 1024;

/// How often the keys are fetched.
#[derive(Debug, Clone, Copy)]
pub struct KeyPolicy {
    /// Age from which [`SigningKeys::refresh_if_due`] fetches them again: 12 hours.
    pub refresh_after: Duration,
    /// Age at which keys are no longer used although nothing newer could be had: 24 hours. So long may a key be believed that
    /// Entra has withdrawn while it cannot be reached.
    pub usable_for: Duration,
    /// After an unknown key id led to a fetch, none leads to another one for this long: 5 minutes.
    pub unknown_key_pause: Duration,
    /// After a fetch that came to nothing, keys that are still usable are used for this long without another try: 30 seconds.
    pub failure_pause: Duration,
    /// The same without usable keys, when nobody can be let in: 1 second.
    pub no_keys_pause: Duration,
    /// Age at which what [`KeptKeys`] has is written anew although the keys are the same: 6 hours.
    pub keep_again_after: Duration,
    /// Time limit of one fetch: 5 seconds.
    pub timeout: std::time::Duration,
    /// Time limit of a fetch ahead of all requests, and of each request to [`KeptKeys`]: 2 seconds.
    pub warm_up_timeout: std::time::Duration,
}

impl Default for KeyPolicy {
    fn default() -> Self {
        Self {
            refresh_after: Duration::hours(12),
            usable_for: Duration::hours(24),
            unknown_key_pause: Duration::minutes(5),
            failure_pause: Duration::seconds(30),
            no_keys_pause: Duration::seconds(1),
            keep_again_after: Duration::hours(6),
            timeout: std::time::Duration::from_secs(5),
            warm_up_timeout: std::time::Duration::from_secs(2),
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
    #[error("whoever asked for the key document went away before it came")]
    Abandoned,
}

/// Why a fetch is begun; in the log only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Occasion {
    WarmUp,
    NoKeys,
    Due,
    UnknownKey,
}

impl Occasion {
    fn name(self) -> &'static str {
        match self {
            Self::WarmUp => "warm_up",
            Self::NoKeys => "no_keys",
            Self::Due => "due",
            Self::UnknownKey => "unknown_key",
        }
    }
}

/// The signing keys of one authority. Share one for the life of the process.
///
/// | when | what is fetched |
/// |---|---|
/// | [`warm_up`](Self::warm_up) | once, beside a look at what is kept |
/// | a lookup of a known key | nothing, up to an age of 24 hours |
/// | [`refresh_if_due`](Self::refresh_if_due) | once the keys are 12 hours old; after a failure again from 30 seconds on |
/// | a lookup of an unknown key | once per 5 minutes, whatever the ids |
/// | a lookup without any keys | at most once a second, and what is kept is looked at |
///
/// One fetch is under way at a time; who needs its outcome waits for it, who does not is not held up.
pub struct SigningKeys {
    client: reqwest::Client,
    url: String,
    policy: KeyPolicy,
    clock: Arc<dyn Clock>,
    kept: Option<Arc<dyn KeptKeys>>,
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
    /// When the last fetch began, if it failed or was given up.
    failure: Option<(OffsetDateTime, KeysUnavailable)>,
    /// What [`KeptKeys`] has, as far as is known here.
    kept: Option<Arc<KeySet>>,
}

impl SigningKeys {
    /// `url` is [`crate::Authority::signing_keys_url`]; `client` must not follow redirects. Nothing is fetched before the
    /// first use.
    pub fn new(client: reqwest::Client, url: String, policy: KeyPolicy, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            url,
            policy,
            clock,
            kept: None,
            current: RwLock::new(None),
            attempts: AtomicU64::new(0),
            gate: Mutex::new(Gate::default()),
        }
    }

    /// With a place in which the keys outlive the process: one that starts while the authority is down has keys all the same.
    #[must_use]
    pub fn kept_in(mut self, kept: Arc<dyn KeptKeys>) -> Self {
        self.kept = Some(kept);
        self
    }

    /// Fetches the keys before the first request, and takes what is kept if that fails. Takes at most `warm_up_timeout`; a
    /// failure is only logged, and the first request that needs keys tries again.
    pub async fn warm_up(&self) {
        let end = Instant::now() + self.policy.warm_up_timeout;
        let mut gate = self.gate.lock().await;
        if self.usable().is_some() {
            return;
        }
        let (fetched, kept) = tokio::join!(self.fetch(self.policy.warm_up_timeout), self.read_kept());
        if let Some(kept) = kept {
            gate.kept = Some(kept.clone());
            self.replace(kept);
        }
        match fetched {
            Ok(keys) => {
                let set = self.fetched(keys, Occasion::WarmUp);
                if let Err(elapsed) = timeout_at(end, self.keep(&mut gate, set)).await {
                    log_not_kept(&elapsed.into());
                }
            }
            Err(error) => self.log_failure(&error, Occasion::WarmUp),
        }
    }

    /// The published keys with this id; more than one when several issuers share it.
    ///
    /// Keys that are known are there at once, however long a fetch takes that is under way. A failed fetch leaves the keys
    /// that were known in use until they are too old.
    pub async fn matching(&self, key_id: &str) -> Result<Vec<Arc<SigningKey>>, KeyLookupError> {
        let attempts_seen = self.attempts.load(Ordering::Acquire);
        if let Some(found) = self.find(key_id) {
            return Ok(found);
        }
        let mut gate = self.gate.lock().await;
        if let Some(found) = self.find(key_id) {
            return Ok(found);
        }
        // Whoever held the gate before may have fetched on behalf of all who waited.
        let attempted_meanwhile = self.attempts.load(Ordering::Acquire) != attempts_seen;
        if !attempted_meanwhile && let Some(occasion) = self.occasion(&gate) {
            self.fetch_into(&mut gate, occasion).await;
        }
        match (self.find(key_id), &gate.failure) {
            (Some(found), _) => Ok(found),
            (None, Some((_, failure))) => Err(failure.clone().into()),
            (None, None) => Err(KeyLookupError::Unknown),
        }
    }

    /// Fetches the keys again if they are 12 hours old and nobody else is fetching. To be run beside a request, which it
    /// does not hold up; one that is dropped counts as failed, and nothing is lost.
    ///
    /// Without it keys are fetched when they are 24 hours old, and requests wait for that.
    pub async fn refresh_if_due(&self) {
        if !self.usable().is_some_and(|set| self.is_due(&set)) {
            return;
        }
        let Ok(mut gate) = self.gate.try_lock() else { return };
        if let Some(Occasion::Due) = self.occasion(&gate) {
            self.fetch_into(&mut gate, Occasion::Due).await;
        }
    }

    fn find(&self, key_id: &str) -> Option<Vec<Arc<SigningKey>>> {
        let set = self.usable()?;
        let found: Vec<_> = set.keys.iter().filter(|key| key.key_id() == key_id).cloned().collect();
        (!found.is_empty()).then_some(found)
    }

    fn usable(&self) -> Option<Arc<KeySet>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner).clone();
        current.filter(|set| self.clock.now() - set.fetched_at < self.policy.usable_for)
    }

    fn is_due(&self, set: &KeySet) -> bool {
        self.clock.now() - set.fetched_at >= self.policy.refresh_after
    }

    /// Why to fetch now, for a key that is not there; `None` if that must wait.
    fn occasion(&self, gate: &Gate) -> Option<Occasion> {
        let now = self.clock.now();
        let usable = self.usable();
        let pause = if usable.is_some() { self.policy.failure_pause } else { self.policy.no_keys_pause };
        if gate.failure.as_ref().is_some_and(|(failed_at, _)| now - *failed_at < pause) {
            return None;
        }
        match usable {
            None => Some(Occasion::NoKeys),
            Some(set) if self.is_due(&set) => Some(Occasion::Due),
            Some(_) => {
                let over = |since| now - since >= self.policy.unknown_key_pause;
                gate.unknown_key_at.is_none_or(over).then_some(Occasion::UnknownKey)
            }
        }
    }

    async fn fetch_into(&self, gate: &mut Gate, occasion: Occasion) {
        // Noted first, so that those who ask and go away do not make one request after another.
        let begun_at = self.clock.now();
        gate.failure = Some((begun_at, FetchError::Abandoned.into()));
        match self.fetch(self.policy.timeout).await {
            Ok(keys) => {
                gate.failure = None;
                if occasion == Occasion::UnknownKey {
                    gate.unknown_key_at = Some(begun_at);
                }
                let set = self.fetched(keys, occasion);
                self.attempts.fetch_add(1, Ordering::Release);
                self.keep(gate, set).await;
            }
            Err(error) => {
                self.log_failure(&error, occasion);
                gate.failure = Some((begun_at, error.into()));
                self.attempts.fetch_add(1, Ordering::Release);
                if occasion == Occasion::NoKeys
                    && let Some(kept) = self.read_kept().await
                {
                    gate.kept = Some(kept.clone());
                    self.replace(kept);
                }
            }
        }
    }

    async fn fetch(&self, limit: std::time::Duration) -> Result<Vec<SigningKey>, FetchError> {
        let request = self.client.get(&self.url).header(ACCEPT, "application/json");
        let response = outbound_http::send(request, limit).await.map_err(NoAnswer::from)?;
        let answer = outbound_http::read(response, MAX_BODY_BYTES).await?;
        if answer.status != reqwest::StatusCode::OK {
            return Err(FetchError::Status(answer.status.as_u16()));
        }
        jwks::parse(&answer.body).filter(|keys| !keys.is_empty()).ok_or(FetchError::NotKeys)
    }

    /// Puts keys that were just fetched to use.
    fn fetched(&self, keys: Vec<SigningKey>, occasion: Occasion) -> Arc<KeySet> {
        let keys: Vec<_> = keys.into_iter().map(Arc::new).collect();
        tracing::info!(
            event = "signing_keys.fetched",
            keys.occasion = occasion.name(),
            keys.count = keys.len()
        );
        let set = Arc::new(KeySet { keys, fetched_at: self.clock.now() });
        self.replace(set.clone());
        set
    }

    fn replace(&self, set: Arc<KeySet>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(set);
    }

    fn log_failure(&self, error: &FetchError, occasion: Occasion) {
        let age = self.usable().map(|set| (self.clock.now() - set.fetched_at).whole_seconds());
        tracing::warn!(
            event = "signing_keys.not_fetched",
            keys.occasion = occasion.name(),
            keys.age_seconds = age,
            error = error as &dyn Error,
        );
    }

    /// What is kept, if it can still be used.
    async fn read_kept(&self) -> Option<Arc<KeySet>> {
        let kept = self.kept.as_ref()?;
        let document = match timeout(self.policy.warm_up_timeout, kept.read()).await {
            Ok(Ok(document)) => document?,
            Ok(Err(error)) => {
                tracing::warn!(event = "signing_keys.kept_unusable", error = &*error as &dyn Error);
                return None;
            }
            Err(elapsed) => {
                tracing::warn!(event = "signing_keys.kept_unusable", error = &elapsed as &dyn Error);
                return None;
            }
        };
        let now = self.clock.now();
        let Some((keys, fetched_at)) = kept_keys::decode(&document, &self.url, now) else {
            tracing::warn!(
                event = "signing_keys.kept_unusable",
                error = "it is not a document of these keys"
            );
            return None;
        };
        let keys = keys.into_iter().map(Arc::new).collect();
        (now - fetched_at < self.policy.usable_for).then(|| Arc::new(KeySet { keys, fetched_at }))
    }

    /// Writes keys that are new, or the same after a while.
    async fn keep(&self, gate: &mut Gate, set: Arc<KeySet>) {
        let Some(kept) = &self.kept else { return };
        let good_enough = gate.kept.as_ref().is_some_and(|kept| {
            kept.has_the_keys_of(&set) && set.fetched_at - kept.fetched_at < self.policy.keep_again_after
        });
        if good_enough {
            return;
        }
        let write = async {
            let document = kept_keys::encode(&self.url, &set.keys, set.fetched_at)
                .ok_or("there are more keys than are kept")?;
            kept.write(&document, set.fetched_at + self.policy.usable_for).await
        };
        let written =
            timeout(self.policy.warm_up_timeout, write).await.unwrap_or_else(|elapsed| Err(elapsed.into()));
        match written {
            Ok(()) => gate.kept = Some(set),
            Err(error) => log_not_kept(&error),
        }
    }
}

fn log_not_kept(error: &KeepingError) {
    tracing::warn!(event = "signing_keys.not_kept", error = &**error as &dyn Error);
}

impl KeySet {
    fn has_the_keys_of(&self, other: &Self) -> bool {
        let jwks = |set: &Self| set.keys.iter().map(|key| key.jwk().clone()).collect::<BTreeSet<_>>();
        jwks(self) == jwks(other)
    }
}

impl From<FetchError> for KeysUnavailable {
    fn from(error: FetchError) -> Self {
        Self { source: Arc::new(error) }
    }
}
