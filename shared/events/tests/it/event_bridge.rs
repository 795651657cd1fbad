//! What is put on the bus, and when an event counts as published.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::retry::RetryConfig;
use aws_sdk_eventbridge::config::{BehaviorVersion, Config, Credentials, Region};
use domain::account::{FailureClass, TurnOutcome};
use domain::event::DomainEvent;
use domain::ports::{EventPublisher as _, PublishError, ShardTaskQueue as _};
use domain::shard::ShardName;
use domain::shard_task::ShardTask;
use events::EventBridgePublisher;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::error::Error as _;
use std::sync::Arc;
use test_support::{FixedClock, sample};
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn publisher(server: &MockServer) -> EventBridgePublisher {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(server.uri())
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    EventBridgePublisher::new(
        Client::from_conf(config),
        "lakeside-bus".to_owned(),
        Arc::new(FixedClock::default()),
    )
}

/// Answers each `PutEvents` request in turn; a request too many gets the last answer again.
async fn script(answers: &[(u16, Value)]) -> MockServer {
    let server = MockServer::start().await;
    for (at, (status, body)) in answers.iter().enumerate() {
        let mock = Mock::given(method("POST"))
            .and(header("x-amz-target", "AWSEvents.PutEvents"))
            .respond_with(ResponseTemplate::new(*status).set_body_json(body));
        let last = at + 1 == answers.len();
        if last { mock } else { mock.up_to_n_times(1) }.mount(&server).await;
    }
    server
}

async fn sent(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.expect("recording is on");
    requests.iter().map(|request| request.body_json().expect("JSON")).collect()
}

fn taken() -> (u16, Value) {
    (200, json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}))
}

fn failed() -> (u16, Value) {
    (
        200,
        json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException", "ErrorMessage": "later"}]}),
    )
}

fn event() -> DomainEvent {
    DomainEvent::AccountNeedsUser {
        account: sample::account(1),
        failure_class: FailureClass::UserNeeded,
        suberror: Some("basic_action".to_owned()),
    }
}

async fn publish(server: &MockServer) -> Result<(), PublishError> {
    publisher(server).publish(event()).await
}

fn tasks(number: u32) -> Vec<ShardTask> {
    let task = |number| ShardTask {
        shard: ShardName { generation: 1, number },
        tick: "2126-03-04T00:00:00Z".to_owned(),
        as_of: sample::NOW,
        cursor: None,
        hop: 0,
    };
    (0..number).map(task).collect()
}

fn shards_in(request: &Value) -> Vec<String> {
    let entries = request["Entries"].as_array().expect("entries");
    let detail = |entry: &Value| -> Value {
        assert_eq!(
            (&entry["DetailType"], &entry["Source"]),
            (&json!("SweepShard"), &json!("shared-token-cache"))
        );
        serde_json::from_str(entry["Detail"].as_str().expect("text")).expect("JSON")
    };
    entries.iter().map(|entry| detail(entry)["shard"].as_str().expect("text").to_owned()).collect()
}

fn all_taken(number: usize) -> Value {
    json!({"FailedEntryCount": 0, "Entries": vec![json!({"EventId": "1"}); number]})
}

#[tokio::test]
async fn tasks_go_out_ten_at_a_time() {
    let server = script(&[(200, all_taken(10)), (200, all_taken(10)), (200, all_taken(3))]).await;
    publisher(&server).send(&tasks(23)).await.unwrap();
    let sent: Vec<Vec<String>> = sent(&server).await.iter().map(shards_in).collect();
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [10, 10, 3]);
    let all: Vec<String> = tasks(23).iter().map(|task| task.shard.to_string()).collect();
    assert_eq!(sent.concat(), all);
}

#[tokio::test]
async fn only_the_tasks_that_failed_are_sent_again() {
    let refused = json!({"ErrorCode": "InternalFailure"});
    let taken = json!({"EventId": "1"});
    let partly = json!({"FailedEntryCount": 2, "Entries": [taken, refused, taken, refused]});
    let server = script(&[(200, partly), (200, all_taken(2))]).await;
    publisher(&server).send(&tasks(4)).await.unwrap();
    let requests = sent(&server).await;
    assert_eq!(requests.len(), 2);
    assert_eq!(shards_in(&requests[1]), ["v1#01", "v1#03"]);
}

#[tokio::test]
async fn a_task_that_is_refused_twice_is_an_error() {
    let refused = json!({"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]});
    let server = script(&[(200, refused)]).await;
    let error = publisher(&server).send(&tasks(1)).await.unwrap_err();
    assert!(error.to_string().contains("SweepShard twice (InternalFailure)"), "{error}");
    assert_eq!(sent(&server).await.len(), 2);
}

#[tokio::test]
async fn no_tasks_are_no_request() {
    let server = script(&[(500, json!({}))]).await;
    publisher(&server).send(&[]).await.unwrap();
    assert!(sent(&server).await.is_empty());
}

#[tokio::test]
async fn each_event_goes_out_with_its_name_and_detail() {
    let account = sample::account(1);
    for (event, name, detail) in [
        (
            event(),
            "AccountNeedsUser",
            json!({"account": account.to_string(), "failureClass": "user_needed", "suberror": "basic_action"}),
        ),
        (
            DomainEvent::ProfileChanged {
                account,
                changed_fields: vec!["city".to_owned()],
                idempotency_key: "turn-1".to_owned(),
            },
            "ProfileChanged",
            json!({"account": account.to_string(), "changedFields": ["city"], "idempotencyKey": "turn-1"}),
        ),
        (
            DomainEvent::SweepCompleted {
                outcomes: BTreeMap::from([(TurnOutcome::Acted, 3), (TurnOutcome::NeedsUser, 1)]),
                stopped_early: false,
            },
            "SweepCompleted",
            json!({"outcomes": {"acted": 3, "needs_user": 1}, "stoppedEarly": false}),
        ),
    ] {
        let server = script(&[taken()]).await;
        publisher(&server).publish(event).await.unwrap();
        let requests = sent(&server).await;
        assert_eq!(requests.len(), 1);
        let entry = &requests[0]["Entries"][0];
        assert_eq!(entry["EventBusName"], "lakeside-bus");
        assert_eq!(entry["Source"], events::SOURCE);
        assert_eq!(entry["DetailType"], name);
        assert_eq!(entry["Time"].as_i64(), Some(sample::NOW.unix_timestamp()));
        let sent_detail: Value = serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap();
        assert_eq!(sent_detail, detail);
    }
}

#[tokio::test]
async fn an_entry_that_failed_inside_a_good_answer_is_sent_once_more() {
    let server = script(&[failed(), taken()]).await;
    publish(&server).await.unwrap();
    let requests = sent(&server).await;
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0], requests[1]);
}

#[tokio::test]
async fn an_entry_that_failed_twice_is_an_error_with_its_code() {
    let server = script(&[failed()]).await;
    let error = publish(&server).await.unwrap_err();
    assert!(
        error.to_string().contains("AccountNeedsUser") && error.to_string().contains("ThrottlingException"),
        "{error}"
    );
    assert_eq!(sent(&server).await.len(), 2);
}

#[tokio::test]
async fn a_refused_request_is_an_error_with_its_cause() {
    let server =
        script(&[(400, json!({"__type": "ResourceNotFoundException", "message": "no such bus"}))]).await;
    let error = publish(&server).await.unwrap_err();
    assert!(error.source().is_some(), "{error:?}");
    assert_eq!(sent(&server).await.len(), 1);
}

#[tokio::test]
async fn an_answer_without_a_result_for_the_entry_is_no_success() {
    for body in [
        json!({}),
        json!({"FailedEntryCount": 0, "Entries": []}),
        json!({"FailedEntryCount": 0, "Entries": [{"EventId": "1"}, {"EventId": "2"}]}),
        json!({"FailedEntryCount": 0, "Entries": [{}]}),
        json!({"FailedEntryCount": 1, "Entries": [{"EventId": "1"}]}),
    ] {
        let server = script(&[(200, body.clone())]).await;
        assert!(publish(&server).await.is_err(), "{body}");
    }
}
