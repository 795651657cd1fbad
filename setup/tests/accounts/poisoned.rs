//! Accounts whose items somebody broke: they are seen for what they are, and can still be erased.

use crate::{ADELE, BRUNO, Site};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use wiring::AwsClients;

#[tokio::test]
async fn a_broken_account_is_listed_beside_the_others_and_can_be_erased() {
    let site = Site::start().await;
    site.visit(ADELE).await;
    let bruno = site.visit(BRUNO).await;
    let id = site.id_of(BRUNO);
    site.spoil(&id, "status").await;
    let listed = site.json(&["list"]).await;
    let accounts = listed["accounts"].as_array().unwrap();
    assert_eq!(accounts.len(), 2);
    let broken = accounts.iter().find(|account| account["defect"].is_string()).unwrap();
    assert_eq!(broken["partitionKey"], format!("ACCOUNT#{id}"));
    site.accounts(&["list"]).await.assert_good("cannot be read: status: expected");

    let shown = site.shown(BRUNO).await;
    assert!(shown["activity"]["defect"].as_str().unwrap().starts_with("status: "), "{shown}");
    assert!(shown["tokens"]["bytes"].is_u64());
    for command in [&["park", BRUNO, "--reason", "why"][..], &["release", BRUNO]] {
        site.accounts(command).await.assert_refused("cannot be read (status: expected");
    }
    site.accounts(&["erase", BRUNO, "--yes"]).await.assert_good("is erased");
    let shown = site.shown(&id.to_string()).await;
    assert_eq!((&shown["activity"], &shown["tokens"]), (&json!(null), &json!(null)));
    assert_eq!(site.seen_by(&bruno).await["status"], "none");
    assert_eq!(site.shown(ADELE).await["activity"]["status"], "active");
}

#[tokio::test]
async fn tokens_that_cannot_be_opened_are_shown_in_quarantine_and_erased_with_the_rest() {
    let site = Site::start().await;
    site.visit(ADELE).await;
    let client = AwsClients::new(site.stack.environment()).await.dynamodb;
    let place = site.stack.sweeper().services().store.token_item(&site.id_of(ADELE));
    client
        .update_item()
        .table_name(&place.table)
        .key("pk", AttributeValue::S(place.partition_key))
        .key("sk", AttributeValue::S(place.sort_key))
        .update_expression("SET #blob = :blob")
        .expression_attribute_names("#blob", "blob")
        .expression_attribute_values(":blob", AttributeValue::B(Blob::new(b"rubbish")))
        .send()
        .await
        .unwrap();
    assert_eq!(site.shown(ADELE).await["quarantine"], json!(null));
    site.visit(ADELE).await;
    let quarantine = site.shown(ADELE).await["quarantine"].clone();
    assert_eq!((&quarantine["bytes"], &quarantine["counts"]), (&json!(7), &json!(true)), "{quarantine}");
    site.accounts(&["show", ADELE]).await.assert_good(": 7 bytes, version 1, found ");
    let id = site.id_of(ADELE).to_string();
    site.accounts(&["erase", ADELE, "--yes"]).await.assert_good("is erased");
    assert_eq!(site.shown(&id).await["quarantine"], json!(null));
}
