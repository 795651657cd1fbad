//! What the operator's check finds out about a table, and that it leaves the table as it was.

use crate::servers::{TestTable, client, embedded_client};
use domain::error::StoreError;
use domain::ports::AccountStore as _;
use serde_json::json;
use store_dynamodb::probe::{access, upkeep};
use test_support::sample::{self, NOW};
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

#[tokio::test]
async fn every_action_is_tried_and_nothing_is_changed() {
    for table in TestTable::on_every_server().await {
        table.store.record_activity(&sample::account(1), sample::activity_update(1, NOW)).await.unwrap();
        let items = async || table.client.scan().table_name(&table.name).send().await.unwrap().items;
        let before = items().await;
        for access in access(&table.client, &table.name).await {
            assert!(access.result.is_ok(), "{access:?}");
        }
        assert_eq!(items().await, before);
    }
}

#[tokio::test]
async fn an_action_that_is_not_allowed_is_told_from_those_that_are() {
    let server = MockServer::start().await;
    let answer = |status: u16, error: &str| {
        ResponseTemplate::new(status).set_body_json(json!({"__type": format!("com.amazon#{error}")}))
    };
    for (operation, answer) in [
        ("GetItem", ResponseTemplate::new(200).set_body_json(json!({}))),
        ("Query", ResponseTemplate::new(200).set_body_json(json!({"Items": [], "Count": 0}))),
        ("PutItem", answer(400, "ConditionalCheckFailedException")),
        ("UpdateItem", answer(400, "ConditionalCheckFailedException")),
        ("DeleteItem", answer(400, "AccessDeniedException")),
    ] {
        let target = format!("DynamoDB_20120810.{operation}");
        Mock::given(method("POST"))
            .and(header("x-amz-target", target.as_str()))
            .respond_with(answer)
            .mount(&server)
            .await;
    }
    let found = access(&client(&server.uri()), "accounts").await;
    let refused: Vec<&str> =
        found.iter().filter(|access| access.result.is_err()).map(|access| access.action).collect();
    assert_eq!(refused, ["dynamodb:DeleteItem"]);
    let Err(StoreError::Rejected { reason, .. }) = &found[6].result else { unreachable!("{found:?}") };
    assert!(reason.contains("must be allowed this action"), "{reason}");
}

#[tokio::test]
async fn a_table_that_does_what_its_condition_forbids_is_none() {
    let server = MockServer::start().await;
    let done = ResponseTemplate::new(200).set_body_json(json!({}));
    Mock::given(method("POST")).respond_with(done).mount(&server).await;
    let found = access(&client(&server.uri()), "accounts").await;
    assert!(found.iter().skip(4).all(|access| access.result.is_err()), "{found:?}");
}

#[tokio::test]
async fn what_protects_the_table_is_told() {
    for table in TestTable::on_every_server().await {
        let found = upkeep(&table.client, &table.name).await.unwrap().unwrap();
        assert!(found.on_demand && !found.deletion_protected && found.wide_indexes.is_empty(), "{found:?}");
    }
    assert!(upkeep(&embedded_client().await, "no-such-table").await.unwrap().is_none());
}

#[tokio::test]
async fn the_settings_of_a_guarded_table_and_of_a_bare_one_are_read() {
    for (guarded, billing, projection, recovery) in
        [(true, "PAY_PER_REQUEST", "KEYS_ONLY", "ENABLED"), (false, "PROVISIONED", "ALL", "DISABLED")]
    {
        let server = MockServer::start().await;
        let table = json!({"Table": {
            "TableName": "accounts",
            "BillingModeSummary": {"BillingMode": billing},
            "DeletionProtectionEnabled": guarded,
            "GlobalSecondaryIndexes": [
                {"IndexName": "due", "Projection": {"ProjectionType": projection}},
                {"IndexName": "user", "Projection": {"ProjectionType": "KEYS_ONLY"}},
            ],
        }});
        let backups = json!({"ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": recovery},
        }});
        for (operation, body) in [("DescribeTable", table), ("DescribeContinuousBackups", backups)] {
            let target = format!("DynamoDB_20120810.{operation}");
            Mock::given(header("x-amz-target", target.as_str()))
                .respond_with(ResponseTemplate::new(200).set_body_json(body))
                .mount(&server)
                .await;
        }
        let found = upkeep(&client(&server.uri()), "accounts").await.unwrap().unwrap();
        assert_eq!(
            (found.on_demand, found.deletion_protected, found.recoverable.unwrap()),
            (guarded, guarded, guarded)
        );
        assert_eq!(found.wide_indexes.is_empty(), guarded);
    }
}
