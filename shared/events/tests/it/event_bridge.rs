//! What is put on the bus, and when an event counts as published.

use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::config::retry::RetryConfig;
use aws_sdk_eventbridge::config::timeout::TimeoutConfig;
use aws_sdk_eventbridge::config::{BehaviorVersion, Builder, Config, Credentials, Region};
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
use std::time::Duration;
use test_support::{FixedClock, NobodyThere, sample};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

pub(crate) fn config(url: String) -> Builder {
    Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
}

pub(crate) fn publisher(server: &MockServer) -> EventBridgePublisher {
    EventBridgePublisher::new(
        Client::from_conf(config(server.uri()).build()),
        "lakeside-bus".to_owned(),
        Arc::new(FixedClock::default()),
    )
}

/// Answers each `PutEvents` request in turn; a request too many gets the last answer again.
pub(crate) async fn script(answers: &[(u16, Value)]) -> MockServer {
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

pub(crate) async fn sent(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.expect("recording is on");
    requests.iter().map(|request| request.body_json().expect("JSON")).collect()
}

pub(crate) fn taken() -> (u16, Value) {
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

/// A bus for which a script tells what becomes of the entries of each request, by shard.
async fn deciding(refuses: fn(&str) -> bool) -> MockServer {
    let server = MockServer::start().await;
    let answer = move |request: &wiremock::Request| {
        let shards = shards_in(&request.body_json().expect("JSON"));
        let entries: Vec<Value> = shards
            .iter()
            .map(|shard| {
                if refuses(shard) { json!({"ErrorCode": "InternalFailure"}) } else { json!({"EventId": "1"}) }
            })
            .collect();
        let failed = shards.iter().filter(|shard| refuses(shard)).count();
        ResponseTemplate::new(200).set_body_json(json!({"FailedEntryCount": failed, "Entries": entries}))
    };
    Mock::given(method("POST")).respond_with(answer).mount(&server).await;
    server
}

#[tokio::test]
async fn entries_that_are_refused_hold_up_no_others() {
    let server = deciding(|shard| ["v1#03", "v1#15"].contains(&shard)).await;
    let error = publisher(&server).send(&tasks(25)).await.unwrap_err();
    assert!(error.to_string().contains("SweepShard twice (InternalFailure)"), "{error}");
    let sent: Vec<Vec<String>> = sent(&server).await.iter().map(shards_in).collect();
    assert_eq!(sent.iter().map(Vec::len).collect::<Vec<_>>(), [10, 1, 10, 1, 5]);
    assert_eq!((&sent[1], &sent[3]), (&vec!["v1#03".to_owned()], &vec!["v1#15".to_owned()]));
}

#[tokio::test]
async fn a_bus_that_refuses_everything_is_asked_twice_for_each() {
    let server = deciding(|_| true).await;
    publisher(&server).send(&tasks(25)).await.unwrap_err();
    let sizes: Vec<usize> = sent(&server).await.iter().map(|request| shards_in(request).len()).collect();
    assert_eq!(sizes, [10, 10, 10, 10, 5, 5]);
}

#[tokio::test]
async fn a_request_that_fails_holds_up_no_others_and_a_bus_that_is_down_is_given_up() {
    let down = (503, json!({}));
    let server = script(&[down.clone(), (200, all_taken(10)), (200, all_taken(5))]).await;
    publisher(&server).send(&tasks(25)).await.unwrap_err();
    let sizes: Vec<usize> = sent(&server).await.iter().map(|request| shards_in(request).len()).collect();
    assert_eq!(sizes, [10, 10, 5]);

    let server = script(&[down]).await;
    publisher(&server).send(&tasks(64)).await.unwrap_err();
    assert_eq!(sent(&server).await.len(), 2);
}

#[tokio::test]
async fn what_is_no_answer_of_a_bus_is_an_error_with_its_cause() {
    for answer in [
        ResponseTemplate::new(200).set_body_string("<html>Sign in to this network</html>"),
        ResponseTemplate::new(200).set_body_json(json!({"FailedEntryCount": "none", "Entries": 7})),
        ResponseTemplate::new(500).set_body_string("no"),
        ResponseTemplate::new(429).set_body_json(json!({"__type": "ThrottlingException"})),
        ResponseTemplate::new(400).set_body_json(json!({"__type": "AccessDeniedException"})),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(answer.clone()).mount(&server).await;
        let error = publish(&server).await.unwrap_err();
        assert!(error.source().is_some(), "{answer:?}: {error:?}");
    }
}

/// A client of this address that gives up after a tenth of a second.
fn impatient(url: String) -> EventBridgePublisher {
    let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_millis(100)).build();
    let config = config(url).timeout_config(timeouts).build();
    EventBridgePublisher::new(Client::from_conf(config), "bus".to_owned(), Arc::new(FixedClock::default()))
}

#[tokio::test]
async fn a_bus_that_does_not_answer_or_hangs_up_is_an_error_with_its_cause() {
    let silent = MockServer::start().await;
    let never = ResponseTemplate::new(200).set_delay(Duration::from_hours(1));
    Mock::given(method("POST")).respond_with(never).mount(&silent).await;
    assert!(impatient(silent.uri()).publish(event()).await.unwrap_err().source().is_some());

    // Accepts, reads, and closes: without a word, and in the middle of one.
    for said in ["", "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"Failed"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 16 * 1024]).await;
                let _ = stream.write_all(said.as_bytes()).await;
            }
        });
        assert!(impatient(url).publish(event()).await.unwrap_err().source().is_some(), "{said}");
    }
    let nobody = NobodyThere::new();
    assert!(impatient(nobody.url.clone()).publish(event()).await.unwrap_err().source().is_some());
}
