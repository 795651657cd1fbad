//! Key items: one per day, the newest found first, never a corrupt one taken for a missing one.

use crate::servers::{TestTable, dynamodb_local_client, embedded_client};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::error::StoreError;
use store_dynamodb::{BranchKeyCreation, BranchKeyItem, DynamoDbBranchKeys};
use test_support::sample::NOW;

async fn keys(client: Client) -> (DynamoDbBranchKeys, TestTable) {
    let table = TestTable::new(client).await;
    (DynamoDbBranchKeys::new(table.client.clone(), table.name.clone()), table)
}

fn item(date: &str, wrapped: &[u8]) -> BranchKeyItem {
    BranchKeyItem {
        date: date.to_owned(),
        wrapped: wrapped.to_vec(),
        kms_key: "arn:aws:kms:eu-north-1:123456789012:key/1".to_owned(),
        created_at: NOW,
    }
}

async fn the_first_of_a_day_stays(client: Client) {
    let (keys, _table) = keys(client).await;
    assert_eq!(keys.newest().await.unwrap(), None);
    let first = item("2026-11-22", b"first");
    assert_eq!(keys.create(&first).await.unwrap(), BranchKeyCreation::Created);
    let second = keys.create(&item("2026-11-22", b"second")).await.unwrap();
    assert_eq!(second, BranchKeyCreation::Existed(first.clone()));
    assert_eq!(keys.get("2026-11-22").await.unwrap(), Some(first.clone()));
    assert_eq!(keys.get("2026-11-23").await.unwrap(), None);

    let later = item("2027-02-20", b"later");
    assert_eq!(keys.create(&later).await.unwrap(), BranchKeyCreation::Created);
    assert_eq!(keys.create(&item("2026-12-31", b"between")).await.unwrap(), BranchKeyCreation::Created);
    assert_eq!(keys.newest().await.unwrap(), Some(later));
    assert_eq!(keys.get("2026-11-22").await.unwrap(), Some(first));
}

#[tokio::test]
async fn the_first_of_a_day_stays_on_the_embedded_server() {
    the_first_of_a_day_stays(embedded_client().await).await;
}

#[tokio::test]
async fn the_first_of_a_day_stays_on_dynamodb_local() {
    let Some(client) = dynamodb_local_client() else { return };
    the_first_of_a_day_stays(client).await;
}

#[tokio::test]
async fn of_many_at_once_one_is_written_and_all_learn_which() {
    let (keys, _table) = keys(embedded_client().await).await;
    let writers = (0..8_u8).map(|number| {
        let keys = keys.clone();
        tokio::spawn(async move { keys.create(&item("2026-11-22", &[number])).await.unwrap() })
    });
    let mut created = 0;
    let mut existed = Vec::new();
    for writer in writers.collect::<Vec<_>>() {
        match writer.await.unwrap() {
            BranchKeyCreation::Created => created += 1,
            BranchKeyCreation::Existed(item) => existed.push(item),
        }
    }
    let kept = keys.newest().await.unwrap().unwrap();
    assert_eq!(created, 1);
    assert_eq!(existed, vec![kept; 7]);
}

#[tokio::test]
async fn a_corrupt_item_is_an_error_that_says_what_to_do() {
    let (keys, table) = keys(embedded_client().await).await;
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let put = table.client.put_item().table_name(&table.name);
    let put = put.item("pk", text("KEY#token-blob")).item("sk", text("2026-11-22"));
    put.item("wrapped", text("not binary")).send().await.unwrap();
    for error in [
        keys.newest().await.unwrap_err(),
        keys.get("2026-11-22").await.unwrap_err(),
        keys.create(&item("2026-11-22", b"new")).await.unwrap_err(),
    ] {
        let StoreError::Rejected { reason, .. } = &error else { unreachable!("{error:?}") };
        assert!(reason.contains("wrapped: expected binary") && reason.contains("restore"), "{reason}");
        assert!(!reason.contains("not binary"), "{reason}");
    }
}
