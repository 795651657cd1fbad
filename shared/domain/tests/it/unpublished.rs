//! Events that do not get out are kept on the item and tried again; the sweep's work is done all the same.

use crate::fixture::{Fixture, INTERVAL};
use domain::account::{AccountStatus, TurnOutcome};
use domain::error::TokenError;
use domain::event::DomainEvent;
use domain::ports::FetchedProfile;
use domain::profile::Profile;
use test_support::sample;
use time::Duration;

/// Away for so long that the access token has expired, and revoked.
async fn revoked_user() -> Fixture {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.clock.advance(Duration::hours(2));
    fixture.exchange.push(Err(TokenError::UserNeeded {
        error: "invalid_grant".to_owned(),
        code: Some(50_173),
        suberror: Some("basic_action".to_owned()),
        claims: None,
    }));
    fixture
}

fn told(fixture: &Fixture, name: &str) -> usize {
    fixture.events.events().iter().filter(|event| event.name() == name).count()
}

#[tokio::test]
async fn a_parking_that_nobody_heard_of_is_told_a_minute_later() {
    let fixture = revoked_user().await;
    fixture.events.fail_next(2);
    fixture.sweep().await;
    let activity = fixture.record(1).await.activity.unwrap();
    assert_eq!((activity.status, activity.unpublished.len()), (AccountStatus::NeedsUser, 1));
    assert_eq!(told(&fixture, "AccountNeedsUser"), 0);

    let asked = fixture.exchange.calls().len();
    fixture.clock.advance(Duration::MINUTE);
    let (report, turns) = fixture.sweep().await;
    assert_eq!((report.of(TurnOutcome::NeedsUser), turns.len()), (1, 1));
    assert_eq!((told(&fixture, "AccountNeedsUser"), fixture.exchange.calls().len()), (1, asked));
    let activity = fixture.record(1).await.activity.unwrap();
    assert_eq!((activity.status, activity.due_at), (AccountStatus::NeedsUser, None));
    assert!(activity.unpublished.is_empty() && activity.failure.unwrap().code == Some(50_173));

    fixture.clock.advance(Duration::DAY);
    assert!(fixture.sweep().await.1.is_empty(), "out of the index");
}

#[tokio::test]
async fn a_bus_that_is_down_for_long_costs_a_turn_a_minute_and_loses_nothing() {
    let fixture = revoked_user().await;
    fixture.events.fail_next(1000);
    fixture.sweep().await;
    for _ in 0..5 {
        fixture.clock.advance(Duration::MINUTE);
        assert_eq!(fixture.sweep().await.1.len(), 1);
    }
    fixture.events.fail_next(0);
    fixture.clock.advance(Duration::MINUTE);
    fixture.sweep().await;
    assert_eq!(told(&fixture, "AccountNeedsUser"), 1);
}

#[tokio::test]
async fn a_user_who_is_back_before_is_not_asked_for() {
    let fixture = revoked_user().await;
    fixture.events.fail_next(2);
    fixture.sweep().await;
    fixture.visit(1).await;
    fixture.go_away();
    fixture.sweep().await;
    assert_eq!(told(&fixture, "AccountNeedsUser"), 0);
    let activity = fixture.record(1).await.activity.unwrap();
    assert_eq!((activity.status, activity.unpublished.len()), (AccountStatus::Active, 0));
}

#[tokio::test]
async fn a_change_that_nobody_heard_of_is_told_in_the_next_turn_under_the_same_key() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.go_away();
    fixture.sweep().await;
    fixture.clock.advance(INTERVAL);
    let changed = Profile { city: Some("Hilltop".to_owned()), ..sample::profile(1) };
    let answer = FetchedProfile { profile: changed, etag: None };
    fixture.profiles.push(Ok(answer.clone()));
    fixture.events.fail_next(2);
    let due_at = fixture.record(1).await.activity.unwrap().due_at.unwrap();
    let (report, _) = fixture.sweep().await;
    assert_eq!((report.of(TurnOutcome::Acted), told(&fixture, "ProfileChanged")), (1, 0));

    fixture.clock.advance(INTERVAL);
    fixture.profiles.push(Ok(answer));
    let (report, _) = fixture.sweep().await;
    assert_eq!((report.of(TurnOutcome::Unchanged), told(&fixture, "ProfileChanged")), (1, 1));
    let key = fixture.events.events().into_iter().find_map(|event| match event {
        DomainEvent::ProfileChanged { idempotency_key, .. } => Some(idempotency_key),
        _ => None,
    });
    assert_eq!(key.unwrap(), format!("{}@{}", sample::account(1), due_at.unix_timestamp()));
}
