//! A user who is present.

use crate::fixture::{Fixture, IDLE};
use domain::account::AccountStatus;
use domain::error::{GraphError, StoreError, TokenError, UnavailableKind};
use domain::obtain_token::ObtainTokenError;
use domain::read_profile::ReadProfileError;
use test_support::{ExchangeCall, StoreOperation, sample};
use time::Duration;

fn entra_down() -> TokenError {
    TokenError::Unavailable {
        expected: "tokens",
        kind: UnavailableKind::Down,
        retry_after: None,
        source: None,
    }
}

#[tokio::test]
async fn the_first_call_trades_the_token_in_and_keeps_what_comes() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    assert_eq!(fixture.read_profile(&caller).await.unwrap(), sample::profile(1));
    assert!(
        matches!(&fixture.exchange.calls()[..], [ExchangeCall::OnBehalfOf { tenant, .. }] if *tenant == sample::TENANT)
    );
    assert_eq!(fixture.profiles.calls()[0].idempotency_key, None, "no turn");
    let record = fixture.record(1).await;
    assert_eq!(record.tokens.unwrap().version, 1);
    let activity = record.activity.unwrap();
    assert_eq!(activity.status, AccountStatus::Active);
    assert_eq!(activity.last_activity, sample::NOW);
    assert_eq!(activity.due_at, Some(sample::NOW + IDLE));
}

#[tokio::test]
async fn a_second_call_costs_one_read_and_one_graph_request() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    fixture.read_profile(&caller).await.unwrap();
    fixture.store.reset_calls();
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!((fixture.store.reads(), fixture.store.writes()), (1, 0));
    assert_eq!(fixture.exchange.calls().len(), 1);
    assert_eq!(fixture.profiles.calls().len(), 2);
}

#[tokio::test]
async fn a_cached_token_is_not_served_to_another_session() {
    let fixture = Fixture::new();
    fixture.read_profile(&fixture.caller(1)).await.unwrap();
    fixture.clock.advance(Duration::seconds(1));
    fixture.read_profile(&fixture.caller(1)).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), 2);
}

#[tokio::test]
async fn a_token_about_to_expire_is_not_served() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    fixture.read_profile(&caller).await.unwrap();
    fixture.clock.advance(Duration::minutes(55) - Duration::seconds(1));
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), 1);
    fixture.clock.advance(Duration::seconds(1));
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), 2);
}

#[tokio::test]
async fn a_renewal_that_entra_suggests_may_fail_without_harm() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    let mut issued = sample::issued_tokens(1, sample::NOW);
    issued.refresh_at = Some(sample::NOW + Duration::minutes(10));
    fixture.exchange.push(Ok(issued));
    fixture.read_profile(&caller).await.unwrap();
    fixture.clock.advance(Duration::minutes(20));
    for _ in 0..2 {
        fixture.exchange.push(Err(entra_down()));
    }
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), 3);
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), 4, "the next call tries the renewal again");
}

#[tokio::test]
async fn activity_is_written_once_per_margin_and_postpones_the_next_turn() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    fixture.read_profile(&caller).await.unwrap();
    fixture.store.reset_calls();
    fixture.clock.advance(Duration::seconds(2));
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(fixture.store.calls(StoreOperation::RecordActivity), 0);
    fixture.clock.advance(Duration::seconds(1));
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(fixture.store.calls(StoreOperation::RecordActivity), 1);
    let activity = fixture.record(1).await.activity.unwrap();
    assert_eq!(activity.due_at, Some(sample::NOW + Duration::seconds(3) + IDLE));
}

#[tokio::test]
async fn nothing_is_stored_when_entra_refuses() {
    let fixture = Fixture::new();
    fixture.exchange.push(Err(TokenError::UserNeeded {
        error: "interaction_required".to_owned(),
        code: Some(50076),
        suberror: None,
        claims: Some("{}".to_owned()),
    }));
    let error = fixture.read_profile(&fixture.caller(1)).await.unwrap_err();
    assert!(matches!(error, ReadProfileError::Token(ObtainTokenError::Token(TokenError::UserNeeded { .. }))));
    assert_eq!(fixture.store.writes(), 0);
    assert!(fixture.profiles.calls().is_empty());
}

#[tokio::test]
async fn a_store_that_cannot_be_read_is_an_error_and_not_a_miss() {
    let fixture = Fixture::new();
    fixture
        .store
        .fail_next(StoreOperation::Load, StoreError::Unavailable { operation: "load", source: None });
    assert!(fixture.read_profile(&fixture.caller(1)).await.is_err());
    assert!(fixture.exchange.calls().is_empty());
}

#[tokio::test]
async fn a_corrupt_blob_is_a_miss_and_the_sign_in_mends_it() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    fixture.read_profile(&caller).await.unwrap();
    fixture.store.damage_tokens(&sample::account(1), b"rubbish");
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), 2);
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), 2);
}

#[tokio::test]
async fn a_writer_who_came_first_is_merged_with() {
    let fixture = Fixture::new();
    let first = fixture.caller(1);
    fixture.read_profile(&first).await.unwrap();
    let theirs = fixture.record(1).await.tokens.unwrap().blob;
    let fixture = Fixture::new();
    fixture.store.rival_writes_first(theirs);
    fixture.clock.advance(Duration::seconds(1));
    let second = fixture.caller(1);
    fixture.read_profile(&second).await.unwrap();
    let before = fixture.exchange.calls().len();
    fixture.read_profile(&first).await.unwrap();
    fixture.read_profile(&second).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), before, "both sessions are served from the cache");
}

#[tokio::test]
async fn a_cached_token_that_graph_refuses_is_replaced_once() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    fixture.read_profile(&caller).await.unwrap();
    fixture.clock.advance(Duration::seconds(1));
    fixture.profiles.push(Err(GraphError::Unauthorized { claims: None }));
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), 2);
    fixture.profiles.push(Err(GraphError::Unauthorized { claims: None }));
    fixture.profiles.push(Err(GraphError::Unauthorized { claims: None }));
    assert!(fixture.read_profile(&caller).await.is_err());
    assert_eq!(fixture.exchange.calls().len(), 3, "no further attempts");
}

#[tokio::test]
async fn a_graph_that_is_down_leaves_the_cache_as_it_is() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    fixture.profiles.push(Err(GraphError::Throttled { retry_after: Some(Duration::seconds(9)) }));
    assert!(fixture.read_profile(&caller).await.is_err());
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), 1);
}

#[tokio::test]
async fn concurrent_misses_of_one_session_trade_the_token_in_once() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    fixture.exchange.hold();
    let requests: Vec<_> = (0..5).map(|_| fixture.start_reading(&caller)).collect();
    fixture.exchange.until_called(1).await;
    fixture.exchange.release_one();
    for request in requests {
        assert_eq!(request.await.unwrap().unwrap(), sample::profile(1));
    }
    assert_eq!(fixture.exchange.calls().len(), 1);
}

#[tokio::test]
async fn a_request_that_is_given_up_does_not_block_the_next_one() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    fixture.exchange.hold();
    let given_up = fixture.start_reading(&caller);
    fixture.exchange.until_called(1).await;
    given_up.abort();
    assert!(given_up.await.unwrap_err().is_cancelled());
    fixture.exchange.release_one();
    fixture.read_profile(&caller).await.unwrap();
}

#[tokio::test]
async fn entra_is_asked_once_more_after_a_failure_that_passes() {
    let fixture = Fixture::new();
    fixture.exchange.push(Err(entra_down()));
    fixture.read_profile(&fixture.caller(1)).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), 2);
}

#[tokio::test]
async fn entra_is_not_asked_again_through_retry_after_or_late_in_a_request() {
    let fixture = Fixture::new();
    fixture.exchange.push(Err(TokenError::Unavailable {
        expected: "tokens",
        kind: UnavailableKind::Down,
        retry_after: Some(Duration::seconds(5)),
        source: None,
    }));
    assert!(fixture.read_profile(&fixture.caller(1)).await.is_err());
    fixture.exchange.push(Err(TokenError::Throttled { retry_after: None, code: None }));
    assert!(fixture.read_profile(&fixture.caller(1)).await.is_err());
    assert_eq!(fixture.exchange.calls().len(), 2);

    // The pause that throttling without a `Retry-After` makes is over.
    fixture.clock.advance(Duration::minutes(2));
    fixture.exchange.push(Err(entra_down()));
    fixture.exchange.hold();
    let slow = fixture.start_reading(&fixture.caller(1));
    fixture.exchange.until_called(3).await;
    fixture.clock.advance(Duration::seconds(10));
    fixture.exchange.release_one();
    assert!(slow.await.unwrap().is_err());
    assert_eq!(fixture.exchange.calls().len(), 3);
}
