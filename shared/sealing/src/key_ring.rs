//! The branch keys that an environment holds: looked up in the table, unwrapped once, kept.

use crate::branch_key::BranchKey;
use crate::key_date::KeyDate;
use crate::ports::{BranchKeyStore, Creation, KeyError, KeyWrapping, WrappedBranchKey, WrappingContext};
use domain::ports::Clock;
use std::collections::BTreeMap;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use time::{Duration, OffsetDateTime};

/// How long a key is used before the table is looked at again. One read; KMS is asked only if the item has changed.
/// So long can it take until all environments know that a key was deleted or a newer one made.
const LOOK_AGAIN: Duration = Duration::hours(1);

/// Keys kept unwrapped. Blobs are sealed anew long before so many keys were made; more would mean blobs of great age.
const MOST_KEYS: usize = 8;

/// Which key is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// The one to seal with.
    Newest,
    /// The one that a blob names.
    Of(KeyDate),
}

/// Branch keys of one table. At most one lookup is under way at a time; those who wait for it share its outcome.
pub(crate) struct KeyRing {
    keys: Arc<dyn BranchKeyStore>,
    wrapping: Arc<dyn KeyWrapping>,
    clock: Arc<dyn Clock>,
    table: String,
    rotation_days: i64,
    held: Mutex<Held>,
    gate: tokio::sync::Mutex<Option<(Wanted, KeyError)>>,
    failures: AtomicU64,
}

/// What is kept in memory.
#[derive(Default)]
struct Held {
    by_date: BTreeMap<KeyDate, HeldKey>,
    newest: Option<(KeyDate, OffsetDateTime)>,
}

#[derive(Clone)]
struct HeldKey {
    key: Arc<BranchKey>,
    wrapped: Vec<u8>,
    looked_at: OffsetDateTime,
}

impl KeyRing {
    pub(crate) fn new(
        keys: Arc<dyn BranchKeyStore>,
        wrapping: Arc<dyn KeyWrapping>,
        table: String,
        rotation_days: u32,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            keys,
            wrapping,
            clock,
            table,
            rotation_days: i64::from(rotation_days),
            held: Mutex::default(),
            gate: tokio::sync::Mutex::default(),
            failures: AtomicU64::new(0),
        }
    }

    /// The key to seal with. Makes one where there is none, or where the newest is due for replacement.
    pub(crate) async fn newest(&self) -> Result<Arc<BranchKey>, KeyError> {
        self.lookup(Wanted::Newest).await?.ok_or_else(|| KeyError {
            operation: "branch keys",
            reason: "expected a newest key after one was made, got none".to_owned(),
            source: None,
        })
    }

    /// The key of this date; `None` if the table has none.
    pub(crate) async fn of(&self, date: KeyDate) -> Result<Option<Arc<BranchKey>>, KeyError> {
        self.lookup(Wanted::Of(date)).await
    }

    async fn lookup(&self, wanted: Wanted) -> Result<Option<Arc<BranchKey>>, KeyError> {
        let failures_seen = self.failures.load(Ordering::Acquire);
        if let Some(key) = self.fresh(wanted) {
            return Ok(Some(key));
        }
        let mut gate = self.gate.lock().await;
        if let Some(key) = self.fresh(wanted) {
            return Ok(Some(key));
        }
        if let Some((failed, error)) = &*gate
            && *failed == wanted
            && self.failures.load(Ordering::Acquire) != failures_seen
        {
            return Err(error.clone());
        }
        let looked_up = match wanted {
            Wanted::Newest => self.look_up_newest().await.map(Some),
            Wanted::Of(date) => self.look_up(date).await,
        };
        let error = match looked_up {
            Ok(key) => return Ok(key),
            Err(error) => error,
        };
        if let Some(key) = self.kept(wanted) {
            // A table that cannot be asked says nothing against the key.
            tracing::warn!(event = "sealing.branch_key_unchecked", error = &error as &dyn Error);
            return Ok(Some(key));
        }
        *gate = Some((wanted, error.clone()));
        self.failures.fetch_add(1, Ordering::Release);
        Err(error)
    }

    async fn look_up(&self, date: KeyDate) -> Result<Option<Arc<BranchKey>>, KeyError> {
        if let Some(wrapped) = self.keys.get(date).await? {
            return self.unwrap(&wrapped).await.map(Some);
        }
        self.held().forget(date);
        Ok(None)
    }

    async fn look_up_newest(&self) -> Result<Arc<BranchKey>, KeyError> {
        let now = self.clock.now();
        let today = KeyDate::of(now);
        let newest = self.keys.newest().await?;
        let (date, key) = match newest {
            Some(newest) if newest.date.days_until(today) < self.rotation_days => {
                (newest.date, self.unwrap(&newest).await?)
            }
            None => self.create(today, now).await?,
            Some(newest) => match self.create(today, now).await {
                Ok(created) => created,
                // The old key still serves; the next look tries again.
                Err(error) => {
                    let key = self.unwrap(&newest).await?;
                    tracing::warn!(event = "sealing.rotation_failed", error = &error as &dyn Error);
                    (newest.date, key)
                }
            },
        };
        self.held().newest = Some((date, now));
        Ok(key)
    }

    /// A new key, or that of another environment that was first.
    async fn create(
        &self,
        date: KeyDate,
        now: OffsetDateTime,
    ) -> Result<(KeyDate, Arc<BranchKey>), KeyError> {
        let generated = self.wrapping.generate(self.context(date)).await?;
        let wrapped = WrappedBranchKey {
            date,
            wrapped: generated.wrapped,
            kms_key: generated.kms_key,
            created_at: now,
        };
        match self.keys.create(&wrapped).await? {
            Creation::Created => {
                tracing::info!(event = "sealing.branch_key_created", key = %date);
                let key = Arc::new(BranchKey::dated(date, generated.material));
                self.held()
                    .keep(date, HeldKey { key: key.clone(), wrapped: wrapped.wrapped, looked_at: now });
                Ok((date, key))
            }
            Creation::Existed(theirs) => Ok((theirs.date, self.unwrap(&theirs).await?)),
        }
    }

    /// Asks KMS, unless this very item has been unwrapped before.
    async fn unwrap(&self, wrapped: &WrappedBranchKey) -> Result<Arc<BranchKey>, KeyError> {
        let now = self.clock.now();
        let known = self.held().by_date.get(&wrapped.date).cloned();
        let key = if let Some(known) = known.filter(|known| known.wrapped == wrapped.wrapped) {
            known.key
        } else {
            let material = self.wrapping.unwrap(&wrapped.wrapped, self.context(wrapped.date)).await?;
            tracing::info!(event = "sealing.branch_key_unwrapped", key = %wrapped.date);
            Arc::new(BranchKey::dated(wrapped.date, material))
        };
        let held = HeldKey { key: key.clone(), wrapped: wrapped.wrapped.clone(), looked_at: now };
        self.held().keep(wrapped.date, held);
        Ok(key)
    }

    fn context(&self, date: KeyDate) -> WrappingContext<'_> {
        WrappingContext { table: &self.table, date }
    }

    fn fresh(&self, wanted: Wanted) -> Option<Arc<BranchKey>> {
        let now = self.clock.now();
        let held = self.held();
        let (key, looked_at) = match wanted {
            Wanted::Newest => held.newest_key()?,
            Wanted::Of(date) => held.by_date.get(&date).map(|held| (&held.key, held.looked_at))?,
        };
        (now - looked_at < LOOK_AGAIN).then(|| key.clone())
    }

    /// However long ago it was looked at.
    fn kept(&self, wanted: Wanted) -> Option<Arc<BranchKey>> {
        let held = self.held();
        match wanted {
            Wanted::Newest => held.newest_key().map(|(key, _)| key.clone()),
            Wanted::Of(date) => held.by_date.get(&date).map(|held| held.key.clone()),
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn newest_key(&self) -> Option<(&Arc<BranchKey>, OffsetDateTime)> {
        let (date, looked_at) = self.newest?;
        Some((&self.by_date.get(&date)?.key, looked_at))
    }

    /// Keeps a key; if there are too many, the oldest goes.
    fn keep(&mut self, date: KeyDate, key: HeldKey) {
        self.by_date.insert(date, key);
        while self.by_date.len() > MOST_KEYS {
            let oldest = self.by_date.keys().copied().find(|other| *other != date);
            oldest.map(|oldest| self.by_date.remove(&oldest));
        }
    }

    fn forget(&mut self, date: KeyDate) {
        self.by_date.remove(&date);
        self.newest = self.newest.filter(|(newest, _)| *newest != date);
    }
}
