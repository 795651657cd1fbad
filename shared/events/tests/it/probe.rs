//! The check of the bus: whether it is there, and whether events can be put on it.

use crate::event_bridge::{publisher, script, sent, taken};
use aws_sdk_eventbridge::Client;
use events::{BusError, find_bus};
use serde_json::json;
use wiremock::matchers::header;
use wiremock::{Mock, MockServer, ResponseTemplate};

async fn describing(status: u16, body: serde_json::Value) -> Result<String, BusError> {
    let server = MockServer::start().await;
    Mock::given(header("x-amz-target", "AWSEvents.DescribeEventBus"))
        .respond_with(ResponseTemplate::new(status).set_body_json(body))
        .mount(&server)
        .await;
    find_bus(&Client::from_conf(crate::event_bridge::config(server.uri()).build()), "lakeside-bus").await
}

#[tokio::test]
async fn a_bus_is_found_by_its_name() {
    let arn = "arn:aws:events:eu-central-1:123456789012:event-bus/lakeside-bus";
    let found = describing(200, json!({"Name": "lakeside-bus", "Arn": arn})).await;
    assert_eq!(found.unwrap(), arn);
}

#[tokio::test]
async fn a_bus_that_is_not_there_is_told_from_one_that_may_not_be_looked_at() {
    let refused = async |code: &str| describing(400, json!({"__type": code})).await.unwrap_err();
    assert!(matches!(refused("ResourceNotFoundException").await, BusError::NotThere { .. }));
    assert!(matches!(refused("AccessDeniedException").await, BusError::NotAllowed));
    let other = refused("UnknownOperationException").await;
    assert!(
        matches!(&other, BusError::Unknown { code, .. } if code == "UnknownOperationException"),
        "{other}"
    );
}

#[tokio::test]
async fn the_probe_is_one_event_without_content() {
    let server = script(&[taken()]).await;
    publisher(&server).send_probe().await.unwrap();
    let entry = &sent(&server).await[0]["Entries"][0];
    assert_eq!(entry["EventBusName"], "lakeside-bus");
    assert_eq!((&entry["Source"], &entry["DetailType"]), (&json!("shared-token-cache"), &json!("Probe")));
    assert_eq!(entry["Detail"], "{}");
}
