//! How many requests each operation costs: latency for a waiting user, and the bill.

use crate::servers::{SHARDS, TestTable, embedded_client};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use domain::account::DueAccount;
use domain::ports::{AccountStore, ActivityUpdate, Claim, TokenWrite};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use test_support::sample::{self, NOW, TTL};
use time::Duration;

#[derive(Debug, Clone, Default)]
struct RequestCount(Arc<AtomicUsize>);

impl Intercept for RequestCount {
    fn name(&self) -> &'static str {
        "RequestCount"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

impl RequestCount {
    /// How many requests there were since the last look.
    fn take(&self) -> usize {
        self.0.swap(0, Ordering::SeqCst)
    }
}

#[tokio::test]
async fn every_usual_operation_is_one_request() {
    let count = RequestCount::default();
    let config = embedded_client().await.config().to_builder().interceptor(count.clone()).build();
    let store = TestTable::new(Client::from_conf(config)).await.store;
    let account = sample::account(1);
    count.take();

    // A user who is new: a look for a tombstone goes with each item that is created.
    store.put_tokens(&account, sample::token_write(b"first", NOW)).await.unwrap();
    assert_eq!(count.take(), 2);
    store.record_activity(&account, sample::activity_update(1, NOW)).await.unwrap();
    assert_eq!(count.take(), 2);
    store.put_profile(&account, &sample::snapshot(1, NOW), NOW + TTL).await.unwrap();
    assert_eq!(count.take(), 2);

    // From then on.
    store.load(&account).await.unwrap();
    assert_eq!(count.take(), 1, "load");
    let write = TokenWrite { expected_version: Some(1), ..sample::token_write(b"second", NOW) };
    store.put_tokens(&account, write).await.unwrap();
    assert_eq!(count.take(), 1, "put_tokens");
    let update = ActivityUpdate { returned: true, ..sample::activity_update(1, NOW + Duration::SECOND) };
    store.record_activity(&account, update).await.unwrap();
    assert_eq!(count.take(), 1, "record_activity after a sign-in");
    let update = sample::activity_update(1, NOW + Duration::MINUTE);
    let due_at = update.due_at.unwrap();
    store.record_activity(&account, update).await.unwrap();
    assert_eq!(count.take(), 1, "record_activity");
    store.put_profile(&account, &sample::snapshot(1, due_at), NOW + TTL).await.unwrap();
    assert_eq!(count.take(), 1, "put_profile");
    store.accounts_due(SHARDS.names().next().unwrap(), due_at, 10, None).await.unwrap();
    assert_eq!(count.take(), 1, "accounts_due");
    let due = DueAccount { account, due_at };
    let claim = store.claim(due, sample::lease("worker", due_at), due_at).await.unwrap();
    assert!(matches!(claim, Claim::Taken(_)));
    assert_eq!(count.take(), 1, "claim");
    assert!(store.finish_turn(&account, "worker", sample::turn_end(due_at)).await.unwrap());
    assert_eq!(count.take(), 1, "finish_turn");
    store.find_by_user_principal_name(&sample::user_principal_name(1)).await.unwrap();
    assert_eq!(count.take(), 1, "find_by_user_principal_name");
    store.erase(&account, &sample::tombstone(due_at)).await.unwrap();
    assert_eq!(count.take(), 5, "erase");
    assert_eq!(store.corrupt_items(), 0);
}

#[tokio::test]
async fn a_blob_above_the_limit_costs_no_request() {
    let count = RequestCount::default();
    let config = embedded_client().await.config().to_builder().interceptor(count.clone()).build();
    let store = TestTable::new(Client::from_conf(config)).await.store;
    count.take();
    let blob = vec![0; store_dynamodb::MAX_BLOB_BYTES + 1];
    store.put_tokens(&sample::account(1), sample::token_write(&blob, NOW)).await.unwrap_err();
    assert_eq!(count.take(), 0);
}
