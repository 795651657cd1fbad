//! Tokens that cannot be opened are a miss, and are put aside before anything replaces them.

use crate::fixture::Fixture;
use domain::counters::Count;
use domain::error::StoreError;
use test_support::{StoreOperation, sample};
use time::Duration;

#[tokio::test]
async fn what_cannot_be_opened_is_put_aside_and_replaced_by_the_next_sign_in() {
    let fixture = Fixture::new();
    let account = sample::account(1);
    fixture.visit(1).await;
    fixture.store.damage_tokens(&account, b"not a blob");
    fixture.clock.advance(Duration::SECOND);
    fixture.visit(1).await;

    let aside = fixture.store.quarantined(&account).unwrap();
    assert_eq!((aside.sealed.as_slice(), aside.version), (&b"not a blob"[..], 1));
    assert_eq!(fixture.record(1).await.tokens.unwrap().version, 2);
    let metrics = &fixture.services.metrics;
    assert_eq!((metrics.of(Count::MissUnreadable), metrics.of(Count::Quarantined)), (1, 1));

    fixture.visit(1).await;
    assert_eq!(fixture.store.calls(StoreOperation::Quarantine), 1, "once is enough");
}

#[tokio::test]
async fn the_sweep_leaves_what_it_cannot_open_where_it_is() {
    let fixture = Fixture::new();
    let account = sample::account(1);
    fixture.visit(1).await;
    fixture.go_away();
    fixture.store.damage_tokens(&account, b"not a blob");
    fixture.sweep().await;
    assert_eq!(fixture.record(1).await.tokens.unwrap().blob, b"not a blob");
    assert!(fixture.store.quarantined(&account).is_none());
}

#[tokio::test]
async fn what_a_rival_left_unreadable_is_put_aside_too() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.clock.advance(Duration::SECOND);
    fixture.store.rival_writes_first(b"of a broken writer".to_vec());
    fixture.visit(1).await;
    let aside = fixture.store.quarantined(&sample::account(1)).unwrap();
    assert_eq!((aside.sealed.as_slice(), aside.version), (&b"of a broken writer"[..], 2));
    let metrics = &fixture.services.metrics;
    assert_eq!((metrics.of(Count::Conflict), metrics.of(Count::Merge)), (1, 0));
}

#[tokio::test]
async fn a_quarantine_that_cannot_be_written_sends_nobody_away() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.store.damage_tokens(&sample::account(1), b"not a blob");
    let busy = StoreError::Unavailable { operation: "quarantine", source: None };
    fixture.store.fail_next(StoreOperation::Quarantine, busy);
    fixture.clock.advance(Duration::SECOND);
    fixture.visit(1).await;
    assert_eq!(fixture.record(1).await.tokens.unwrap().version, 2);
}

#[tokio::test]
async fn an_erasure_takes_the_quarantine_along() {
    let fixture = Fixture::new();
    let account = sample::account(1);
    fixture.visit(1).await;
    fixture.store.damage_tokens(&account, b"not a blob");
    fixture.clock.advance(Duration::SECOND);
    fixture.visit(1).await;
    assert!(fixture.store.quarantined(&account).is_some());
    fixture.clock.advance(Duration::SECOND);
    domain::background_access::end(&fixture.services, &fixture.caller(1)).await.unwrap();
    assert!(fixture.store.quarantined(&account).is_none());
}
