//! What an operator sees and does: every account there is, broken ones too; what is kept of one; park and release.

use crate::servers::{SHARDS, TestTable};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::account::{AccountStatus, DueAccount, FailureClass};
use domain::error::{StoreError, UnreadableCause};
use domain::event::DomainEvent;
use domain::identity::HomeAccountId;
use domain::ports::{AccountStore as _, ActivityUpdate, Claim, QuarantinedBlob, TurnEnd};
use std::collections::BTreeSet;
use std::sync::Arc;
use store_dynamodb::operator::{AccountPage, AccountQuery, Change, Listed, OperatorTable, Part, Standing};
use test_support::sample::{self, NOW, TTL};
use time::Duration;

const LATER: Duration = Duration::HOUR;

fn operator(table: &TestTable) -> OperatorTable {
    let clock = Arc::new(table.clock.clone());
    OperatorTable::new(table.client.clone(), table.name.clone(), sample::CLIENT, SHARDS, clock)
}

impl TestTable {
    async fn here(&self, number: u32) {
        let update = sample::activity_update(number, NOW);
        self.store.record_activity(&sample::account(number), update).await.unwrap();
    }

    async fn everything_of(&self, number: u32) {
        let account = sample::account(number);
        self.here(number).await;
        self.store.put_tokens(&account, sample::token_write(b"tokens", NOW)).await.unwrap();
        self.store.put_profile(&account, &sample::snapshot(number, NOW), NOW + TTL).await.unwrap();
        let blob = QuarantinedBlob {
            sealed: b"rubbish".to_vec(),
            version: 3,
            cause: UnreadableCause::NotAuthentic,
            found_at: NOW,
            begun_at: NOW,
            expires_at: NOW + TTL,
        };
        self.store.quarantine(&account, blob).await.unwrap();
    }

    /// Puts a value of a wrong type in place of an attribute of the activity item.
    async fn spoil(&self, number: u32, attribute: &str) {
        self.client
            .update_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(format!("ACCOUNT#{}", sample::account(number))))
            .key("sk", AttributeValue::S("ACTIVITY".to_owned()))
            .update_expression("SET #attribute = :value")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", AttributeValue::Bool(true))
            .send()
            .await
            .unwrap();
    }

    async fn put_stray(&self, partition_key: &str) {
        let put = self.client.put_item().table_name(&self.name);
        put.item("pk", AttributeValue::S(partition_key.to_owned()))
            .item("sk", AttributeValue::S("ACTIVITY".to_owned()))
            .send()
            .await
            .unwrap();
    }

    async fn is_due(&self, number: u32) -> bool {
        let mut due = BTreeSet::new();
        for shard in SHARDS.names() {
            let page = self.store.accounts_due(shard, NOW + Duration::DAY, 100, None).await.unwrap();
            due.extend(page.accounts.into_iter().map(|due| due.account));
        }
        due.contains(&sample::account(number))
    }
}

fn names(page: &AccountPage) -> Vec<HomeAccountId> {
    let account = |listed: &Listed| match listed {
        Listed::Account { account, .. } => Some(*account),
        Listed::Unreadable { .. } => None,
    };
    page.accounts.iter().filter_map(account).collect()
}

fn defects(page: &AccountPage) -> BTreeSet<String> {
    let defect = |listed: &Listed| match listed {
        Listed::Account { .. } => None,
        Listed::Unreadable { defect, .. } => Some(defect.clone()),
    };
    page.accounts.iter().filter_map(defect).collect()
}

/// All pages of a query, and how many there were.
async fn pages(operator: &OperatorTable, query: AccountQuery, limit: usize) -> (Vec<HomeAccountId>, usize) {
    let (mut found, mut count, mut after) = (Vec::new(), 0, None);
    loop {
        let page = operator.page(query, limit, after.as_deref()).await.unwrap();
        assert!(page.accounts.len() <= limit);
        found.extend(names(&page));
        count += 1;
        after = page.next;
        if after.is_none() {
            return (found, count);
        }
    }
}

#[tokio::test]
async fn pages_show_every_account_once_whatever_their_size() {
    for table in TestTable::on_every_server().await {
        for number in 0..7 {
            table.everything_of(number).await;
        }
        table.clock.set(NOW + LATER);
        let everybody: BTreeSet<HomeAccountId> = (0..7).map(sample::account).collect();
        for query in [AccountQuery::default(), AccountQuery { due: true, status: None }] {
            for limit in [1, 2, 3, 100] {
                let (found, count) = pages(&operator(&table), query, limit).await;
                assert_eq!(found.len(), 7, "{query:?}, pages of {limit}");
                assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), everybody);
                assert!(count >= 7_usize.div_ceil(limit), "{count} pages of {limit}");
            }
        }
    }
}

#[tokio::test]
async fn a_full_page_does_not_look_for_one_more() {
    for table in TestTable::on_every_server().await {
        for number in 0..3 {
            table.here(number).await;
        }
        let operator = operator(&table);
        operator.park(&sample::account(1), "asked to").await.unwrap();
        let parked = AccountQuery { status: Some(AccountStatus::NeedsUser), due: false };
        let (found, _) = pages(&operator, parked, 1).await;
        assert_eq!(found, [sample::account(1)]);
        // It goes on behind whoever was last, and not before the next match.
        let first = operator.page(AccountQuery::default(), 1, None).await.unwrap();
        let [Listed::Account { account, .. }] = &first.accounts[..] else { panic!("{first:?}") };
        assert_eq!(first.next, Some(format!("ACCOUNT#{account}")));
    }
}

#[tokio::test]
async fn accounts_are_picked_by_status_and_by_whether_their_turn_has_come() {
    for table in TestTable::on_every_server().await {
        let operator = operator(&table);
        for number in 0..3 {
            table.here(number).await;
        }
        operator.park(&sample::account(1), "asked to").await.unwrap();
        let found = async |status, due| {
            let page = operator.page(AccountQuery { status, due }, 100, None).await.unwrap();
            names(&page).into_iter().collect::<BTreeSet<_>>()
        };
        let of = |numbers: &[u32]| numbers.iter().map(|number| sample::account(*number)).collect();
        assert_eq!(found(Some(AccountStatus::NeedsUser), false).await, of(&[1]));
        assert_eq!(found(Some(AccountStatus::Active), false).await, of(&[0, 2]));
        assert_eq!(found(None, true).await, of(&[]), "nobody's turn has come");
        table.clock.set(NOW + LATER);
        assert_eq!(found(None, true).await, of(&[0, 2]), "who is parked has no turn");
        assert_eq!(found(Some(AccountStatus::Failing), true).await, of(&[]));
        table.clock.set(NOW + TTL);
        assert_eq!(found(None, false).await, of(&[]), "all are past their time to live");
    }
}

#[tokio::test]
async fn broken_items_are_listed_as_such_and_hide_nobody() {
    for table in TestTable::on_every_server().await {
        for number in 0..3 {
            table.here(number).await;
        }
        table.spoil(1, "status").await;
        table.put_stray("rubbish").await;
        table.put_stray("ACCOUNT#rubbish").await;
        let page = operator(&table).page(AccountQuery::default(), 100, None).await.unwrap();
        assert_eq!(page.accounts.len(), 5);
        assert_eq!(names(&page).len(), 2);
        assert_eq!(defects(&page).len(), 2, "{page:?}");
        table.clock.set(NOW + LATER);
        let due = AccountQuery { due: true, status: None };
        let page = operator(&table).page(due, 100, None).await.unwrap();
        assert_eq!((names(&page).len(), defects(&page).len()), (2, 1), "{page:?}");
    }
}

#[tokio::test]
async fn a_place_that_no_page_gave_out_is_refused() {
    for table in TestTable::on_every_server().await {
        let due = AccountQuery { due: true, status: None };
        for after in ["", "v1#00", "v9#00/", "v1#00/rubbish"] {
            let refused = operator(&table).page(due, 10, Some(after)).await.unwrap_err();
            assert!(matches!(refused, StoreError::SenselessCursor { .. }), "{after}: {refused}");
        }
        for after in [String::new(), "x".repeat(2049)] {
            let refused = operator(&table).page(AccountQuery::default(), 10, Some(&after)).await.unwrap_err();
            assert!(matches!(refused, StoreError::SenselessCursor { .. }), "{refused}");
        }
    }
}

#[tokio::test]
async fn everything_of_an_account_is_seen_without_its_tokens() {
    for table in TestTable::on_every_server().await {
        table.everything_of(1).await;
        let seen = operator(&table).inspect(&sample::account(1)).await.unwrap();
        let tokens = seen.tokens.counting().unwrap();
        assert_eq!((tokens.bytes, tokens.version, tokens.begun_at), (6, 1, Some(NOW)));
        assert_eq!(seen.activity.counting().unwrap().last_activity, NOW);
        assert_eq!(seen.profile.counting().unwrap().refreshed_at, NOW);
        let quarantine = seen.quarantine.counting().unwrap();
        assert_eq!((quarantine.cause.as_str(), quarantine.bytes), ("not_authentic", 7));
        assert!(matches!(seen.tombstone, Part::Absent) && seen.others.is_empty() && !seen.is_empty());
        assert!(!format!("{seen:?}").contains("rubbish"));
        let nobody = operator(&table).inspect(&sample::account(2)).await.unwrap();
        assert!(nobody.is_empty());
    }
}

#[tokio::test]
async fn what_no_longer_counts_is_told_from_what_does() {
    for table in TestTable::on_every_server().await {
        table.everything_of(1).await;
        table.spoil(1, "status").await;
        let seen = operator(&table).inspect(&sample::account(1)).await.unwrap();
        assert!(matches!(&seen.activity, Part::Unreadable { defect } if defect.starts_with("status: ")));
        assert!(seen.tokens.counting().is_some(), "one broken item costs no other");
        table.clock.set(NOW + TTL);
        let seen = operator(&table).inspect(&sample::account(1)).await.unwrap();
        assert!(matches!(seen.tokens, Part::Kept { standing: Standing::Expired, .. }));
        assert!(matches!(seen.quarantine, Part::Kept { standing: Standing::Expired, .. }));

        // An erasure that was interrupted before its deletes.
        table.clock.set(NOW + Duration::MINUTE);
        table.store.erase(&sample::account(1), &sample::tombstone(NOW)).await.unwrap();
        let late = table.client.put_item().table_name(&table.name);
        let text = |text: &str| AttributeValue::S(text.to_owned());
        late.item("pk", text(&format!("ACCOUNT#{}", sample::account(1))))
            .item("sk", text(&table.store.token_item(&sample::account(1)).sort_key))
            .item("blob", AttributeValue::B(aws_sdk_dynamodb::primitives::Blob::new(b"late")))
            .item("version", AttributeValue::N("1".to_owned()))
            .item("begun_at", AttributeValue::N((NOW.unix_timestamp() * 1000).to_string()))
            .item("ttl", AttributeValue::N((NOW + TTL).unix_timestamp().to_string()))
            .send()
            .await
            .unwrap();
        let seen = operator(&table).inspect(&sample::account(1)).await.unwrap();
        assert!(matches!(seen.tokens, Part::Kept { standing: Standing::Erased, .. }), "{seen:?}");
        assert!(seen.tombstone.counting().is_some());
    }
}

#[tokio::test]
async fn a_parked_account_has_no_turns_until_it_is_released() {
    for table in TestTable::on_every_server().await {
        let operator = operator(&table);
        table.here(1).await;
        assert_eq!(operator.park(&sample::account(1), "asked to").await.unwrap(), Change::Done);
        assert!(!table.is_due(1).await);
        let seen = operator.inspect(&sample::account(1)).await.unwrap();
        assert_eq!(seen.parked_reason.as_deref(), Some("asked to"));
        let activity = seen.activity.counting().unwrap();
        assert_eq!((activity.status, activity.due_at), (AccountStatus::NeedsUser, None));
        assert_eq!(activity.failure.as_ref().unwrap().class, FailureClass::ParkedByOperator);
        // The user goes on with tokens from before.
        let again = ActivityUpdate { returned: false, ..sample::activity_update(1, NOW + Duration::MINUTE) };
        table.store.record_activity(&sample::account(1), again).await.unwrap();
        assert!(!table.is_due(1).await);

        table.clock.set(NOW + LATER);
        assert_eq!(operator.release(&sample::account(1)).await.unwrap(), Change::Done);
        let seen = operator.inspect(&sample::account(1)).await.unwrap();
        let activity = seen.activity.counting().unwrap();
        assert_eq!((activity.status, activity.due_at), (AccountStatus::Active, Some(NOW + LATER)));
        assert_eq!((&activity.failure, seen.parked_reason), (&None, None));
        let due = DueAccount { account: sample::account(1), due_at: NOW + LATER };
        let claim = table.store.claim(due, sample::lease("worker", NOW + LATER), NOW + LATER).await.unwrap();
        assert!(matches!(claim, Claim::Taken(_)));
    }
}

#[tokio::test]
async fn a_parked_account_keeps_its_place_until_its_events_are_out() {
    for table in TestTable::on_every_server().await {
        let (account, now) = (sample::account(1), NOW + Duration::seconds(30));
        table.here(1).await;
        let due = DueAccount { account, due_at: now };
        table.store.claim(due, sample::lease("worker", now), now).await.unwrap();
        let waiting = DomainEvent::ProfileChanged {
            account,
            changed_fields: vec!["jobTitle".to_owned()],
            idempotency_key: "key".to_owned(),
        };
        let end = TurnEnd { unpublished: vec![waiting.clone()], ..sample::turn_end(now) };
        let next = end.due_at.unwrap();
        assert!(table.store.finish_turn(&account, "worker", end).await.unwrap());

        let operator = operator(&table);
        assert_eq!(operator.park(&account, "asked to").await.unwrap(), Change::Done);
        let seen = operator.inspect(&account).await.unwrap();
        let activity = seen.activity.counting().unwrap();
        assert_eq!((activity.status, activity.due_at), (AccountStatus::NeedsUser, Some(next)));
        assert_eq!(
            (&activity.unpublished, seen.parked_reason.as_deref()),
            (&vec![waiting], Some("asked to"))
        );
        let due = DueAccount { account, due_at: next };
        let claim = table.store.claim(due, sample::lease("worker", next), next).await.unwrap();
        assert!(matches!(claim, Claim::Taken(_)));
    }
}

#[tokio::test]
async fn a_sign_in_ends_the_parking_by_an_operator() {
    for table in TestTable::on_every_server().await {
        table.here(1).await;
        operator(&table).park(&sample::account(1), "asked to").await.unwrap();
        let back = ActivityUpdate { returned: true, ..sample::activity_update(1, NOW + Duration::MINUTE) };
        table.store.record_activity(&sample::account(1), back).await.unwrap();
        assert!(table.is_due(1).await);
    }
}

#[tokio::test]
async fn a_turn_under_way_does_not_undo_the_parking() {
    for table in TestTable::on_every_server().await {
        table.here(1).await;
        let now = NOW + Duration::seconds(30);
        let due = DueAccount { account: sample::account(1), due_at: now };
        let claim = table.store.claim(due, sample::lease("worker", now), now).await.unwrap();
        assert!(matches!(claim, Claim::Taken(_)));
        operator(&table).park(&sample::account(1), "asked to").await.unwrap();
        let recorded =
            table.store.finish_turn(&sample::account(1), "worker", sample::turn_end(now)).await.unwrap();
        assert!(!recorded);
        assert!(!table.is_due(1).await);
        // Released, it waits for the end of the lease that the worker had.
        table.clock.set(now);
        operator(&table).release(&sample::account(1)).await.unwrap();
        let early = table.store.claim(due, sample::lease("other", now), now).await.unwrap();
        assert!(matches!(early, Claim::Lost));
        let late = now + Duration::minutes(3);
        let claim = table.store.claim(due, sample::lease("other", late), late).await.unwrap();
        assert!(matches!(claim, Claim::Taken(_)));
    }
}

#[tokio::test]
async fn nothing_is_made_of_an_account_that_is_not_there() {
    for table in TestTable::on_every_server().await {
        let operator = operator(&table);
        assert_eq!(operator.park(&sample::account(1), "asked to").await.unwrap(), Change::NotThere);
        assert_eq!(operator.release(&sample::account(1)).await.unwrap(), Change::NotThere);
        assert!(operator.inspect(&sample::account(1)).await.unwrap().is_empty());
        table.here(1).await;
        table.clock.set(NOW + TTL);
        assert_eq!(operator.release(&sample::account(1)).await.unwrap(), Change::NotThere);
    }
}
