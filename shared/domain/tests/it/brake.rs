//! One environment is told to slow down, and all of them do.

use crate::fixture::{Fixture, Turns};
use domain::account::{AccountRecord, AccountStatus, TurnOutcome};
use domain::caller::Caller;
use domain::error::{GraphError, TokenError};
use domain::identity::HomeAccountId;
use domain::obtain_token::ObtainTokenError;
use domain::ports::{AccountStore as _, Clock as _};
use domain::read_profile::ReadProfileError;
use domain::sweep_accounts::{Worker, sweep_accounts};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
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
async fn the_number_that_comes_with_a_429_makes_no_difference() {
    let fixture = Fixture::new();
    let throttled = TokenError::Throttled { retry_after: Some(Duration::seconds(40)), code: Some(90_055) };
    fixture.exchange.push(Err(throttled));
    fixture.read_profile(&fixture.caller(1)).await.unwrap_err();
    let error = fixture.read_profile(&fixture.caller(2)).await.unwrap_err();
    assert_eq!(retry_after(&error), Some(Duration::seconds(40)));
    assert_eq!(fixture.exchange.calls().len(), 1);
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
    for number in 1..=8 {
        fixture.visit(number).await;
    }
    fixture.clock.advance(Duration::hours(2));
    let asked = fixture.exchange.calls().len();
    fixture.store.set_brake(sample::TENANT, fixture.clock.now() + Duration::seconds(90)).await.unwrap();
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Throttled), 8);
    assert_eq!(fixture.exchange.calls().len(), asked);
    assert!(report.stopped_early);

    // Those that are begun at once are told of the brake by their own turns; after that nobody else's is begun.
    let failing = |record: AccountRecord| record.activity.unwrap().status == AccountStatus::Failing;
    let mut touched = 0;
    for number in 1..=8 {
        touched += u32::from(failing(fixture.record(number).await));
    }
    assert!(touched <= 2, "{touched} accounts were written for nothing");
    fixture.clock.advance(Duration::minutes(10));
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Acted), 8);
}

#[tokio::test]
async fn a_short_brake_is_waited_for_and_all_have_their_turn() {
    let fixture = Fixture::new();
    for number in 1..=8 {
        fixture.visit(number).await;
    }
    fixture.clock.advance(Duration::hours(2));
    fixture.exchange.push(Err(throttled(5)));
    let began = fixture.clock.now();
    let (report, _) = fixture.sweep().await;
    let (throttled, acted) = (report.of(TurnOutcome::Throttled), report.of(TurnOutcome::Acted));
    assert!(throttled <= 2 && throttled + acted == 8, "{throttled} throttled, {acted} acted");
    assert!(!report.stopped_early && fixture.clock.now() - began >= Duration::seconds(5));
}

#[tokio::test]
async fn a_brake_of_one_tenant_holds_up_no_other() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.visit(2).await;
    let own = fixture.caller(7);
    let foreign = HomeAccountId::new(own.object_id, "0a0b0c0d-1111-4222-8333-444455556666".parse().unwrap());
    fixture.read_profile(&Caller { account: foreign, tenant_id: foreign.tenant_id, ..own }).await.unwrap();
    fixture.clock.advance(Duration::hours(2));
    let until = fixture.clock.now() + Duration::seconds(90);
    fixture.store.set_brake(sample::TENANT, until).await.unwrap();
    let (report, turns) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Acted), 1);
    assert!(turns.iter().any(|turn| turn.account == foreign && turn.outcome == TurnOutcome::Acted));
}

#[tokio::test]
async fn the_many_accounts_of_a_throttled_tenant_are_passed_over_and_left_to_the_next() {
    let fixture = Fixture::new();
    for number in 1..=300 {
        fixture.visit(number).await;
    }
    // Last in every order.
    fixture.clock.advance(Duration::MINUTE);
    let own = fixture.caller(777);
    let foreign = HomeAccountId::new(own.object_id, "0a0b0c0d-1111-4222-8333-444455556666".parse().unwrap());
    fixture.read_profile(&Caller { account: foreign, tenant_id: foreign.tenant_id, ..own }).await.unwrap();
    fixture.clock.advance(Duration::hours(2));
    fixture.exchange.push(Err(throttled(5)));
    let (report, turns) = fixture.sweep().await;
    let place = turns.iter().position(|turn| turn.account == foreign).expect("had its turn");
    assert!(place < 20, "it did not wait for the brake of the others: {place}");
    assert!(report.stopped_early && report.remaining > 50, "{report:?}");
    let (acted, throttled) = (report.of(TurnOutcome::Acted), report.of(TurnOutcome::Throttled));
    assert_eq!(acted + throttled + report.remaining, 301, "{report:?}");

    fixture.clock.advance(Duration::MINUTE);
    let (report, _) = fixture.sweep().await;
    assert_eq!((report.of(TurnOutcome::Acted), report.remaining), (301 - acted, 0));
}

#[tokio::test]
async fn the_next_sweep_of_a_process_knows_what_the_one_before_found_out() {
    let fixture = Fixture::new();
    for number in 1..=300 {
        fixture.visit(number).await;
    }
    fixture.clock.advance(Duration::hours(2));
    let asked = Arc::new(AtomicU32::new(0));
    let counted = asked.clone();
    fixture.profiles.respond_with(move |_| {
        let number = counted.fetch_add(1, Ordering::Relaxed);
        if number == 20 || number == 40 {
            return Err(GraphError::Throttled { retry_after: Some(Duration::SECOND) });
        }
        Ok(sample::fetched_profile(1))
    });
    let short = Worker { stop_at: Some(fixture.now() + Duration::seconds(4)), ..Fixture::worker() };
    let report = sweep_accounts(&fixture.services, &short, &Turns::default()).await.unwrap();
    assert_eq!(report.of(TurnOutcome::Throttled), 2);
    assert!((40..200).contains(&report.of(TurnOutcome::Acted)), "{report:?}");

    let began = fixture.now();
    let (report, _) = fixture.sweep().await;
    assert!(report.of(TurnOutcome::Acted) > 50);
    assert!(fixture.now() - began > Duration::seconds(1), "turns begin some time apart");
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
