//! A user who looks at what is done for them, and who ends it.

use crate::fixture::Fixture;
use domain::account::TurnOutcome;
use domain::background_access::{end, end_for, see};
use test_support::sample;
use time::Duration;

#[tokio::test]
async fn looking_is_not_activity() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    let due_at = fixture.record(1).await.activity.unwrap().due_at;
    fixture.clock.advance(Duration::seconds(20));
    fixture.store.reset_calls();
    let access = see(&fixture.services, &fixture.caller(1)).await.unwrap();
    assert_eq!(access.activity.unwrap().due_at, due_at);
    assert_eq!(fixture.store.writes(), 0);
}

#[tokio::test]
async fn a_stranger_sees_nothing() {
    let fixture = Fixture::new();
    assert!(see(&fixture.services, &fixture.caller(1)).await.unwrap().activity.is_none());
}

#[tokio::test]
async fn ending_erases_everything_and_the_sweep_does_nothing_more() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.go_away();
    fixture.sweep().await;
    end(&fixture.services, &fixture.caller(1)).await.unwrap();
    let record = fixture.record(1).await;
    assert!(record.tokens.is_none() && record.activity.is_none() && record.profile.is_none());
    fixture.clock.advance(Duration::days(1));
    let (report, _) = fixture.sweep().await;
    assert!(report.outcomes.is_empty());
}

#[tokio::test]
async fn the_bearer_token_in_use_brings_nothing_back() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    fixture.read_profile(&caller).await.unwrap();
    fixture.clock.advance(Duration::seconds(1));
    end(&fixture.services, &caller).await.unwrap();
    fixture.clock.advance(Duration::seconds(1));
    assert_eq!(fixture.read_profile(&caller).await.unwrap(), sample::profile(1), "they are still served");
    let record = fixture.record(1).await;
    assert!(record.tokens.is_none() && record.activity.is_none());
}

#[tokio::test]
async fn the_bearer_token_of_another_browser_brings_nothing_back() {
    let fixture = Fixture::new();
    let one = fixture.caller(1);
    fixture.read_profile(&one).await.unwrap();
    fixture.clock.advance(Duration::seconds(1));
    let other = fixture.caller(1);
    fixture.read_profile(&other).await.unwrap();
    end(&fixture.services, &other).await.unwrap();
    fixture.clock.advance(Duration::seconds(1));
    fixture.read_profile(&one).await.unwrap();
    assert!(fixture.record(1).await.tokens.is_none());
}

#[tokio::test]
async fn an_operator_ends_it_as_the_user_does() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    fixture.read_profile(&caller).await.unwrap();
    fixture.visit(2).await;
    fixture.clock.advance(Duration::seconds(1));
    end_for(&fixture.services, &sample::account(1)).await.unwrap();
    let record = fixture.record(1).await;
    assert!(record.tokens.is_none() && record.activity.is_none() && record.profile.is_none());
    assert_eq!(record.tombstone.unwrap().refused_assertions, [caller.assertion.hash()]);
    assert!(fixture.record(2).await.tokens.is_some(), "others are left alone");
    fixture.clock.advance(Duration::seconds(1));
    fixture.read_profile(&caller).await.unwrap();
    assert!(fixture.record(1).await.tokens.is_none(), "the bearer token in use brings nothing back");
}

#[tokio::test]
async fn the_next_sign_in_starts_clean() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.clock.advance(Duration::seconds(1));
    end(&fixture.services, &fixture.caller(1)).await.unwrap();
    fixture.clock.advance(Duration::seconds(1));
    fixture.visit(1).await;
    fixture.go_away();
    let (report, _) = fixture.sweep().await;
    assert_eq!(report.of(TurnOutcome::Acted), 1);
}

#[tokio::test]
async fn a_request_under_way_does_not_bring_back_what_was_ended_meanwhile() {
    let fixture = Fixture::new();
    let late = fixture.caller(1);
    fixture.exchange.hold();
    let request = fixture.start_reading(&late);
    fixture.exchange.until_called(1).await;
    fixture.clock.advance(Duration::milliseconds(5));
    let other = fixture.caller(2);
    let other = domain::caller::Caller { account: sample::account(1), ..other };
    end(&fixture.services, &other).await.unwrap();
    fixture.exchange.release_one();
    request.await.unwrap().unwrap();
    let record = fixture.record(1).await;
    assert!(record.tokens.is_none() && record.activity.is_none());
}
