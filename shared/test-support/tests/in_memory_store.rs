//! The in-memory store keeps the contract that use cases are tested against.

use std::sync::Arc;
use test_support::store_contract::StoreFixture;
use test_support::{FixedClock, InMemoryAccountStore, StoreOperation, sample};

use domain::error::StoreError;
use domain::ports::AccountStore;
use domain::shard::Shards;

#[expect(clippy::unused_async, reason = "other stores have to be started")]
async fn in_memory() -> Option<StoreFixture> {
    let clock = FixedClock::default();
    let store = Arc::new(InMemoryAccountStore::with_clock(&clock));
    Some(StoreFixture { store, clock, shards: Shards::first(InMemoryAccountStore::SHARDS) })
}

test_support::account_store_contract!(in_memory);

#[tokio::test]
async fn calls_are_counted_and_fail_on_demand() {
    let store = InMemoryAccountStore::with_clock(&FixedClock::default());
    let account = sample::account(1);
    store.fail_next(StoreOperation::Load, StoreError::Unavailable { operation: "load", source: None });
    assert!(store.load(&account).await.is_err());
    assert!(store.load(&account).await.is_ok());
    store.put_tokens(&account, sample::token_write(b"mine", sample::NOW)).await.unwrap();
    assert_eq!((store.calls(StoreOperation::Load), store.reads(), store.writes()), (2, 2, 1));
    store.reset_calls();
    assert_eq!((store.reads(), store.writes()), (0, 0));
}

#[tokio::test]
async fn a_rival_causes_a_real_conflict() {
    let store = InMemoryAccountStore::with_clock(&FixedClock::default());
    let account = sample::account(1);
    store.rival_writes_first(b"theirs".to_vec());
    let result = store.put_tokens(&account, sample::token_write(b"mine", sample::NOW)).await;
    let Err(domain::ports::PutTokensError::Conflict(Some(theirs))) = result else {
        unreachable!("expected a conflict, got {result:?}")
    };
    assert_eq!((theirs.blob.as_slice(), theirs.version), (b"theirs".as_slice(), 1));
    store.damage_tokens(&account, b"rubbish");
    assert_eq!(store.load(&account).await.unwrap().tokens.unwrap().blob, b"rubbish");
}
