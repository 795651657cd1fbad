//! Entries of the due index that somebody broke, leases and brakes of a clock that was wrong, and cursors from elsewhere: the
//! accounts beside them have their turns, and the one in question has its own where that can be.

use crate::servers::{SHARDS, TestTable};
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::account::DueAccount;
use domain::error::StoreError;
use domain::identity::UserPrincipalName;
use domain::ports::{AccountStore, Claim, DueCursor, DuePage};
use domain::shard::ShardName;
use serde_json::{Value, json};
use test_support::sample::{self, NOW};
use time::{Duration, OffsetDateTime};

fn shard() -> ShardName {
    SHARDS.names().next().unwrap()
}

/// In an order that does not depend on the index.
fn sorted(mut accounts: Vec<DueAccount>) -> Vec<DueAccount> {
    accounts.sort_unstable_by_key(|due| due.account);
    accounts
}

fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

fn number(value: impl std::fmt::Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

impl TestTable {
    /// An item in the index, of these attributes beside its keys.
    async fn put_entry(&self, partition_key: &str, sort_key: &str, due_at: &str) {
        let put = self.client.put_item().table_name(&self.name);
        put.item("pk", text(partition_key))
            .item("sk", text(sort_key))
            .item("sweep_shard", text(shard().to_string()))
            .item("due_at", number(due_at))
            .send()
            .await
            .unwrap();
    }

    /// Accounts in the first shard, all due at once.
    async fn fill_first_shard(&self, accounts: usize) -> Vec<DueAccount> {
        let mut there = Vec::new();
        for number in 0.. {
            let account = sample::account(number);
            if store_dynamodb::shard_of(&account, SHARDS) != shard() {
                continue;
            }
            let update = sample::activity_update(number, NOW);
            there.push(DueAccount { account, due_at: update.due_at.unwrap() });
            self.store.record_activity(&account, update).await.unwrap();
            if there.len() == accounts {
                break;
            }
        }
        sorted(there)
    }

    async fn page(&self, limit: u32, cursor: Option<DueCursor>) -> Result<DuePage, StoreError> {
        self.store.accounts_due(shard(), NOW + Duration::HOUR, limit, cursor).await
    }

    async fn set(&self, due: DueAccount, attribute: &str, value: AttributeValue) {
        self.client
            .update_item()
            .table_name(&self.name)
            .key("pk", text(self.store.token_item(&due.account).partition_key))
            .key("sk", text("ACTIVITY"))
            .update_expression("SET #attribute = :value")
            .expression_attribute_names("#attribute", attribute)
            .expression_attribute_values(":value", value)
            .send()
            .await
            .unwrap();
    }

    async fn is_claimed(&self, due: DueAccount, now: OffsetDateTime) -> bool {
        let claim = self.store.claim(due, sample::lease("worker", now), now).await.unwrap();
        matches!(claim, Claim::Taken(_))
    }
}

#[tokio::test]
async fn entries_that_are_no_accounts_end_no_page_and_hide_nobody() {
    for table in TestTable::on_every_server().await {
        let known = sample::account(9_000).to_string();
        // Before, between and behind the good ones, with times that are no whole seconds among them.
        let good = table.fill_first_shard(6).await;
        let due_at = good[0].due_at.unix_timestamp();
        for (place, time) in ["-1e20", "-5", "0.5", "1"].into_iter().enumerate() {
            table.put_entry(&format!("ACCOUNT#{place}"), "ACTIVITY", time).await;
        }
        table.put_entry("rubbish", "ACTIVITY", &format!("{due_at}.5")).await;
        table.put_entry(&"x".repeat(2048), &"y".repeat(1024), &format!("{due_at}.25")).await;
        table.put_entry(&format!("ACCOUNT#{known}"), "PROFILE", "2").await;
        table.put_entry(&format!("ACCOUNT#{known}"), "ACTIVITY", "2.5").await;
        for limit in [1, 2, 3, 1000] {
            let (mut found, mut pages, mut cursor) = (Vec::new(), 0, None);
            loop {
                let page = table.page(limit, cursor).await.unwrap();
                found.extend(page.accounts);
                pages += 1;
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
            assert_eq!(sorted(found), good, "pages of {limit}");
            assert!(pages >= 14 / limit, "{pages} pages of {limit}");
        }
        assert!(table.store.corrupt_items() >= 8, "each is told of");
    }
}

#[tokio::test]
async fn an_entry_without_anything_else_leaves_the_index_when_it_is_claimed() {
    for table in TestTable::on_every_server().await {
        let due = DueAccount { account: sample::account(9_000), due_at: NOW };
        table
            .put_entry(&format!("ACCOUNT#{}", due.account), "ACTIVITY", &NOW.unix_timestamp().to_string())
            .await;
        assert_eq!(table.page(10, None).await.unwrap().accounts, [due]);
        assert!(!table.is_claimed(due, NOW).await);
        assert!(table.page(10, None).await.unwrap().accounts.is_empty());
        assert_eq!(table.store.corrupt_items(), 1);
    }
}

#[tokio::test]
async fn a_huge_attribute_of_somebody_elses_costs_no_turn() {
    for table in TestTable::on_every_server().await {
        let due = table.fill_first_shard(1).await[0];
        table.set(due, "notes", text("x".repeat(300_000))).await;
        assert!(table.is_claimed(due, due.due_at).await);
        let end = sample::turn_end(due.due_at);
        assert!(table.store.finish_turn(&due.account, "worker", end).await.unwrap());
    }
}

#[tokio::test]
async fn a_lease_that_no_worker_can_have_been_given_holds_nobody_up() {
    for table in TestTable::on_every_server().await {
        let due = table.fill_first_shard(1).await[0];
        let now = due.due_at;
        let in_a_year = (now + Duration::days(365)).unix_timestamp();
        for until in [
            text("tomorrow"),
            AttributeValue::Bool(true),
            AttributeValue::Null(true),
            number(in_a_year),
            number("1e30"),
            number(-1),
        ] {
            table.set(due, "lease_owner", text("nobody")).await;
            table.set(due, "lease_until", until.clone()).await;
            assert!(table.is_claimed(due, now).await, "{until:?}");
        }
        // That of a worker whose clock is minutes ahead is one.
        for ahead in [Duration::minutes(2), Duration::hours(1)] {
            table.set(due, "lease_owner", text("another")).await;
            table.set(due, "lease_until", number((now + ahead).unix_timestamp())).await;
            assert!(!table.is_claimed(due, now).await, "{ahead}");
        }
    }
}

#[tokio::test]
async fn a_brake_of_a_clock_that_was_wrong_holds_nobody_up_and_can_be_replaced() {
    for table in TestTable::on_every_server().await {
        table.clock.set(NOW + Duration::days(365));
        table.store.set_brake(sample::TENANT, NOW + Duration::days(365) + Duration::MINUTE).await.unwrap();
        table.clock.set(NOW);
        assert_eq!(table.store.brake(sample::TENANT).await.unwrap(), None);
        let until = NOW + Duration::MINUTE;
        table.store.set_brake(sample::TENANT, until).await.unwrap();
        assert_eq!(table.store.brake(sample::TENANT).await.unwrap(), Some(until));
    }
}

fn cursor(position: &Value) -> DueCursor {
    DueCursor(BASE64_URL_SAFE_NO_PAD.encode(position.to_string()))
}

#[tokio::test]
async fn a_cursor_that_no_page_of_the_shard_gave_out_is_senseless_and_no_fault_of_the_table() {
    for table in TestTable::on_every_server().await {
        let good = table.fill_first_shard(3).await;
        let genuine = table.page(1, None).await.unwrap().next.unwrap();
        let position: Value =
            serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(&genuine.0).unwrap()).unwrap();
        let with = |name: &str, value: Value| {
            let mut changed = position.clone();
            changed[name] = value;
            cursor(&changed)
        };
        let other = SHARDS.names().nth(1).unwrap();
        let in_an_hour = (NOW + Duration::hours(2)).unix_timestamp();
        for senseless in [
            DueCursor(String::new()),
            DueCursor("nonsense!".to_owned()),
            DueCursor("A".repeat(250_000)),
            cursor(&json!(null)),
            cursor(&json!({})),
            with("shard", json!(other.to_string())),
            with("shard", json!(7)),
            with("due_at", json!(in_an_hour)),
            with("due_at", json!("1")),
            with("due_at", json!(1e300)),
            with("pk", json!("")),
            with("pk", json!("x".repeat(2049))),
            with("sk", json!("x".repeat(1025))),
            with("table", json!("another")),
            table.store.due_cursor(other, good[0]),
        ] {
            let answer = table.page(10, Some(senseless.clone())).await;
            let start: String = senseless.0.chars().take(60).collect();
            assert!(matches!(answer, Err(StoreError::SenselessCursor { .. })), "{start}: {answer:?}");
        }
        // One of another table's account is a place in this shard like any other.
        let foreign = DueAccount { account: sample::account(70_000), due_at: NOW };
        let rest = table.page(10, Some(table.store.due_cursor(shard(), foreign))).await.unwrap();
        assert_eq!(sorted(rest.accounts), good);
    }
}

#[tokio::test]
async fn nobody_is_called_what_cannot_be_a_key() {
    for table in TestTable::on_every_server().await {
        let name = UserPrincipalName::new(&"x".repeat(5_000));
        assert!(table.store.find_by_user_principal_name(&name).await.unwrap().is_empty());
    }
}
