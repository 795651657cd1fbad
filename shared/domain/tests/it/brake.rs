//! One environment is told to slow down, and all of them do.

use crate::fixture::Fixture;
use domain::account::{AccountStatus, TurnOutcome};
use domain::error::TokenError;
use domain::obtain_token::ObtainTokenError;
use domain::ports::{AccountStore as _, Clock as _};
use domain::read_profile::ReadProfileError;
use std::sync::Arc;
use test_support::{StoreOperation, sample};
use time::Duration;

fn throttled(seconds: i64) -> TokenError {
    TokenError::Throttled { retry_after: Some(Duration::seconds(seconds)), code: None }
}

fn retry_after(error: &ReadProfileError) -> Option<Duration> {
    match error {
        ReadProfileError::Token(ObtainTokenError::Token(TokenError::Throttled { retry_after, .. })) => {
            *retry_after
        }
        other => panic!("expected throttling, got {other:?}"),
    }
}

#[tokio::test]
async fn nobody_asks_entra_until_the_pause_is_over() {
    let fixture = Fixture::new();
    fixture.exchange.push(Err(throttled(40)));
    fixture.read_profile(&fixture.caller(1)).await.unwrap_err();
    fixture.clock.advance(Duration::seconds(10));
    let error = fixture.read_profile(&fixture.caller(2)).await.unwrap_err();
    assert_eq!(retry_after(&error), Some(Duration::seconds(30)));
    assert_eq!(fixture.exchange.calls().len(), 1);
    fixture.clock.advance(Duration::seconds(30));
    fixture.read_profile(&fixture.caller(2)).await.unwrap();
    assert_eq!(fixture.exchange.calls().len(), 2);
}

#[tokio::test]
async fn another_environment_obeys_what_this_one_was_told() {
    let fixture = Fixture::new();
    fixture.exchange.push(Err(throttled(40)));
    fixture.read_profile(&fixture.caller(1)).await.unwrap_err();
    let mut other = fixture.services.clone();
    other.brakes = Arc::default();
    let error = domain::read_profile::read_profile(&other, &fixture.caller(2), None).await.unwrap_err();
    assert_eq!(retry_after(&error), Some(Duration::seconds(40)));
    assert_eq!(fixture.exchange.calls().len(), 1);
}

#[tokio::test]
async fn cached_tokens_are_served_while_the_brake_is_on() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    fixture.read_profile(&caller).await.unwrap();
    fixture.store.set_brake(sample::TENANT, fixture.clock.now() + Duration::MINUTE).await.unwrap();
    fixture.store.reset_calls();
    fixture.read_profile(&caller).await.unwrap();
    assert_eq!(fixture.store.calls(StoreOperation::Brake), 0, "a hit does not even look");
}

#[tokio::test]
async fn the_sweep_waits_for_the_end_of_the_brake_and_parks_nobody() {
    let fixture = Fixture::new();
    for number in 1..=3 {
        fixture.visit(number).await;
    }
    fixture.clock.advance(Duration::hours(2));
    let asked = fixture.exchange.calls().len();
    fixture.store.set_brake(sample::TENANT, fixture.clock.now() + Duration::seconds(90)).await.unwrap();
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Throttled), 3);
    assert_eq!(fixture.exchange.calls().len(), asked);
    for number in 1..=3 {
        let activity = fixture.record(number).await.activity.unwrap();
        assert_eq!(activity.status, AccountStatus::Failing);
        assert!(activity.due_at.unwrap() >= fixture.clock.now() + Duration::seconds(90));
    }
}

#[tokio::test]
async fn what_concerns_one_user_brakes_nobody_else() {
    let fixture = Fixture::new();
    fixture.exchange.push(Err(TokenError::Throttled { retry_after: None, code: Some(50196) }));
    fixture.read_profile(&fixture.caller(1)).await.unwrap_err();
    fixture.read_profile(&fixture.caller(2)).await.unwrap();
    assert_eq!(fixture.store.calls(StoreOperation::SetBrake), 0);
}

#[tokio::test]
async fn a_brake_is_looked_up_once_in_a_while_and_never_holds_anybody_up_by_failing() {
    let fixture = Fixture::new();
    fixture.store.fail_next(
        StoreOperation::Brake,
        domain::error::StoreError::Unavailable { operation: "brake", source: None },
    );
    for number in 1..=4 {
        fixture.visit(number).await;
    }
    assert_eq!(fixture.store.calls(StoreOperation::Brake), 1);
    fixture.clock.advance(Duration::seconds(5));
    fixture.visit(5).await;
    assert_eq!(fixture.store.calls(StoreOperation::Brake), 2);
}
