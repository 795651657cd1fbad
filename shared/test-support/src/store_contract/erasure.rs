//! Ending background access: nothing comes back but by a new sign-in.

use super::StoreFixture;
use crate::sample::{self, NOW, TTL};
use domain::account::Tombstone;
use domain::ports::{ActivityUpdate, PutTokensError, TokenWrite};
use time::{Duration, OffsetDateTime};

const ERASED_AT: OffsetDateTime = NOW.saturating_add(Duration::MINUTE);

async fn fill(fixture: &StoreFixture, number: u32, now: OffsetDateTime) {
    let account = sample::account(number);
    fixture.store.put_tokens(&account, sample::token_write(b"tokens", now)).await.unwrap();
    fixture.record(number, ActivityUpdate { returned: true, ..sample::activity_update(number, now) }).await;
    fixture.store.put_profile(&account, &sample::snapshot(number, now), now + TTL).await.unwrap();
}

async fn erase(fixture: &StoreFixture, erased_at: OffsetDateTime) {
    fixture.store.erase(&sample::account(1), &sample::tombstone(erased_at)).await.unwrap();
}

async fn is_empty(fixture: &StoreFixture) -> bool {
    let record = fixture.load(1).await;
    record.tokens.is_none() && record.activity.is_none() && record.profile.is_none()
}

async fn is_full(fixture: &StoreFixture, number: u32) -> bool {
    let record = fixture.load(number).await;
    record.tokens.is_some() && record.activity.is_some() && record.profile.is_some()
}

pub async fn erasing_removes_everything_and_leaves_a_tombstone(fixture: StoreFixture) {
    fill(&fixture, 1, NOW).await;
    erase(&fixture, ERASED_AT).await;
    assert!(is_empty(&fixture).await);
    assert_eq!(fixture.load(1).await.tombstone, Some(sample::tombstone(ERASED_AT)));
    assert!(fixture.due(NOW + Duration::DAY).await.is_empty());
    let name = sample::user_principal_name(1);
    assert!(fixture.store.find_by_user_principal_name(&name).await.unwrap().is_empty());
}

pub async fn an_erasure_outlaws_what_began_before_it(fixture: StoreFixture) {
    fill(&fixture, 1, NOW).await;
    erase(&fixture, ERASED_AT).await;
    let account = sample::account(1);
    for expected_version in [None, Some(1)] {
        let late = TokenWrite { expected_version, ..sample::token_write(b"late", ERASED_AT) };
        let result = fixture.store.put_tokens(&account, late).await;
        assert!(matches!(result, Err(PutTokensError::Conflict(None))), "{result:?}");
    }
    for returned in [false, true] {
        fixture.record(1, ActivityUpdate { returned, ..sample::activity_update(1, ERASED_AT) }).await;
    }
    let snapshot = sample::snapshot(1, ERASED_AT);
    fixture.store.put_profile(&account, &snapshot, NOW + TTL).await.unwrap();
    assert!(is_empty(&fixture).await);
    assert!(fixture.due(NOW + Duration::DAY).await.is_empty());
}

pub async fn an_erasure_outlaws_a_writer_that_takes_a_new_item_for_the_old_one(fixture: StoreFixture) {
    fill(&fixture, 1, NOW).await;
    erase(&fixture, ERASED_AT).await;
    let back = ERASED_AT + Duration::SECOND;
    let account = sample::account(1);
    let version = fixture.store.put_tokens(&account, sample::token_write(b"new", back)).await.unwrap();
    assert_eq!(version, 1, "the new item has the version that the late writer saw on the old one");
    let late = TokenWrite { expected_version: Some(1), ..sample::token_write(b"late", NOW) };
    let result = fixture.store.put_tokens(&account, late).await;
    assert!(matches!(result, Err(PutTokensError::Conflict(None))), "{result:?}");
    assert_eq!(fixture.load(1).await.tokens.unwrap().blob, b"new");
}

pub async fn a_user_can_be_back_within_the_second(fixture: StoreFixture) {
    fill(&fixture, 1, NOW).await;
    erase(&fixture, ERASED_AT + Duration::milliseconds(400)).await;
    fill(&fixture, 1, ERASED_AT + Duration::milliseconds(401)).await;
    assert!(is_full(&fixture, 1).await);
    assert!(fixture.is_due(1, ERASED_AT + Duration::MINUTE).await);
    assert!(fixture.load(1).await.tombstone.is_some());
}

pub async fn an_erasure_repeated_late_spares_what_began_after_it(fixture: StoreFixture) {
    erase(&fixture, ERASED_AT).await;
    fill(&fixture, 1, ERASED_AT + Duration::SECOND).await;
    erase(&fixture, ERASED_AT).await;
    assert!(is_full(&fixture, 1).await);
}

pub async fn a_late_earlier_erasure_does_not_shorten_a_later_one(fixture: StoreFixture) {
    erase(&fixture, ERASED_AT).await;
    let earlier = Tombstone { refused_assertions: Vec::new(), ..sample::tombstone(NOW) };
    fixture.store.erase(&sample::account(1), &earlier).await.unwrap();
    assert_eq!(fixture.load(1).await.tombstone, Some(sample::tombstone(ERASED_AT)));
}

pub async fn a_tombstone_outlaws_nothing_after_its_end(fixture: StoreFixture) {
    erase(&fixture, ERASED_AT).await;
    fixture.clock.set(ERASED_AT + TTL - Duration::SECOND);
    assert!(fixture.load(1).await.tombstone.is_some());
    fixture.clock.set(ERASED_AT + TTL);
    assert_eq!(fixture.load(1).await.tombstone, None);
    let write = TokenWrite { expires_at: ERASED_AT + TTL * 2, ..sample::token_write(b"old", ERASED_AT) };
    fixture.store.put_tokens(&sample::account(1), write).await.unwrap();
    assert!(fixture.load(1).await.tokens.is_some());
}

pub async fn erasing_one_account_spares_the_others(fixture: StoreFixture) {
    fill(&fixture, 1, NOW).await;
    fill(&fixture, 2, NOW).await;
    erase(&fixture, ERASED_AT).await;
    assert!(is_empty(&fixture).await && is_full(&fixture, 2).await);
    assert_eq!(fixture.load(2).await.tombstone, None);
}
