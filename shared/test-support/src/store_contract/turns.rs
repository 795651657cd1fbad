//! Turns of the sweep: one worker at a time, and the user's own doings come first.

use super::StoreFixture;
use super::activity::park;
use crate::sample::{self, NOW};
use domain::account::{AccountStatus, DueAccount, Failure, FailureClass, LastSweep, TurnOutcome};
use domain::event::DomainEvent;
use domain::ports::{ActivityUpdate, Claim, TurnEnd};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

async fn finish(fixture: &StoreFixture, owner: &str, end: TurnEnd) -> bool {
    fixture.store.finish_turn(&sample::account(1), owner, end).await.unwrap()
}

fn is_taken(claim: &Claim) -> bool {
    matches!(claim, Claim::Taken(_))
}

pub async fn a_claim_shows_the_activity_and_the_lease(fixture: StoreFixture) {
    fixture.record(1, sample::activity_update(1, NOW)).await;
    let now = NOW + Duration::seconds(30);
    let Claim::Taken(activity) = fixture.claim(1, now, "worker", now).await else {
        unreachable!("nobody else wanted it")
    };
    assert_eq!(activity.lease, Some(sample::lease("worker", now)));
    assert_eq!((activity.last_activity, activity.due_at), (NOW, Some(now)));
    assert_eq!(*activity, fixture.activity(1).await);
}

pub async fn one_of_eight_concurrent_claims_wins(fixture: StoreFixture) {
    fixture.record(1, sample::activity_update(1, NOW)).await;
    let now = NOW + Duration::seconds(30);
    let due = DueAccount { account: sample::account(1), due_at: now };
    let claims: Vec<_> = (0..8)
        .map(|worker| {
            let (store, lease) =
                (Arc::clone(&fixture.store), sample::lease(&format!("worker {worker}"), now));
            tokio::spawn(async move { store.claim(due, lease, now).await.unwrap() })
        })
        .collect();
    let mut taken = 0;
    for claim in claims {
        taken += u32::from(is_taken(&claim.await.unwrap()));
    }
    assert_eq!(taken, 1);
}

pub async fn a_claim_for_another_turn_is_lost(fixture: StoreFixture) {
    let now = fixture.claimed(1, "first").await;
    assert!(finish(&fixture, "first", sample::turn_end(now)).await);
    assert!(!is_taken(&fixture.claim(1, now, "late delivery", now).await));
    assert!(!is_taken(&fixture.claim(2, now, "no such account", now).await));
    assert!(fixture.load(2).await.activity.is_none());
}

pub async fn a_lease_can_be_taken_over_only_after_its_end(fixture: StoreFixture) {
    let due_at = fixture.claimed(1, "first").await;
    let until = sample::lease("first", due_at).until;
    for moment in [due_at, until - Duration::SECOND, until] {
        assert!(!is_taken(&fixture.claim(1, due_at, "second", moment).await));
    }
    assert!(is_taken(&fixture.claim(1, due_at, "second", until + Duration::SECOND).await));
    assert!(!finish(&fixture, "first", sample::turn_end(until)).await);
    assert!(finish(&fixture, "second", sample::turn_end(until)).await);
}

pub async fn an_account_past_its_end_cannot_be_claimed(fixture: StoreFixture) {
    let update = ActivityUpdate { expires_at: NOW + Duration::MINUTE, ..sample::activity_update(1, NOW) };
    let due_at = update.due_at.unwrap();
    fixture.record(1, update).await;
    let end = NOW + Duration::MINUTE;
    fixture.clock.set(end);
    assert!(!is_taken(&fixture.claim(1, due_at, "worker", end).await));
}

pub async fn the_end_of_a_turn_lets_go_and_names_the_next(fixture: StoreFixture) {
    let now = fixture.claimed(1, "worker").await;
    let before = fixture.activity(1).await;
    assert!(finish(&fixture, "worker", sample::turn_end(now)).await);
    let activity = fixture.activity(1).await;
    assert_eq!(activity.lease, None);
    assert_eq!(activity.due_at, Some(now + Duration::HOUR));
    assert_eq!(activity.last_sweep, Some(LastSweep { at: now, outcome: TurnOutcome::Unchanged }));
    assert_eq!(activity.last_activity, before.last_activity, "the sweep's own work is not activity");
    assert!(!fixture.is_due(1, now + Duration::HOUR - Duration::SECOND).await);
    assert!(fixture.is_due(1, now + Duration::HOUR).await);
    assert!(!finish(&fixture, "worker", sample::turn_end(now)).await, "a turn ends once");
}

pub async fn a_failed_turn_keeps_its_reason(fixture: StoreFixture) {
    let now = fixture.claimed(1, "worker").await;
    let failure =
        Failure { class: FailureClass::Throttled, code: None, suberror: None, claims: None, at: now };
    let end = TurnEnd {
        last_sweep: LastSweep { at: now, outcome: TurnOutcome::Throttled },
        status: AccountStatus::Failing,
        failure: Some(failure.clone()),
        failure_count: 3,
        ..sample::turn_end(now)
    };
    assert!(finish(&fixture, "worker", end).await);
    let activity = fixture.activity(1).await;
    assert_eq!((activity.status, activity.failure_count), (AccountStatus::Failing, 3));
    assert_eq!(activity.failure, Some(failure));

    let next = now + Duration::HOUR;
    assert!(is_taken(&fixture.claim(1, next, "worker", next).await));
    assert!(finish(&fixture, "worker", sample::turn_end(next)).await);
    let activity = fixture.activity(1).await;
    assert_eq!((activity.status, activity.failure_count, activity.failure), (AccountStatus::Active, 0, None));
}

pub async fn events_that_did_not_get_out_are_kept_until_a_turn_has_none_left(fixture: StoreFixture) {
    let now = fixture.claimed(1, "worker").await;
    let account = sample::account(1);
    let events = vec![
        DomainEvent::ProfileChanged {
            account,
            changed_fields: vec!["city".to_owned()],
            idempotency_key: "turn".to_owned(),
        },
        DomainEvent::AccountNeedsUser { account, failure_class: FailureClass::UserNeeded, suberror: None },
    ];
    let end = TurnEnd { unpublished: events.clone(), ..sample::turn_end(now) };
    assert!(finish(&fixture, "worker", end).await);
    assert_eq!(fixture.activity(1).await.unpublished, events);

    let next = now + Duration::HOUR;
    let Claim::Taken(activity) = fixture.claim(1, next, "worker", next).await else {
        unreachable!("the account is due")
    };
    assert_eq!(activity.unpublished, events);
    assert!(finish(&fixture, "worker", sample::turn_end(next)).await);
    assert!(fixture.activity(1).await.unpublished.is_empty());
}

pub async fn only_the_owner_of_the_lease_ends_the_turn(fixture: StoreFixture) {
    let now = fixture.claimed(1, "worker").await;
    let before = fixture.activity(1).await;
    assert!(!finish(&fixture, "impostor", sample::turn_end(now)).await);
    assert_eq!(fixture.activity(1).await, before);
    let nobody = fixture.store.finish_turn(&sample::account(2), "worker", sample::turn_end(now)).await;
    assert!(!nobody.unwrap());
    assert!(fixture.load(2).await.activity.is_none());
}

pub async fn parking_takes_the_account_out_of_the_index(fixture: StoreFixture) {
    let now = fixture.claimed(1, "worker").await;
    park(&fixture, 1, "worker", now).await;
    let activity = fixture.activity(1).await;
    assert_eq!((activity.status, activity.due_at), (AccountStatus::NeedsUser, None));
    let failure = activity.failure.unwrap();
    assert_eq!((failure.code, failure.suberror.as_deref()), (Some(50_076), Some("basic_action")));
    assert_eq!(failure.claims.as_deref(), Some(r#"{"access_token":{}}"#));
    assert!(!fixture.is_due(1, now + Duration::weeks(1)).await);
    assert!(!is_taken(&fixture.claim(1, now, "worker", now + Duration::HOUR).await));
}

pub async fn activity_during_a_turn_decides_the_next_one(fixture: StoreFixture) {
    let now = fixture.claimed(1, "worker").await;
    let visit = now + Duration::seconds(1);
    fixture.record(1, sample::activity_update(1, visit)).await;
    assert!(finish(&fixture, "worker", sample::turn_end(now)).await);
    let activity = fixture.activity(1).await;
    assert_eq!(activity.due_at, Some(visit + Duration::seconds(30)));
    assert_eq!((activity.last_activity, activity.lease), (visit, None));
    assert!(activity.last_sweep.is_some());
}

pub async fn activity_before_a_turn_does_not_decide_the_one_after(fixture: StoreFixture) {
    let now = fixture.claimed(1, "worker").await;
    fixture.record(1, sample::activity_update(1, now)).await;
    assert!(finish(&fixture, "worker", sample::turn_end(now)).await);
    let next = now + Duration::seconds(30);
    assert!(is_taken(&fixture.claim(1, next, "worker", next).await));
    assert!(finish(&fixture, "worker", sample::turn_end(next)).await);
    assert_eq!(fixture.activity(1).await.due_at, Some(next + Duration::HOUR));
}

pub async fn a_user_living_on_old_tokens_does_not_prevent_parking(fixture: StoreFixture) {
    let now = fixture.claimed(1, "worker").await;
    fixture.record(1, sample::activity_update(1, now + Duration::SECOND)).await;
    park(&fixture, 1, "worker", now).await;
    let activity = fixture.activity(1).await;
    assert_eq!((activity.status, activity.due_at), (AccountStatus::NeedsUser, None));
    assert!(!fixture.is_due(1, now + Duration::DAY).await);
}

pub async fn a_sign_in_during_a_turn_ends_the_lease(fixture: StoreFixture) {
    let now = fixture.claimed(1, "worker").await;
    let returned_at: OffsetDateTime = now + Duration::SECOND;
    fixture.record(1, ActivityUpdate { returned: true, ..sample::activity_update(1, returned_at) }).await;
    let end = TurnEnd { status: AccountStatus::NeedsUser, due_at: None, ..sample::turn_end(now) };
    assert!(
        !finish(&fixture, "worker", end).await,
        "what the old tokens came to says nothing about the new ones"
    );
    let activity = fixture.activity(1).await;
    assert_eq!((activity.status, activity.lease), (AccountStatus::Active, None));
    assert!(fixture.is_due(1, returned_at + Duration::seconds(30)).await);
}

pub async fn a_sign_in_during_a_turn_gives_the_account_to_nobody_else_before_the_leases_end(
    fixture: StoreFixture,
) {
    let claimed_at = fixture.claimed(1, "worker").await;
    let returned_at = claimed_at + Duration::SECOND;
    fixture.record(1, ActivityUpdate { returned: true, ..sample::activity_update(1, returned_at) }).await;
    // The worker may still be redeeming the refresh token, and an authority may take that only once.
    let due_at = returned_at + Duration::seconds(30);
    let end = sample::lease("worker", claimed_at).until;
    fixture.clock.set(end);
    assert!(matches!(fixture.claim(1, due_at, "another", end).await, Claim::Lost));
    let later = end + Duration::SECOND;
    fixture.clock.set(later);
    assert!(matches!(fixture.claim(1, due_at, "another", later).await, Claim::Taken(_)));
}
