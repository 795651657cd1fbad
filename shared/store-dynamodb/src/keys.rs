//! Names: keys of items, attributes, indexes, shards. Other programs may read the table, so these are a contract.

use domain::identity::{ClientId, HomeAccountId, TenantId};
use domain::shard::{ShardName, Shards};
use sha2::{Digest, Sha256};

pub(crate) const PARTITION_KEY: &str = "pk";
pub(crate) const SORT_KEY: &str = "sk";
pub(crate) const TTL: &str = "ttl";
pub(crate) const BEGUN_AT: &str = "begun_at";

pub(crate) const ACTIVITY: &str = "ACTIVITY";
pub(crate) const PROFILE: &str = "PROFILE";
pub(crate) const TOMBSTONE: &str = "TOMBSTONE";
pub(crate) const TICK: &str = "TICK";

pub(crate) const BLOB: &str = "blob";
pub(crate) const VERSION: &str = "version";

pub(crate) const TENANT_ID: &str = "tenant_id";
pub(crate) const OBJECT_ID: &str = "object_id";
pub(crate) const USER_PRINCIPAL_NAME: &str = "user_principal_name";
pub(crate) const LAST_ACTIVITY: &str = "last_activity";
pub(crate) const STATUS: &str = "status";
pub(crate) const FAILURE: &str = "failure";
pub(crate) const FAILURE_COUNT: &str = "failure_count";
pub(crate) const LAST_SWEEP: &str = "last_sweep";
pub(crate) const PARKED_REASON: &str = "parked_reason";
pub(crate) const UNPUBLISHED: &str = "unpublished";
pub(crate) const LEASE_OWNER: &str = "lease_owner";
pub(crate) const LEASE_UNTIL: &str = "lease_until";
pub(crate) const SWEEP_SHARD: &str = "sweep_shard";
pub(crate) const DUE_AT: &str = "due_at";
pub(crate) const ACTIVITY_DUE_AT: &str = "activity_due_at";

pub(crate) const PROFILE_DATA: &str = "profile";
pub(crate) const ETAG: &str = "etag";
pub(crate) const REFRESHED_AT: &str = "refreshed_at";

pub(crate) const ERASED_AT: &str = "erased_at";
pub(crate) const REFUSED_ASSERTIONS: &str = "refused_assertions";

pub(crate) const CAUSE: &str = "cause";
pub(crate) const FOUND_AT: &str = "found_at";

pub(crate) const BLOCKED_UNTIL: &str = "blocked_until";

/// Index of the accounts that have a next turn: `sweep_shard`, `due_at`.
pub(crate) const DUE_INDEX: &str = "due";
/// Index by sign-in name: `user_principal_name`.
pub(crate) const USER_INDEX: &str = "user";

const ACCOUNT_PREFIX: &str = "ACCOUNT#";

pub(crate) fn partition_key(account: &HomeAccountId) -> String {
    format!("{ACCOUNT_PREFIX}{account}")
}

/// The account that a partition key names; `None` for keys of other things.
pub(crate) fn account_of(partition_key: &str) -> Option<HomeAccountId> {
    partition_key.strip_prefix(ACCOUNT_PREFIX)?.parse().ok()
}

pub(crate) fn tokens_sort_key(client_id: ClientId) -> String {
    format!("TOKENS#{client_id}")
}

/// Where what could not be opened of an account lies, beside its partition.
pub(crate) fn quarantine_partition_key(account: &HomeAccountId) -> String {
    format!("QUARANTINE#{account}")
}

/// Where everything that concerns a whole tenant lies.
pub(crate) fn tenant_partition_key(tenant: TenantId) -> String {
    format!("TENANT#{tenant}")
}

/// Where what an authority published lies.
pub(crate) fn signing_keys_partition_key(authority: &str) -> String {
    format!("KEYS#{authority}")
}

pub(crate) fn signing_keys_sort_key(client_id: ClientId) -> String {
    format!("SIGNING_KEYS#{client_id}")
}

pub(crate) fn tick_partition_key(tick: &str) -> String {
    format!("TICK#{tick}")
}

pub(crate) fn brake_sort_key(client_id: ClientId) -> String {
    format!("BRAKE#{client_id}")
}

/// The index partition to which an account is written. The hash is part of the data: a change of it is a new generation.
#[expect(clippy::missing_panics_doc, reason = "a remainder by a u32 is one")]
pub fn shard_of(account: &HomeAccountId, shards: Shards) -> ShardName {
    let digest = Sha256::digest(account.to_string().as_bytes());
    let leading = digest.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    let number = u32::try_from(leading % u64::from(shards.count.get())).expect("a remainder by a u32 is one");
    ShardName { generation: shards.generation, number }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;
    use test_support::sample;

    #[test]
    fn a_partition_key_leads_back_to_its_account() {
        let account = sample::account(1);
        assert_eq!(account_of(&partition_key(&account)), Some(account));
        assert_eq!(account_of("TENANT#x"), None);
        assert_eq!(account_of("ACCOUNT#x"), None);
    }

    #[test]
    fn the_shard_of_an_account_never_changes() {
        let shards = Shards::first(NonZeroU32::new(64).unwrap());
        let account: HomeAccountId =
            "00000000-0000-4000-8000-000000000001.00000000-0000-4000-8000-000000000002".parse().unwrap();
        assert_eq!(shard_of(&account, shards).to_string(), "v1#08");
        assert_eq!(shard_of(&account, Shards { generation: 2, ..shards }).to_string(), "v2#08");
    }

    #[test]
    fn accounts_spread_over_all_shards() {
        let shards = Shards::first(NonZeroU32::new(16).unwrap());
        let mut counts = std::collections::BTreeMap::<ShardName, u32>::new();
        for number in 0..1600 {
            *counts.entry(shard_of(&sample::account(number), shards)).or_default() += 1;
        }
        assert_eq!(counts.keys().copied().collect::<Vec<_>>(), shards.names().collect::<Vec<_>>());
        assert!(counts.values().all(|count| (60..140).contains(count)), "{counts:?}");
    }
}
