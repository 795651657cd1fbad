//! Finding accounts: by their next turn, by their name.

use super::{StoreFixture, object_ids};
use crate::sample::{self, NOW};
use domain::error::StoreError;
use domain::identity::{HomeAccountId, UserPrincipalName};
use domain::ports::{ActivityUpdate, DueCursor};
use std::collections::BTreeSet;
use time::Duration;

pub async fn only_accounts_whose_time_has_come_are_listed(fixture: StoreFixture) {
    for number in 1..=3 {
        let now = NOW + Duration::seconds(i64::from(number));
        fixture.record(number, sample::activity_update(number, now)).await;
    }
    fixture.record(4, ActivityUpdate { due_at: None, ..sample::activity_update(4, NOW) }).await;
    let first_due = NOW + Duration::seconds(31);
    assert!(fixture.due(first_due - Duration::SECOND).await.is_empty());
    assert_eq!(object_ids(&fixture.due(first_due).await), [sample::account(1)]);
    let all: BTreeSet<HomeAccountId> =
        object_ids(&fixture.due(NOW + Duration::DAY).await).into_iter().collect();
    assert_eq!(all, (1..=3).map(sample::account).collect());
}

pub async fn every_account_is_listed_in_exactly_one_shard(fixture: StoreFixture) {
    let count = 40;
    for number in 0..count {
        fixture.record(number, sample::activity_update(number, NOW)).await;
    }
    let mut seen = BTreeSet::new();
    let mut used = 0;
    for shard in fixture.shards.names() {
        let page = fixture.store.accounts_due(shard, NOW + Duration::DAY, 1000, None).await.unwrap();
        used += u32::from(!page.accounts.is_empty());
        for due in page.accounts {
            assert!(seen.insert(due.account), "an account is in one shard only");
        }
    }
    assert_eq!(seen, (0..count).map(sample::account).collect());
    assert_eq!(used, fixture.shards.count.get(), "{count} accounts reach every shard");
}

pub async fn a_shard_is_listed_earliest_first(fixture: StoreFixture) {
    for number in (0..20_u32).rev() {
        let now = NOW + Duration::seconds(i64::from(number * 7 % 20));
        fixture.record(number, sample::activity_update(number, now)).await;
    }
    for shard in fixture.shards.names() {
        let page = fixture.store.accounts_due(shard, NOW + Duration::DAY, 1000, None).await.unwrap();
        assert!(page.accounts.is_sorted_by_key(|due| due.due_at));
    }
}

pub async fn pages_visit_every_due_account_once(fixture: StoreFixture) {
    let count = 25;
    for number in 0..count {
        // Several accounts with one due time: a cursor must not jump over the rest of them.
        let now = NOW + Duration::seconds(i64::from(number % 3));
        fixture.record(number, sample::activity_update(number, now)).await;
    }
    let mut seen = BTreeSet::new();
    for shard in fixture.shards.names() {
        let mut cursor = None;
        loop {
            let page = fixture.store.accounts_due(shard, NOW + Duration::DAY, 2, cursor).await.unwrap();
            assert!(page.accounts.len() <= 2);
            for due in page.accounts {
                assert!(seen.insert(due.account), "an account is on one page only");
            }
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    assert_eq!(seen, (0..count).map(sample::account).collect());
}

pub async fn a_page_can_be_continued_behind_any_account(fixture: StoreFixture) {
    for number in 0..30 {
        let now = NOW + Duration::seconds(i64::from(number % 4));
        fixture.record(number, sample::activity_update(number, now)).await;
    }
    let as_of = NOW + Duration::DAY;
    for shard in fixture.shards.names() {
        let all = fixture.store.accounts_due(shard, as_of, 1000, None).await.unwrap().accounts;
        for (place, account) in all.iter().enumerate() {
            let cursor = fixture.store.due_cursor(shard, *account);
            let rest = fixture.store.accounts_due(shard, as_of, 1000, Some(cursor)).await.unwrap().accounts;
            assert_eq!(object_ids(&rest), object_ids(&all[place + 1..]));
        }
    }
}

pub async fn a_senseless_cursor_is_rejected(fixture: StoreFixture) {
    let shard = fixture.shards.names().next().unwrap();
    for cursor in ["", "e30", "not a cursor"] {
        let cursor = Some(DueCursor(cursor.to_owned()));
        let result = fixture.store.accounts_due(shard, NOW, 10, cursor).await;
        assert!(
            matches!(&result, Err(error @ StoreError::SenselessCursor { .. }) if error.to_string().contains("cursor")),
            "{result:?}"
        );
    }
}

pub async fn accounts_are_found_by_name_without_regard_to_case(fixture: StoreFixture) {
    for number in 1..=2 {
        fixture.record(number, sample::activity_update(number, NOW)).await;
    }
    let shouted = UserPrincipalName::new(&sample::user_principal_name(2).as_str().to_uppercase());
    let found = fixture.store.find_by_user_principal_name(&shouted).await.unwrap();
    assert_eq!(found, [sample::account(2)]);
    for unknown in ["nobody@lakeside.example", ""] {
        let name = UserPrincipalName::new(unknown);
        assert!(fixture.store.find_by_user_principal_name(&name).await.unwrap().is_empty());
    }
}

pub async fn a_name_given_to_another_person_finds_both(fixture: StoreFixture) {
    let name = UserPrincipalName::new("reception@lakeside.example");
    for number in [2, 1] {
        let user_principal_name = Some(name.clone());
        fixture
            .record(number, ActivityUpdate { user_principal_name, ..sample::activity_update(number, NOW) })
            .await;
    }
    let mut found = fixture.store.find_by_user_principal_name(&name).await.unwrap();
    found.sort_unstable();
    assert_eq!(found, [sample::account(1), sample::account(2)]);
    // A new name takes the place of the old one.
    fixture.record(2, sample::activity_update(2, NOW + Duration::MINUTE)).await;
    assert_eq!(fixture.store.find_by_user_principal_name(&name).await.unwrap(), [sample::account(1)]);
}
