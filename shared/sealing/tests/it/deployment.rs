//! A table of branch keys and a KMS in memory, shared by as many environments as a test wants.

use async_trait::async_trait;
use domain::ports::ItemAddress;
use sealing::{
    BranchKeyStore, Creation, GeneratedKey, KeyDate, KeyError, KeyMaterial, KeyWrapping, KmsSealer,
    WrappedBranchKey, WrappingContext,
};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use test_support::FixedClock;
use tokio::sync::Barrier;

pub(crate) const TABLE: &str = "accounts";
pub(crate) const ROTATION_DAYS: u32 = 90;

/// One deployment: what its environments share.
#[derive(Default)]
pub(crate) struct Deployment {
    pub(crate) table: Arc<KeyTable>,
    pub(crate) kms: Arc<InMemoryKms>,
    pub(crate) clock: FixedClock,
}

impl Deployment {
    /// A new environment: nothing cached.
    pub(crate) fn environment(&self) -> Arc<KmsSealer> {
        let clock = Arc::new(self.clock.clone());
        let sealer =
            KmsSealer::new(self.table.clone(), self.kms.clone(), TABLE.to_owned(), ROTATION_DAYS, clock);
        Arc::new(sealer)
    }

    pub(crate) fn address() -> ItemAddress {
        crate::address()
    }
}

fn down(operation: &'static str) -> KeyError {
    KeyError { operation, reason: "expected an answer, got none".to_owned(), source: None }
}

/// The key items of a table.
#[derive(Default)]
pub(crate) struct KeyTable {
    pub(crate) items: Mutex<BTreeMap<KeyDate, WrappedBranchKey>>,
    pub(crate) reads: AtomicUsize,
    pub(crate) down: AtomicBool,
}

impl KeyTable {
    pub(crate) fn dates(&self) -> Vec<String> {
        self.items.lock().unwrap().keys().map(ToString::to_string).collect()
    }

    fn answer<T>(
        &self,
        read: impl FnOnce(&mut BTreeMap<KeyDate, WrappedBranchKey>) -> T,
    ) -> Result<T, KeyError> {
        if self.down.load(Ordering::SeqCst) {
            return Err(down("table"));
        }
        Ok(read(&mut self.items.lock().unwrap()))
    }
}

#[async_trait]
impl BranchKeyStore for KeyTable {
    async fn newest(&self) -> Result<Option<WrappedBranchKey>, KeyError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.answer(|items| items.values().next_back().cloned())
    }

    async fn get(&self, date: KeyDate) -> Result<Option<WrappedBranchKey>, KeyError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.answer(|items| items.get(&date).cloned())
    }

    async fn create(&self, key: &WrappedBranchKey) -> Result<Creation, KeyError> {
        self.answer(|items| {
            if let Some(present) = items.get(&key.date) {
                return Creation::Existed(present.clone());
            }
            items.insert(key.date, key.clone());
            Creation::Created
        })
    }
}

type Pairs = [(&'static str, String); 3];

/// Wraps by remembering: a wrapped key is a number, and unwraps only in its context.
#[derive(Default)]
pub(crate) struct InMemoryKms {
    keys: Mutex<Vec<(Pairs, [u8; 32])>>,
    pub(crate) generated: AtomicUsize,
    pub(crate) unwrapped: AtomicUsize,
    pub(crate) down: AtomicBool,
    /// If set, no key is handed out before so many were asked for.
    pub(crate) together: Mutex<Option<Arc<Barrier>>>,
}

impl InMemoryKms {
    /// Takes a key of a test's own.
    pub(crate) fn wrap(&self, material: [u8; 32], context: WrappingContext<'_>) -> Vec<u8> {
        let mut keys = self.keys.lock().unwrap();
        keys.push((context.pairs(), material));
        vec![u8::try_from(keys.len() - 1).unwrap()]
    }
}

#[async_trait]
impl KeyWrapping for InMemoryKms {
    async fn generate(&self, context: WrappingContext<'_>) -> Result<GeneratedKey, KeyError> {
        let number = self.generated.fetch_add(1, Ordering::SeqCst);
        let together = self.together.lock().unwrap().clone();
        if let Some(barrier) = together {
            barrier.wait().await;
        }
        tokio::task::yield_now().await;
        if self.down.load(Ordering::SeqCst) {
            return Err(down("generate"));
        }
        let material = [0x40 + u8::try_from(number).unwrap(); 32];
        Ok(GeneratedKey {
            material: KeyMaterial::copied_from(&material).unwrap(),
            wrapped: self.wrap(material, context),
            kms_key: "arn:aws:kms:eu-north-1:123456789012:key/1".to_owned(),
        })
    }

    async fn unwrap(&self, wrapped: &[u8], context: WrappingContext<'_>) -> Result<KeyMaterial, KeyError> {
        self.unwrapped.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        if self.down.load(Ordering::SeqCst) {
            return Err(down("unwrap"));
        }
        let keys = self.keys.lock().unwrap();
        let found = wrapped.first().and_then(|number| keys.get(usize::from(*number)));
        match found {
            Some((pairs, material)) if *pairs == context.pairs() && wrapped.len() == 1 => {
                Ok(KeyMaterial::copied_from(material).unwrap())
            }
            _ => Err(KeyError { operation: "unwrap", reason: "it is not mine".to_owned(), source: None }),
        }
    }
}
