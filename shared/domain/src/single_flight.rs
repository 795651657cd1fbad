//! One token request per account and process: whoever comes second waits and finds the answer in the cache.

use crate::identity::HomeAccountId;
use futures::lock::{Mutex, OwnedMutexGuard};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, Weak};

/// The accounts for which this process is asking Entra right now.
#[derive(Default)]
pub struct SingleFlight {
    gates: std::sync::Mutex<HashMap<HomeAccountId, Weak<Mutex<()>>>>,
}

/// Held while asking; the next one goes when it is dropped.
pub struct Flight {
    _guard: OwnedMutexGuard<()>,
    /// Somebody else asked meanwhile: what was read before is outdated.
    pub waited: bool,
}

impl SingleFlight {
    /// Waits until nobody else in this process asks for the account. Safe to cancel.
    pub async fn enter(&self, account: HomeAccountId) -> Flight {
        let gate = self.gate(account);
        match gate.clone().try_lock_owned() {
            Some(guard) => Flight { _guard: guard, waited: false },
            None => Flight { _guard: gate.lock_owned().await, waited: true },
        }
    }

    fn gate(&self, account: HomeAccountId) -> Arc<Mutex<()>> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(&account).and_then(Weak::upgrade) {
            return gate;
        }
        gates.retain(|_, gate| gate.strong_count() > 0);
        let gate = Arc::new(Mutex::new(()));
        gates.insert(account, Arc::downgrade(&gate));
        gate
    }
}
