//! What is noted of a user's visits, and the profile snapshot.

use super::StoreFixture;
use crate::sample::{self, NOW, TTL};
use domain::account::{AccountActivity, AccountStatus, Failure, FailureClass};
use domain::ports::{ActivityUpdate, TurnEnd};
use time::{Duration, OffsetDateTime};

/// Ends the turn of a claimed account so that only its user can help.
pub(super) async fn park(fixture: &StoreFixture, number: u32, owner: &str, now: OffsetDateTime) {
    let failure = Failure {
        class: FailureClass::UserNeeded,
        code: Some(50_076),
        suberror: Some("basic_action".to_owned()),
        claims: Some(r#"{"access_token":{}}"#.to_owned()),
        at: now,
    };
    let end = TurnEnd {
        status: AccountStatus::NeedsUser,
        failure: Some(failure),
        due_at: None,
        ..sample::turn_end(now)
    };
    assert!(fixture.store.finish_turn(&sample::account(number), owner, end).await.unwrap());
}

pub async fn activity_comes_back_as_recorded(fixture: StoreFixture) {
    let now = NOW + Duration::milliseconds(250);
    fixture.record(1, sample::activity_update(1, now)).await;
    let account = sample::account(1);
    let expected = AccountActivity {
        tenant_id: account.tenant_id,
        object_id: account.object_id,
        user_principal_name: Some(sample::user_principal_name(1)),
        last_activity: NOW,
        status: AccountStatus::Active,
        failure: None,
        failure_count: 0,
        last_sweep: None,
        due_at: Some(NOW + Duration::seconds(30)),
        lease: None,
        unpublished: Vec::new(),
        expires_at: NOW + TTL,
    };
    assert_eq!(fixture.activity(1).await, expected);
    assert!(fixture.load(2).await.activity.is_none());
}

pub async fn activity_never_moves_back(fixture: StoreFixture) {
    let later = NOW + Duration::seconds(5);
    fixture.record(1, sample::activity_update(1, later)).await;
    fixture.record(1, sample::activity_update(1, NOW)).await;
    let activity = fixture.activity(1).await;
    assert_eq!(activity.last_activity, later);
    assert_eq!(activity.due_at, Some(later + Duration::seconds(30)));
    assert_eq!(activity.expires_at, later + TTL);
}

pub async fn activity_without_a_name_keeps_the_name(fixture: StoreFixture) {
    fixture.record(1, sample::activity_update(1, NOW)).await;
    let later = NOW + Duration::MINUTE;
    let nameless = ActivityUpdate { user_principal_name: None, ..sample::activity_update(1, later) };
    fixture.record(1, nameless).await;
    let activity = fixture.activity(1).await;
    assert_eq!(activity.user_principal_name, Some(sample::user_principal_name(1)));
    assert_eq!(activity.last_activity, later);
}

pub async fn activity_is_gone_at_the_second_of_its_end(fixture: StoreFixture) {
    fixture.record(1, sample::activity_update(1, NOW)).await;
    fixture.clock.set(NOW + TTL - Duration::SECOND);
    assert!(fixture.load(1).await.activity.is_some());
    fixture.clock.set(NOW + TTL);
    assert!(fixture.load(1).await.activity.is_none());
}

pub async fn an_expired_parking_does_not_hold_a_user_who_is_back(fixture: StoreFixture) {
    let parked_at = fixture.claimed(1, "worker").await;
    park(&fixture, 1, "worker", parked_at).await;
    let now = parked_at + TTL;
    fixture.clock.set(now);
    fixture.record(1, sample::activity_update(1, now)).await;
    let activity = fixture.activity(1).await;
    assert_eq!((activity.status, activity.failure, activity.last_sweep), (AccountStatus::Active, None, None));
    assert!(fixture.is_due(1, now + Duration::MINUTE).await);
}

pub async fn a_parked_account_stays_parked_while_its_user_lives_on_old_tokens(fixture: StoreFixture) {
    let parked_at = fixture.claimed(1, "worker").await;
    park(&fixture, 1, "worker", parked_at).await;
    for (seconds, due_in) in [(10, None), (20, Some(Duration::seconds(30)))] {
        let now = parked_at + Duration::seconds(seconds);
        let update =
            ActivityUpdate { due_at: due_in.map(|due_in| now + due_in), ..sample::activity_update(1, now) };
        fixture.record(1, update).await;
        let activity = fixture.activity(1).await;
        assert_eq!(activity.last_activity, now, "the visit itself is noted");
        assert_eq!((activity.status, activity.due_at), (AccountStatus::NeedsUser, None));
        assert!(activity.failure.is_some());
        assert!(!fixture.is_due(1, now + Duration::DAY).await);
    }
}

pub async fn a_sign_in_ends_the_parking(fixture: StoreFixture) {
    let parked_at = fixture.claimed(1, "worker").await;
    park(&fixture, 1, "worker", parked_at).await;
    let now = parked_at + Duration::MINUTE;
    fixture.record(1, ActivityUpdate { returned: true, ..sample::activity_update(1, now) }).await;
    let activity = fixture.activity(1).await;
    assert_eq!((activity.status, activity.failure), (AccountStatus::Active, None));
    assert_eq!(activity.due_at, Some(now + Duration::seconds(30)));
    assert!(activity.last_sweep.is_some(), "what the sweep did last is still known");
    assert!(fixture.is_due(1, now + Duration::MINUTE).await);
}

pub async fn a_sign_in_overtaken_by_a_later_request_still_ends_the_parking(fixture: StoreFixture) {
    let parked_at = fixture.claimed(1, "worker").await;
    park(&fixture, 1, "worker", parked_at).await;
    let (earlier, later) = (parked_at + Duration::seconds(5), parked_at + Duration::seconds(9));
    fixture.record(1, ActivityUpdate { due_at: None, ..sample::activity_update(1, later) }).await;
    fixture.record(1, ActivityUpdate { returned: true, ..sample::activity_update(1, earlier) }).await;
    let activity = fixture.activity(1).await;
    assert_eq!(activity.last_activity, later);
    assert_eq!((activity.status, activity.failure), (AccountStatus::Active, None));
    assert!(fixture.is_due(1, later + Duration::MINUTE).await);
}

pub async fn the_latest_profile_wins_until_its_end(fixture: StoreFixture) {
    let account = sample::account(1);
    let (early, late) = (sample::snapshot(1, NOW), sample::snapshot(2, NOW + Duration::MINUTE));
    fixture.store.put_profile(&account, &late, NOW + TTL).await.unwrap();
    fixture.store.put_profile(&account, &early, NOW + TTL).await.unwrap();
    assert_eq!(fixture.load(1).await.profile, Some(late));

    let latest = domain::profile::ProfileSnapshot { etag: None, ..sample::snapshot(3, NOW + Duration::HOUR) };
    fixture.store.put_profile(&account, &latest, NOW + TTL).await.unwrap();
    assert_eq!(fixture.load(1).await.profile, Some(latest));
    fixture.clock.set(NOW + TTL);
    assert_eq!(fixture.load(1).await.profile, None);
}
