//! Accounts that wait in a worker for their tenant, in a queue for each tenant.
//!
//! Whoever waits is not looked at before something can have changed, however many they are.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;
use time::OffsetDateTime;

/// Queues by tenant, each with the moment at which to look at it again.
#[derive(Debug)]
pub struct Waiting<K, V> {
    queues: HashMap<K, Queue<V>>,
    looks: BTreeSet<(OffsetDateTime, K)>,
    length: usize,
}

#[derive(Debug)]
struct Queue<V> {
    accounts: VecDeque<V>,
    /// `None` until one of the tenant's turns has ended.
    look_at: Option<OffsetDateTime>,
}

impl<K, V> Default for Waiting<K, V> {
    fn default() -> Self {
        Self { queues: HashMap::new(), looks: BTreeSet::new(), length: 0 }
    }
}

impl<K: Copy + Ord + Hash, V> Waiting<K, V> {
    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// How many wait for this tenant.
    pub fn of(&self, tenant: K) -> usize {
        self.queues.get(&tenant).map_or(0, |queue| queue.accounts.len())
    }

    /// Queues an account. A tenant whose queue was empty is looked at `look_at`, or when one of its turns has ended.
    pub fn push(&mut self, tenant: K, account: V, look_at: Option<OffsetDateTime>) {
        self.length += 1;
        if let Some(queue) = self.queues.get_mut(&tenant) {
            queue.accounts.push_back(account);
            return;
        }
        self.queues.insert(tenant, Queue { accounts: [account].into(), look_at });
        self.looks.extend(look_at.map(|at| (at, tenant)));
    }

    /// The first tenant that is to be looked at, if it is time.
    pub fn due(&self, now: OffsetDateTime) -> Option<K> {
        self.looks.first().filter(|(at, _)| *at <= now).map(|(_, tenant)| *tenant)
    }

    /// When a tenant is to be looked at next; `None` when all wait for the ends of turns, or nobody waits.
    pub fn next_look(&self) -> Option<OffsetDateTime> {
        self.looks.first().map(|(at, _)| *at)
    }

    /// Looks at this tenant again at `look_at`, or when one of its turns has ended.
    pub fn look_again(&mut self, tenant: K, look_at: Option<OffsetDateTime>) {
        let Some(queue) = self.queues.get_mut(&tenant) else { return };
        if let Some(before) = std::mem::replace(&mut queue.look_at, look_at) {
            self.looks.remove(&(before, tenant));
        }
        self.looks.extend(look_at.map(|at| (at, tenant)));
    }

    /// One of the tenant's turns has ended.
    pub fn turn_ended(&mut self, tenant: K, now: OffsetDateTime) {
        if self.queues.get(&tenant).is_some_and(|queue| queue.look_at.is_none()) {
            self.look_again(tenant, Some(now));
        }
    }

    /// The account of this tenant that has waited longest.
    pub fn take(&mut self, tenant: K) -> Option<V> {
        let queue = self.queues.get_mut(&tenant)?;
        let account = queue.accounts.pop_front();
        self.length -= usize::from(account.is_some());
        if queue.accounts.is_empty() {
            self.look_again(tenant, None);
            self.queues.remove(&tenant);
        }
        account
    }

    /// All that wait for this tenant.
    pub fn take_all(&mut self, tenant: K) -> VecDeque<V> {
        self.look_again(tenant, None);
        let accounts = self.queues.remove(&tenant).map(|queue| queue.accounts).unwrap_or_default();
        self.length -= accounts.len();
        accounts
    }

    /// All that wait, in no order.
    pub fn drain(&mut self) -> impl Iterator<Item = V> {
        let queues = std::mem::take(self).queues;
        queues.into_values().flat_map(|queue| queue.accounts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    #[test]
    fn a_tenant_is_looked_at_when_it_is_time_and_its_accounts_keep_their_order() {
        let mut waiting = Waiting::default();
        waiting.push("b", 1, Some(at(5)));
        waiting.push("a", 2, Some(at(3)));
        waiting.push("b", 3, Some(at(99)));
        assert_eq!((waiting.len(), waiting.of("b"), waiting.next_look()), (3, 2, Some(at(3))));
        assert_eq!(waiting.due(at(2)), None);
        assert_eq!(waiting.due(at(5)), Some("a"));
        assert_eq!((waiting.take("a"), waiting.due(at(5))), (Some(2), Some("b")));
        assert_eq!(waiting.take("b"), Some(1));
        waiting.look_again("b", Some(at(8)));
        assert_eq!((waiting.due(at(7)), waiting.due(at(8))), (None, Some("b")));
        assert_eq!((waiting.take("b"), waiting.take("b")), (Some(3), None));
        assert!(waiting.is_empty() && waiting.next_look().is_none());
    }

    #[test]
    fn a_tenant_that_is_full_is_looked_at_when_a_turn_of_its_own_ends() {
        let mut waiting = Waiting::default();
        waiting.push("a", 1, None);
        waiting.push("b", 2, Some(at(9)));
        waiting.turn_ended("b", at(1));
        waiting.turn_ended("c", at(1));
        assert_eq!(waiting.due(at(1)), None);
        waiting.turn_ended("a", at(1));
        assert_eq!(waiting.due(at(1)), Some("a"));
        assert_eq!(waiting.take_all("a"), [1]);
        assert_eq!(waiting.drain().collect::<Vec<_>>(), [2]);
        assert!(waiting.is_empty());
    }
}
