//! Items that somebody broke: a counted miss, and the next sign-in mends them.

use crate::servers::{SHARDS, TestTable};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::account::{AccountStatus, DueAccount};
use domain::identity::HomeAccountId;
use domain::ports::{AccountStore, ActivityUpdate, Claim, PutTokensError};
use test_support::sample::{self, NOW, TTL};
use time::Duration;

impl TestTable {
    async fn fill(&self, account: &HomeAccountId) {
        self.store.put_tokens(account, sample::token_write(b"tokens", NOW)).await.unwrap();
        self.store.record_activity(account, sample::activity_update(1, NOW)).await.unwrap();
        self.store.put_profile(account, &sample::snapshot(1, NOW), NOW + TTL).await.unwrap();
    }

    /// Sets an attribute to a value, or removes it.
    async fn damage(
        &self,
        account: &HomeAccountId,
        sort_key: &str,
        attribute: &str,
        value: Option<AttributeValue>,
    ) {
        let partition_key = self.store.token_item(account).partition_key;
        let request = self
            .client
            .update_item()
            .table_name(&self.name)
            .key("pk", AttributeValue::S(partition_key))
            .key("sk", AttributeValue::S(sort_key.to_owned()))
            .expression_attribute_names("#attribute", attribute);
        match value {
            Some(value) => request
                .update_expression("SET #attribute = :value")
                .expression_attribute_values(":value", value),
            None => request.update_expression("REMOVE #attribute"),
        }
        .send()
        .await
        .unwrap();
    }

    fn tokens_sort_key(&self) -> String {
        self.store.token_item(&sample::account(1)).sort_key
    }
}

fn nonsense() -> AttributeValue {
    AttributeValue::S("nonsense".to_owned())
}

#[tokio::test]
async fn corrupt_tokens_are_a_miss_and_leave_the_rest_alone() {
    for table in TestTable::on_every_server().await {
        let broken = [
            ("blob", Some(nonsense())),
            ("blob", None),
            ("version", Some(nonsense())),
            ("version", None),
            ("ttl", Some(nonsense())),
        ];
        for (number, (attribute, value)) in (1..).zip(broken) {
            let account = sample::account(number);
            table.fill(&account).await;
            table.damage(&account, &table.tokens_sort_key(), attribute, value).await;
            let before = table.store.corrupt_items();
            let record = table.store.load(&account).await.unwrap();
            assert!(record.tokens.is_none(), "{attribute}");
            assert!(record.activity.is_some() && record.profile.is_some(), "{attribute}");
            assert_eq!(table.store.corrupt_items(), before + 1, "{attribute}");

            // The user signs in: their tokens take the place of the broken ones.
            let version =
                table.store.put_tokens(&account, sample::token_write(b"mended", NOW)).await.unwrap();
            let tokens = table.store.load(&account).await.unwrap().tokens.unwrap();
            assert_eq!((tokens.blob.as_slice(), tokens.version), (b"mended".as_slice(), version));
        }
    }
}

#[tokio::test]
async fn a_writer_that_finds_corrupt_tokens_conflicts_with_nothing() {
    for table in TestTable::on_every_server().await {
        let account = sample::account(1);
        table.fill(&account).await;
        table.damage(&account, &table.tokens_sort_key(), "version", Some(nonsense())).await;
        let write =
            domain::ports::TokenWrite { expected_version: Some(1), ..sample::token_write(b"late", NOW) };
        let result = table.store.put_tokens(&account, write).await;
        assert!(matches!(result, Err(PutTokensError::Conflict(None))), "{result:?}");
    }
}

#[tokio::test]
async fn corrupt_activity_is_a_miss_and_the_next_activity_mends_it() {
    for table in TestTable::on_every_server().await {
        let account = sample::account(1);
        let broken = [
            ("status", Some(nonsense())),
            ("status", None),
            ("last_activity", Some(nonsense())),
            ("last_activity", None),
            ("tenant_id", Some(nonsense())),
            ("failure", Some(nonsense())),
            ("failure_count", Some(nonsense())),
            ("last_sweep", Some(nonsense())),
            ("lease_until", Some(nonsense())),
            ("ttl", Some(nonsense())),
        ];
        for (round, (attribute, value)) in (1..).zip(broken) {
            let now = NOW + Duration::minutes(round);
            let update = sample::activity_update(1, now);
            table.store.record_activity(&account, update).await.unwrap();
            table.damage(&account, "ACTIVITY", attribute, value).await;
            let before = table.store.corrupt_items();
            assert!(table.store.load(&account).await.unwrap().activity.is_none(), "{attribute}");
            assert_eq!(table.store.corrupt_items(), before + 1, "{attribute}");

            let later = now + Duration::seconds(1);
            table.store.record_activity(&account, sample::activity_update(1, later)).await.unwrap();
            let activity = table.store.load(&account).await.unwrap().activity.unwrap();
            assert_eq!(
                (activity.last_activity, activity.status),
                (later, AccountStatus::Active),
                "{attribute}"
            );
            assert_eq!(activity.due_at, Some(later + Duration::seconds(30)), "{attribute}");
        }
    }
}

#[tokio::test]
async fn a_corrupt_profile_is_a_miss_and_the_next_snapshot_mends_it() {
    for table in TestTable::on_every_server().await {
        let account = sample::account(1);
        for (attribute, value) in
            [("profile", Some(nonsense())), ("begun_at", Some(nonsense())), ("refreshed_at", None)]
        {
            table.store.put_profile(&account, &sample::snapshot(1, NOW), NOW + TTL).await.unwrap();
            table.damage(&account, "PROFILE", attribute, value).await;
            assert!(table.store.load(&account).await.unwrap().profile.is_none(), "{attribute}");
            table.store.put_profile(&account, &sample::snapshot(2, NOW), NOW + TTL).await.unwrap();
            let profile = table.store.load(&account).await.unwrap().profile;
            assert_eq!(profile, Some(sample::snapshot(2, NOW)), "{attribute}");
        }
    }
}

#[tokio::test]
async fn a_corrupt_account_leaves_the_index_when_it_is_claimed() {
    for table in TestTable::on_every_server().await {
        let account = sample::account(1);
        let update = sample::activity_update(1, NOW);
        let due_at = update.due_at.unwrap();
        table.store.record_activity(&account, update).await.unwrap();
        table.damage(&account, "ACTIVITY", "tenant_id", Some(nonsense())).await;
        let due = DueAccount { account, due_at };
        let claim = table.store.claim(due, sample::lease("worker", due_at), due_at).await.unwrap();
        assert!(matches!(claim, Claim::Lost));
        for shard in SHARDS.names() {
            assert!(table.store.accounts_due(shard, due_at, 10, None).await.unwrap().accounts.is_empty());
        }
        let back = due_at + Duration::SECOND;
        let update = ActivityUpdate { returned: true, ..sample::activity_update(1, back) };
        table.store.record_activity(&account, update).await.unwrap();
        let activity = table.store.load(&account).await.unwrap().activity.unwrap();
        assert_eq!((activity.lease, activity.due_at), (None, Some(back + Duration::seconds(30))));
    }
}

#[tokio::test]
async fn erasing_removes_corrupt_items_too() {
    for table in TestTable::on_every_server().await {
        let account = sample::account(1);
        table.fill(&account).await;
        for sort_key in [table.tokens_sort_key().as_str(), "ACTIVITY", "PROFILE"] {
            table.damage(&account, sort_key, "begun_at", Some(nonsense())).await;
        }
        table.store.erase(&account, &sample::tombstone(NOW)).await.unwrap();
        let items = table.client.scan().table_name(&table.name).send().await.unwrap().items.unwrap();
        let sort_keys: Vec<_> = items.iter().map(|item| item["sk"].as_s().unwrap().as_str()).collect();
        assert_eq!(sort_keys, ["TOMBSTONE"]);
    }
}

#[tokio::test]
async fn only_the_token_item_of_our_own_client_counts() {
    for table in TestTable::on_every_server().await {
        let account = sample::account(1);
        table.fill(&account).await;
        let address = table.store.token_item(&account);
        table
            .client
            .put_item()
            .table_name(&table.name)
            .item("pk", AttributeValue::S(address.partition_key))
            .item("sk", AttributeValue::S("TOKENS#another-application".to_owned()))
            .item("blob", AttributeValue::S("not even binary".to_owned()))
            .send()
            .await
            .unwrap();
        let tokens = table.store.load(&account).await.unwrap().tokens.unwrap();
        assert_eq!(tokens.blob, b"tokens");
        assert_eq!(table.store.corrupt_items(), 0);
    }
}

#[tokio::test]
async fn an_index_entry_that_names_no_account_is_left_out() {
    for table in TestTable::on_every_server().await {
        table
            .client
            .put_item()
            .table_name(&table.name)
            .item("pk", AttributeValue::S("ACCOUNT#nobody".to_owned()))
            .item("sk", AttributeValue::S("ACTIVITY".to_owned()))
            .item("sweep_shard", AttributeValue::S("v1#00".to_owned()))
            .item("due_at", AttributeValue::N("1".to_owned()))
            .send()
            .await
            .unwrap();
        let page = table.store.accounts_due(SHARDS.names().next().unwrap(), NOW, 10, None).await.unwrap();
        assert!(page.accounts.is_empty());
        assert_eq!(table.store.corrupt_items(), 1);
    }
}
