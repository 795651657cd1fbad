//! Blobs that cannot be opened, put aside: outside the account's partition, and gone with an erasure.

use crate::servers::TestTable;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::error::UnreadableCause;
use domain::ports::{AccountStore as _, QuarantinedBlob};
use std::collections::HashMap;
use test_support::sample::{self, NOW, TTL};
use time::{Duration, OffsetDateTime};

fn blob(begun_at: OffsetDateTime) -> QuarantinedBlob {
    QuarantinedBlob {
        sealed: b"not a blob".to_vec(),
        version: 3,
        cause: UnreadableCause::NotAuthentic,
        found_at: begun_at + Duration::SECOND,
        begun_at,
        expires_at: NOW + TTL,
    }
}

async fn quarantined(table: &TestTable) -> Option<HashMap<String, AttributeValue>> {
    let key = format!("QUARANTINE#{}", sample::account(1));
    let request = table
        .client
        .get_item()
        .table_name(&table.name)
        .key("pk", AttributeValue::S(key))
        .key("sk", AttributeValue::S(table.store.token_item(&sample::account(1)).sort_key));
    request.consistent_read(true).send().await.unwrap().item
}

#[tokio::test]
async fn a_blob_is_kept_as_it_was_found_and_reading_the_account_does_not_show_it() {
    for table in TestTable::on_every_server().await {
        table.store.quarantine(&sample::account(1), blob(NOW)).await.unwrap();
        let item = quarantined(&table).await.unwrap();
        assert_eq!(item["blob"].as_b().unwrap().as_ref(), b"not a blob");
        assert_eq!(item["version"], AttributeValue::N("3".to_owned()));
        assert_eq!(item["cause"], AttributeValue::S("not_authentic".to_owned()));
        assert_eq!(item["found_at"], AttributeValue::N((NOW.unix_timestamp() + 1).to_string()));
        assert_eq!(item["ttl"], AttributeValue::N((NOW + TTL).unix_timestamp().to_string()));
        assert!(table.store.load(&sample::account(1)).await.unwrap().tokens.is_none());
    }
}

#[tokio::test]
async fn an_erasure_deletes_it_and_a_late_writer_does_not_bring_it_back() {
    for table in TestTable::on_every_server().await {
        let account = sample::account(1);
        table.store.quarantine(&account, blob(NOW)).await.unwrap();
        table.store.erase(&account, &sample::tombstone(NOW + Duration::SECOND)).await.unwrap();
        assert_eq!(quarantined(&table).await, None);
        table.store.quarantine(&account, blob(NOW)).await.unwrap();
        assert_eq!(quarantined(&table).await, None, "it comes from before the erasure");
        table.store.quarantine(&account, blob(NOW + Duration::seconds(2))).await.unwrap();
        assert!(quarantined(&table).await.is_some());
    }
}
