//! The table, the sealing key and the bus.

use crate::servers::{aws, nowhere};
use crate::{Site, doctor};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use wiremock::matchers::header;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};
use wiring::AwsClients;

const KEY_ARN: &str = "arn:aws:kms:us-east-1:123456789012:key/aaaabbbb-0000-4000-8000-000000000001";

#[tokio::test]
async fn a_table_that_is_not_there_fails_and_so_do_the_actions_on_it() {
    let site = Site::start().await;
    let report = site.doctor_with("TABLE_NAME", "no-such-table").await;
    assert_eq!(report.failed(), ["table", "table-access", "index-access"]);
    report.assert_failed("table", "does not exist", "template.yaml");
    report.assert_failed("table-access", "ResourceNotFoundException", "template.yaml");
    let report = site.doctor_with("AWS_ENDPOINT_URL_DYNAMODB", &nowhere().await).await;
    report.assert_failed("table", "did not answer", "AWS credentials");
}

#[tokio::test]
async fn a_table_of_another_shape_is_told_fault_by_fault() {
    let site = Site::start().await;
    let client = AwsClients::new(site.stack.environment()).await.dynamodb;
    let attribute = AttributeDefinition::builder()
        .attribute_name("pk")
        .attribute_type(ScalarAttributeType::S)
        .build()
        .unwrap();
    let key = KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap();
    client
        .create_table()
        .table_name("another")
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute)
        .key_schema(key)
        .send()
        .await
        .unwrap();
    let report = site.doctor_with("TABLE_NAME", "another").await;
    for fault in [r#"expected keys ["pk", "sk"]"#, r#"index "due" is missing"#, "time to live"] {
        report.assert_failed("table", fault, "docs/data-model.md");
    }
}

/// A table that is as it should be, but for these settings, and whose writes are refused if not `allowed`.
async fn scripted_table(guarded: bool, allowed: bool) -> MockServer {
    let (billing, projection, recovery) = if guarded {
        ("PAY_PER_REQUEST", "KEYS_ONLY", "ENABLED")
    } else {
        ("PROVISIONED", "ALL", "DISABLED")
    };
    let keys = |hash: &str, range: Option<&str>| {
        let range = range.map(|range| json!({"AttributeName": range, "KeyType": "RANGE"}));
        let hash = json!({"AttributeName": hash, "KeyType": "HASH"});
        [Some(hash), range].into_iter().flatten().collect::<Vec<Value>>()
    };
    let attribute = |name: &str, kind: &str| json!({"AttributeName": name, "AttributeType": kind});
    let index = |name: &str, keys: Vec<Value>| json!({"IndexName": name, "KeySchema": keys, "Projection": {"ProjectionType": projection}});
    let table = json!({"Table": {
        "TableName": "accounts",
        "TableStatus": "ACTIVE",
        "KeySchema": keys("pk", Some("sk")),
        "AttributeDefinitions": [attribute("pk", "S"), attribute("sk", "S"), attribute("sweep_shard", "S"),
            attribute("due_at", "N"), attribute("user_principal_name", "S")],
        "GlobalSecondaryIndexes": [index("due", keys("sweep_shard", Some("due_at"))),
            index("user", keys("user_principal_name", None))],
        "BillingModeSummary": {"BillingMode": billing},
        "DeletionProtectionEnabled": guarded,
    }});
    let ttl = json!({"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}});
    let backups = json!({"ContinuousBackupsDescription": {"ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": recovery}}});
    let refused = if allowed { "ConditionalCheckFailedException" } else { "AccessDeniedException" };
    let refused = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{refused}")});
    aws(&[
        ("DynamoDB_20120810.DescribeTable", 200, table),
        ("DynamoDB_20120810.DescribeTimeToLive", 200, ttl),
        ("DynamoDB_20120810.DescribeContinuousBackups", 200, backups),
        ("DynamoDB_20120810.GetItem", 200, json!({})),
        ("DynamoDB_20120810.Query", 200, json!({"Items": [], "Count": 0, "ScannedCount": 0})),
        ("DynamoDB_20120810.PutItem", 400, refused.clone()),
        ("DynamoDB_20120810.UpdateItem", 400, refused.clone()),
        ("DynamoDB_20120810.DeleteItem", 400, refused),
    ])
    .await
}

#[tokio::test]
async fn a_guarded_table_passes_and_a_bare_one_works_with_warnings() {
    let site = Site::start().await;
    let care = ["table-billing", "table-deletion", "table-indexes", "table-recovery"];
    for (guarded, expected) in [(true, "ok"), (false, "warning")] {
        let table = scripted_table(guarded, true).await;
        let report = site.doctor_with("AWS_ENDPOINT_URL_DYNAMODB", &table.uri()).await;
        assert!(report.succeeded, "{:#?}", report.findings);
        assert_eq!(care.map(|check| report.status(check)), [expected; 4], "{:#?}", report.findings);
    }
}

#[tokio::test]
async fn an_action_that_is_not_allowed_is_named() {
    let site = Site::start().await;
    let table = scripted_table(true, false).await;
    let report = site.doctor_with("AWS_ENDPOINT_URL_DYNAMODB", &table.uri()).await;
    report.assert_only("table-access", "dynamodb:PutItem: the table refused put_item", "function's role");
    let detail = report.find("table-access")["detail"].as_str().unwrap();
    assert!(detail.contains("dynamodb:DeleteItem") && !detail.contains("dynamodb:GetItem"), "{detail}");
}

#[tokio::test]
async fn with_the_apis_role_only_what_that_role_lacks_is_missing() {
    let site = Site::start().await;
    let refused = json!({"__type": "AccessDeniedException"});
    let table = MockServer::start().await;
    for operation in ["GetItem", "PutItem", "UpdateItem", "DeleteItem"] {
        let (status, error) =
            if operation == "GetItem" { (200, "") } else { (400, "ConditionalCheckFailedException") };
        let target = format!("DynamoDB_20120810.{operation}");
        Mock::given(header("x-amz-target", target.as_str()))
            .respond_with(ResponseTemplate::new(status).set_body_json(json!({"__type": error})))
            .mount(&table)
            .await;
    }
    let found = ResponseTemplate::new(200).set_body_json(json!({"Items": [], "Count": 0, "ScannedCount": 0}));
    let of_table =
        |request: &Request| request.body_json::<Value>().is_ok_and(|body| body["IndexName"].is_null());
    Mock::given(header("x-amz-target", "DynamoDB_20120810.Query"))
        .and(of_table)
        .respond_with(found)
        .mount(&table)
        .await;
    Mock::given(wiremock::matchers::any())
        .respond_with(ResponseTemplate::new(400).set_body_json(refused))
        .with_priority(u8::MAX)
        .mount(&table)
        .await;
    let report = site.doctor_with("AWS_ENDPOINT_URL_DYNAMODB", &table.uri()).await;
    report.assert_only("index-access", "dynamodb:Query on index due", "the API's does without");
    assert_eq!((report.status("table"), report.status("table-access")), ("skipped", "ok"));
}

/// The settings, with this server as KMS.
fn with_kms(site: &Site, server: &str) -> BTreeMap<&'static str, String> {
    let mut variables = site.with("AWS_ENDPOINT_URL_KMS", server);
    variables.remove("SEALING_LOCAL_KEY");
    variables.insert("SEALING_KEY_ARN", KEY_ARN.to_owned());
    variables
}

#[tokio::test]
async fn a_key_of_kms_is_asked_to_wrap_and_to_unwrap_in_the_products_own_context() {
    let site = Site::start().await;
    let (wrapped, plain) = ("d3JhcHBlZA==", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=");
    let generated = json!({"KeyId": KEY_ARN, "CiphertextBlob": wrapped, "Plaintext": plain});
    let decrypted = json!({"KeyId": KEY_ARN, "Plaintext": plain});
    let kms = aws(&[
        ("TrentService.GenerateDataKey", 200, generated.clone()),
        ("TrentService.Decrypt", 200, decrypted),
    ])
    .await;
    let report = doctor(&with_kms(&site, &kms.uri()), &[]).await;
    assert!(report.succeeded, "{:#?}", report.findings);
    assert_eq!(
        report.find("sealing-key")["detail"],
        "KMS wraps and unwraps; no branch key is in the table yet"
    );
    let asked: Vec<Value> =
        kms.received_requests().await.unwrap().iter().map(|request| request.body_json().unwrap()).collect();
    assert_eq!(asked.len(), 2);
    for request in &asked {
        let context = &request["EncryptionContext"];
        assert_eq!((&context["purpose"], &request["KeyId"]), (&json!("token-blob"), &json!(KEY_ARN)));
        assert_eq!(context["table"], site.variables["TABLE_NAME"].as_str());
    }

    let refused = json!({"__type": "AccessDeniedException"});
    let kms =
        aws(&[("TrentService.GenerateDataKey", 200, generated), ("TrentService.Decrypt", 400, refused)])
            .await;
    let report = doctor(&with_kms(&site, &kms.uri()), &[]).await;
    report.assert_only("sealing-key", "kms:Decrypt: AccessDeniedException", "SEALING_KEY_ARN");
}

#[tokio::test]
async fn a_bus_is_looked_for_and_gets_an_event_only_when_asked_to() {
    let site = Site::start().await;
    let found = ("AWSEvents.DescribeEventBus", 200, json!({"Name": "lakeside", "Arn": "arn"}));
    let taken = ("AWSEvents.PutEvents", 200, json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}));
    let bus = aws(&[found.clone(), taken]).await;
    let variables = |server: &str| {
        let mut variables = site.with("AWS_ENDPOINT_URL_EVENTBRIDGE", server);
        variables.insert("EVENT_BUS_NAME", "lakeside".to_owned());
        variables
    };
    let report = doctor(&variables(&bus.uri()), &[]).await;
    assert!(report.succeeded && report.status("event-bus") == "ok", "{:#?}", report.findings);
    assert_eq!(bus.received_requests().await.unwrap().len(), 1);
    let report = doctor(&variables(&bus.uri()), &["--send-event"]).await;
    assert_eq!(report.status("event-bus-put"), "ok");

    let refused = |code: &str| json!({"__type": code});
    let missing = aws(&[("AWSEvents.DescribeEventBus", 400, refused("ResourceNotFoundException"))]).await;
    let report = doctor(&variables(&missing.uri()), &[]).await;
    report.assert_only("event-bus", "there is no bus \"lakeside\"", "EventBusName");
    let silent = aws(&[("AWSEvents.DescribeEventBus", 400, refused("AccessDeniedException"))]).await;
    let report = doctor(&variables(&silent.uri()), &[]).await;
    assert!(report.succeeded && report.status("event-bus") == "warning", "{:#?}", report.findings);
    let closed = aws(&[found, ("AWSEvents.PutEvents", 400, refused("AccessDeniedException"))]).await;
    let report = doctor(&variables(&closed.uri()), &["--send-event"]).await;
    report.assert_only("event-bus-put", "EventBridge did not take the request", "events:PutEvents");
}
