//! What is in use lives on, written seldom; what is not in use ends.

use crate::fixture::{Fixture, INTERVAL};
use domain::counters::Count;
use test_support::{StoreOperation, sample};
use time::Duration;

/// A tenth of the sliding life: how often it is extended.
const MARGIN: Duration = Duration::seconds(sample::TTL.whole_seconds() / 10);

/// Entra gives a token that outlives the items.
fn long_token(fixture: &Fixture) {
    let mut issued = sample::issued_tokens(1, sample::NOW);
    issued.expires_at = sample::NOW + Duration::days(30);
    issued.home_account = None;
    fixture.exchange.push(Ok(issued));
}

#[tokio::test]
async fn tokens_in_use_live_on_and_the_write_for_it_is_seldom() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    long_token(&fixture);
    fixture.read_profile(&caller).await.unwrap();
    let ends_at = || async { fixture.record(1).await.tokens.unwrap().expires_at };
    assert_eq!(ends_at().await, sample::NOW + sample::TTL);

    fixture.clock.advance(MARGIN - Duration::SECOND);
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(fixture.store.calls(StoreOperation::ExtendTokens), 0);

    fixture.clock.advance(Duration::SECOND);
    fixture.read_profile(&caller).await.unwrap();
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(fixture.store.calls(StoreOperation::ExtendTokens), 1);
    assert_eq!(ends_at().await, sample::NOW + MARGIN + sample::TTL);
    assert_eq!(fixture.services.metrics.of(Count::Extended), 1);
    assert_eq!(fixture.exchange.calls().len(), 1, "all of it on one token");
}

#[tokio::test]
async fn tokens_that_only_the_sweep_uses_live_on() {
    let fixture = Fixture::new();
    long_token(&fixture);
    fixture.visit(1).await;
    fixture.clock.advance(MARGIN);
    fixture.sweep().await;
    fixture.clock.advance(INTERVAL);
    fixture.sweep().await;
    assert_eq!(fixture.store.calls(StoreOperation::ExtendTokens), 1);
    assert_eq!(fixture.record(1).await.tokens.unwrap().expires_at, sample::NOW + MARGIN + sample::TTL);
}

#[tokio::test]
async fn no_use_extends_a_life_beyond_the_refresh_tokens_own() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    let mut issued = sample::issued_tokens(1, sample::NOW);
    issued.expires_at = sample::NOW + Duration::days(30);
    let end = sample::NOW + sample::TTL + Duration::HOUR;
    issued.refresh_token_expires_at = Some(end);
    fixture.exchange.push(Ok(issued));
    fixture.read_profile(&caller).await.unwrap();
    fixture.clock.advance(MARGIN * 5);
    fixture.read_profile(&caller).await.unwrap();
    assert!(fixture.record(1).await.tokens.unwrap().expires_at <= end);
    assert_eq!(fixture.store.calls(StoreOperation::ExtendTokens), 0, "an hour is not worth a write");
}

#[tokio::test]
async fn a_life_that_cannot_be_extended_sends_nobody_away() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    long_token(&fixture);
    fixture.read_profile(&caller).await.unwrap();
    fixture.clock.advance(MARGIN);
    let busy = domain::error::StoreError::Unavailable { operation: "extend_tokens", source: None };
    fixture.store.fail_next(StoreOperation::ExtendTokens, busy);
    fixture.read_profile(&caller).await.unwrap();
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(fixture.services.metrics.of(Count::Extended), 1, "the next use tries again");
}

#[tokio::test]
async fn a_snapshot_that_never_changes_lives_as_long_as_its_account() {
    let fixture = Fixture::new();
    long_token(&fixture);
    fixture.visit(1).await;
    fixture.go_away();
    fixture.sweep().await;
    for _ in 0..4 {
        fixture.clock.advance(sample::TTL / 2 + Duration::SECOND);
        let (report, _) = fixture.sweep().await;
        assert_eq!(report.of(domain::account::TurnOutcome::Unchanged), 1);
        assert!(fixture.record(1).await.profile.is_some());
    }
}
