//! Batches of the queue: what failed is delivered again and that alone; what nobody can do is not.

use crate::lab::{Lab, failures, message, outcomes, task};
use crate::server::{Asked, Reply};
use background_sweep::{Answer, sweep};
use domain::sweep_accounts::{TurnObserver, Worker};
use domain::turn::TurnReport;
use serde_json::{Value, json};
use time::Duration;

fn batch(records: &[Value]) -> Value {
    json!({ "Records": records })
}

fn busy() -> Reply {
    Reply::Json(400, json!({ "__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException" }))
}

/// Whether the due index is read, of this shard.
fn reads(asked: &Asked, shard: &Value) -> bool {
    asked.operation() == "Query" && asked.json()["ExpressionAttributeValues"][":shard"]["S"] == *shard
}

/// The same message under another id.
fn again(message: &Value, id: &str) -> Value {
    let mut again = message.clone();
    again["messageId"] = id.into();
    again
}

#[tokio::test]
async fn an_empty_batch_is_done() {
    let lab = Lab::with_bus(1).await;
    let answer = lab.invoke(batch(&[])).await.unwrap();
    assert_eq!(serde_json::to_value(&answer).unwrap(), json!({ "batchItemFailures": [] }));
    assert!(lab.table.take().is_empty());
}

#[tokio::test]
async fn of_ten_records_the_three_that_are_no_tasks_are_dropped_and_the_rest_is_done() {
    let lab = Lab::with_bus(8).await;
    let mut records = lab.tasks().await;
    for place in 0..3 {
        records.push(again(&records[place], &format!("again-{place}")));
    }
    records.insert(0, json!({ "messageId": "no json", "body": "{" }));
    let event = json!({ "detail-type": "ProfileChanged", "detail": task(&records[1]) });
    records.insert(4, json!({ "messageId": "no task", "body": event.to_string() }));
    records.push(json!({ "messageId": "no body" }));
    assert_eq!(records.len(), 10);
    lab.forget();
    let answer = lab.invoke(batch(&records)).await.unwrap();
    assert_eq!(failures(&answer), [""; 0]);
    assert_eq!(outcomes(&answer), [("acted", 8)].into());
    assert!(lab.graph_requests().values().all(|requests| *requests == 1), "also of what came twice");
    let dropped = lab.log.take_only("sweep.task_dropped");
    let ids: Vec<&Value> = dropped.iter().map(|line| &line["message"]).collect();
    assert_eq!(ids, ["no json", "no task", "no body"]);
    assert!(
        dropped.iter().all(|line| line["reason"].as_str().unwrap().contains("SweepShard")),
        "{dropped:?}"
    );
}

#[tokio::test]
async fn of_ten_records_exactly_the_three_whose_shard_cannot_be_read_come_again() {
    let lab = Lab::with_bus(8).await;
    let tasks = lab.tasks().await;
    let records: Vec<Value> =
        (0..10).map(|place| again(&tasks[place % 4], &format!("message-{place}"))).collect();
    let unread = task(&tasks[1])["shard"].clone();
    let shard = unread.clone();
    lab.table.rule(move |asked| if reads(asked, &shard) { busy() } else { Reply::PassOn });
    lab.forget();
    let answer = lab.invoke(batch(&records)).await.unwrap();
    assert_eq!(failures(&answer), ["message-1", "message-5", "message-9"]);
    let done = lab.graph_requests();
    let failed = lab.log.take_only("sweep.task_failed");
    assert_eq!(failed.len(), 3);
    assert!(failed.iter().all(|line| line["shard"] == unread && line["error"] != Value::Null), "{failed:?}");

    lab.table.rule(|_| Reply::PassOn);
    let answer =
        lab.invoke(batch(&[records[1].clone(), records[5].clone(), records[9].clone()])).await.unwrap();
    assert_eq!(failures(&answer), [""; 0]);
    let rest = lab.graph_requests();
    assert_eq!(done.len() + rest.len(), 8, "{done:?} {rest:?}");
    assert!(done.values().chain(rest.values()).all(|requests| *requests == 1), "{done:?} {rest:?}");
}

#[tokio::test]
async fn two_records_under_one_id_that_fail_are_one_failure() {
    let lab = Lab::with_bus(1).await;
    let tasks = lab.tasks().await;
    lab.table.rule(|asked| if asked.operation() == "Query" { busy() } else { Reply::PassOn });
    let answer = lab.invoke(batch(&[tasks[0].clone(), tasks[0].clone()])).await.unwrap();
    assert_eq!(failures(&answer), ["message-0"]);
}

#[tokio::test]
async fn tasks_that_nobody_can_do_are_answered_as_done_with_the_reason_and_claim_nobody() {
    let lab = Lab::with_bus(4).await;
    let good = task(&lab.tasks().await[0]);
    let with = |changes: &[(&str, Value)]| {
        let mut task = good.clone();
        for (name, value) in changes {
            task[*name] = value.clone();
        }
        task
    };
    let as_of = good["asOf"].as_i64().unwrap();
    let other = lab.services.store.due_cursor(
        "v1#03".parse().unwrap(),
        domain::account::DueAccount {
            account: test_support::sample::account(1),
            due_at: test_support::sample::NOW,
        },
    );
    let cases = [
        (with(&[("shard", json!("v7#00"))]), "no such shard"),
        (with(&[("shard", json!("v4294967295#00"))]), "no such shard"),
        (with(&[("shard", json!("v1#04"))]), "no such shard"),
        (with(&[("cursor", json!("nonsense"))]), "cursor"),
        (with(&[("cursor", json!("A".repeat(200_000)))]), "cursor"),
        (with(&[("cursor", json!(other.0))]), "cursor"),
        (with(&[("hop", json!(101))]), "too often"),
        (with(&[("hop", json!(u32::MAX))]), "too often"),
        (with(&[("asOf", json!(as_of - 7 * 86_400))]), "too long ago"),
        (with(&[("asOf", json!(as_of + 7 * 86_400))]), "too long ago"),
        (with(&[("hop", json!(-1))]), "another shape"),
        (with(&[("asOf", json!(i64::MAX))]), "another shape"),
        (with(&[("shard", json!("7"))]), "another shape"),
        (json!(null), "another shape"),
    ];
    for (task, reason) in cases {
        lab.forget();
        let answer = lab.invoke(batch(&[message("bad", &task)])).await.unwrap();
        assert_eq!(failures(&answer), [""; 0], "{task}");
        let dropped = lab.log.take_only("sweep.task_dropped");
        assert!(dropped[0]["reason"].as_str().unwrap().contains(reason), "{task}: {dropped:?}");
        let writes = lab.table.take().iter().filter(|asked| asked.operation() != "Query").count();
        assert_eq!((writes, lab.bus.take().len()), (0, 0), "{task}");
    }
    lab.clock.advance(Duration::MINUTE);
    let next = lab.tasks().await;
    let answer = lab.invoke(batch(&next)).await.unwrap();
    assert_eq!(outcomes(&answer), [("acted", 4)].into(), "the next tick finds everybody");
}

struct Nobody;

impl TurnObserver for Nobody {
    fn turn_ended(&self, _: &TurnReport) {}
}

#[tokio::test]
async fn records_for_which_there_is_no_time_come_again_untouched() {
    let lab = Lab::with_bus(4).await;
    let tasks = lab.tasks().await;
    lab.forget();
    let now = lab.services.clock.now();
    let late = Worker { id: "late".to_owned(), stop_at: Some(now), deadline: Some(now + Duration::SECOND) };
    let answer: Answer = sweep(&lab.services, &late, &batch(&tasks), &Nobody).await.unwrap();
    assert_eq!(failures(&answer), ["message-0", "message-1", "message-2", "message-3"]);
    assert!(lab.table.take().is_empty());
}
