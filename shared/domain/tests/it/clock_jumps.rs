//! A clock that jumps while a turn is under way: its lease is over early or lasts longer, and the account is neither lost nor
//! acted for by two who both count.

use crate::fixture::{Fixture, INTERVAL, Turns};
use domain::account::TurnOutcome;
use domain::sweep_accounts::{Worker, sweep_accounts};
use domain::turn::TurnReport;
use std::sync::Arc;
use time::Duration;
use tokio::task::JoinHandle;

/// A worker of this name in an environment of its own.
fn start(fixture: &Fixture, name: &str) -> JoinHandle<Vec<TurnReport>> {
    let mut services = fixture.services.clone();
    (services.flights, services.brakes) = (Arc::default(), Arc::default());
    let worker = Worker { id: name.to_owned(), stop_at: None, deadline: None };
    tokio::spawn(async move {
        let turns = Turns::default();
        sweep_accounts(&services, &worker, &turns).await.unwrap();
        turns.0.into_inner().unwrap()
    })
}

/// A user is away, and the first worker is at their turn.
async fn turn_under_way() -> (Fixture, JoinHandle<Vec<TurnReport>>, usize) {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.go_away();
    let before = fixture.profiles.calls().len();
    fixture.profiles.hold();
    let first = start(&fixture, "first");
    fixture.profiles.until_called(before + 1).await;
    (fixture, first, before)
}

#[tokio::test]
async fn after_a_jump_past_the_lease_the_account_is_taken_over_and_only_the_second_turn_counts() {
    let (fixture, first, before) = turn_under_way().await;
    fixture.clock.advance(Duration::minutes(10));
    let second = start(&fixture, "second");
    fixture.profiles.until_called(before + 2).await;
    fixture.profiles.release_one();
    let first = first.await.unwrap();
    assert_eq!(first[0].reason.as_deref(), Some("the lease ended before the turn did"));
    let activity = fixture.record(1).await.activity.unwrap();
    assert_eq!(activity.lease.unwrap().owner, "second", "what the first finds out does not count");
    assert!(activity.last_sweep.is_none());

    fixture.profiles.release_one();
    assert_eq!(second.await.unwrap()[0].reason, None);
    let activity = fixture.record(1).await.activity.unwrap();
    assert_eq!((activity.lease, activity.due_at), (None, Some(fixture.now() + INTERVAL)));
    assert_eq!(fixture.profiles.calls().len(), before + 2);
}

#[tokio::test]
async fn after_a_jump_to_before_the_lease_nobody_takes_the_account_and_its_turn_counts() {
    for back in [Duration::SECOND, Duration::minutes(5), Duration::hours(3)] {
        let (fixture, first, before) = turn_under_way().await;
        let right = fixture.now();
        fixture.clock.set(right - back);
        let early = start(&fixture, "early").await.unwrap();
        assert!(early.iter().all(|turn| turn.outcome == TurnOutcome::Skipped), "{back}: {early:?}");
        fixture.clock.set(right);
        let second = start(&fixture, "second").await.unwrap();
        assert_eq!(second[0].outcome, TurnOutcome::Skipped, "{back}");
        fixture.clock.set(right - back);
        fixture.profiles.release_one();
        let first = first.await.unwrap();
        assert_eq!((first[0].outcome, first[0].reason.as_deref()), (TurnOutcome::Acted, None), "{back}");
        let activity = fixture.record(1).await.activity.unwrap();
        assert_eq!((activity.lease, activity.due_at), (None, Some(right - back + INTERVAL)), "{back}");
        assert_eq!(fixture.profiles.calls().len(), before + 1, "{back}");
    }
}
