//! Ticks that hand shards to workers through the bus and the queue of the stack, with what can go wrong on the way.

use crate::program::{ADELE, Running, Scratch};
use serde_json::{Value, json};

const BRUNO: &str = "bruno@lakeside.example";
const CHIDI: &str = "chidi@lakeside.example";
const USERS: [&str; 3] = [ADELE, BRUNO, CHIDI];

/// Shards of a local stack.
const SHARDS: u64 = 4;

/// Longer than the idle threshold.
const AWAY: i64 = 90;

/// Longer than a Graph token of the emulator lives.
const DAY_AND_AN_HOUR: i64 = 25 * 3600;

async fn get(stack: &Running, path: &str) -> (u16, Value) {
    let url = format!("{}{path}", stack.addresses.control.as_ref().unwrap());
    let answer = stack.visitor().await.http().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn events(stack: &Running) -> Value {
    let (status, answer) = get(stack, "/events").await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// A stack whose users have gone away.
async fn abandoned(scratch: &Scratch, more: &str) -> Running {
    let stack = Running::start(scratch, &format!("--ephemeral {more}"));
    for user in USERS {
        stack.visit(user).await;
    }
    stack.post("/clock/advance", &json!({ "seconds": AWAY })).await;
    stack
}

/// Puts an event on the bus as somebody else's program would.
async fn put(stack: &Running, source: &str, detail_type: &str, detail: &Value) -> Value {
    let entry = json!({
        "EventBusName": "local", "Source": source, "DetailType": detail_type, "Detail": detail.to_string(),
    });
    let request = stack.visitor().await.http().post(stack.addresses.event_bus.as_ref().unwrap());
    let request =
        request.header("x-amz-target", "AWSEvents.PutEvents").body(json!({ "Entries": [entry] }).to_string());
    let answer: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["FailedEntryCount"], 0, "{answer}");
    answer
}

#[tokio::test]
async fn a_tick_hands_its_shards_to_workers() {
    let scratch = Scratch::new();
    let stack = abandoned(&scratch, "").await;
    let summary = stack.post("/sweep", &json!({})).await;
    assert_eq!(
        (&summary["outcomes"], &summary["dispatched"]),
        (&json!({ "acted": 3 }), &json!(SHARDS)),
        "{summary}"
    );
    let seen = events(&stack).await;
    assert_eq!(seen["bus"]["done"], SHARDS, "{seen}");
    assert_eq!((&seen["bus"]["waiting"], &seen["bus"]["hidden"]), (&json!(0), &json!(0)));
    assert_eq!(stack.stop(), Some(0));
}

#[tokio::test]
async fn tasks_that_are_delivered_twice_and_out_of_order_act_once() {
    let scratch = Scratch::new();
    let stack = abandoned(&scratch, "").await;
    stack.post("/bus/faults", &json!({ "deliverTwice": true, "newestFirst": true })).await;
    let summary = stack.post("/sweep", &json!({})).await;
    assert_eq!(summary["outcomes"]["acted"], 3, "{summary}");
    assert_eq!(events(&stack).await["bus"]["done"], 2 * SHARDS);
    for account in stack.accounts().await {
        assert_eq!(account["lastOutcome"], "acted", "{account}");
    }
    assert_eq!(stack.stop(), Some(0));
}

#[tokio::test]
async fn entries_that_the_bus_refuses_are_sent_again() {
    let scratch = Scratch::new();
    let stack = abandoned(&scratch, "").await;
    stack.post("/bus/faults", &json!({ "refuseEvery": 3 })).await;
    let summary = stack.post("/sweep", &json!({})).await;
    assert_eq!(
        (&summary["outcomes"], &summary["dispatched"]),
        (&json!({ "acted": 3 }), &json!(SHARDS)),
        "{summary}"
    );
    let seen = events(&stack).await;
    assert_eq!(seen["bus"]["done"], SHARDS, "each task once: {seen}");
    assert!(seen["bus"]["refused"].as_u64() >= Some(1), "{seen}");
    assert_eq!(stack.stop(), Some(0));
}

#[tokio::test]
async fn a_bus_that_refuses_everything_costs_a_tick_and_nobody_else() {
    let scratch = Scratch::new();
    let stack = abandoned(&scratch, "").await;
    stack.post("/bus/faults", &json!({ "refuseEvery": 1 })).await;
    let url = format!("{}/sweep", stack.addresses.control.as_ref().unwrap());
    let refused = stack.visitor().await.http().post(url).json(&json!({})).send().await.unwrap();
    assert_eq!(refused.status(), 502, "{}", refused.text().await.unwrap());
    assert_eq!(events(&stack).await["bus"]["taken"], 0);

    stack.post("/bus/faults", &json!({})).await;
    let summary = stack.post("/sweep", &json!({})).await;
    assert_eq!(summary["outcomes"], json!({ "acted": 3 }), "the next tick finds them: {summary}");
    assert_eq!(stack.stop(), Some(0));
}

#[tokio::test]
async fn tasks_that_make_no_sense_are_put_out_of_the_way() {
    let scratch = Scratch::new();
    let stack = abandoned(&scratch, "").await;
    let ours = "shared-token-cache";
    for detail in [
        json!({}),
        json!({ "shard": "v9#00", "tick": "t", "asOf": 1 }),
        json!({ "shard": "v1#00", "tick": "t", "asOf": 1, "cursor": "nonsense" }),
    ] {
        put(&stack, ours, "SweepShard", &detail).await;
    }
    // Not ours, so not a task.
    put(&stack, "somebody-else", "SweepShard", &json!({ "shard": "v1#00", "tick": "t", "asOf": 1 })).await;
    let summary = stack.post("/sweep", &json!({})).await;
    assert_eq!(summary["outcomes"], json!({ "acted": 3 }), "{summary}");
    let bus = &events(&stack).await["bus"];
    assert_eq!((&bus["done"], &bus["hidden"]), (&json!(SHARDS + 3), &json!(0)), "none comes again: {bus}");
    assert_eq!(bus["deadLetters"], json!([]));
    assert_eq!(stack.stop(), Some(0));
}

#[tokio::test]
async fn what_happens_to_accounts_is_published_with_their_ids_only() {
    let scratch = Scratch::new();
    let stack = abandoned(&scratch, "").await;
    let revoke = format!("{}/emulator/api/users/{BRUNO}/revoke", stack.addresses.emulator.as_ref().unwrap());
    let answer = stack.visitor().await.http().post(revoke).json(&json!({})).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    // The Graph tokens have expired, so that a refresh is due.
    stack.post("/clock/advance", &json!({ "seconds": DAY_AND_AN_HOUR })).await;
    let summary = stack.post("/sweep", &json!({})).await;
    assert_eq!(summary["outcomes"], json!({ "acted": 2, "needs_user": 1 }), "{summary}");
    put(&stack, "somebody-else", "Greeting", &json!({ "text": "hello" })).await;

    let parked = stack.accounts().await.into_iter().find(|account| account["userPrincipalName"] == BRUNO);
    let seen = events(&stack).await;
    let named = |name: &str| {
        let events = seen["events"].as_array().unwrap().iter();
        events.filter(|event| event["detail-type"] == name).collect::<Vec<_>>()
    };
    let needs_user = named("AccountNeedsUser");
    assert_eq!(needs_user.len(), 1, "{seen}");
    assert_eq!(needs_user[0]["detail"]["account"], parked.unwrap()["account"]);
    assert_eq!(needs_user[0]["detail"]["failureClass"], "user_needed");
    assert_eq!(named("Greeting").len(), 1, "other people's events are there too");
    assert!(!named("SweepCompleted").is_empty());
    assert!(named("SweepShard").is_empty(), "tasks are not for subscribers");
    assert!(!seen["events"].to_string().contains("lakeside.example"), "{seen}");
    assert_eq!(stack.stop(), Some(0));
}

#[tokio::test]
async fn without_a_bus_the_tick_sweeps_by_itself() {
    let scratch = Scratch::new();
    let stack = abandoned(&scratch, "--no-bus").await;
    assert_eq!(stack.addresses.event_bus, None);
    let summary = stack.post("/sweep", &json!({})).await;
    assert_eq!(
        (&summary["outcomes"], &summary["dispatched"]),
        (&json!({ "acted": 3 }), &Value::Null),
        "{summary}"
    );
    let (status, answer) = get(&stack, "/events").await;
    assert_eq!(status, 404);
    assert!(answer["error"].as_str().unwrap().contains("--no-bus"), "{answer}");
    assert_eq!(stack.stop(), Some(0));
}

#[tokio::test]
async fn an_unknown_fault_is_refused_by_name() {
    let scratch = Scratch::new();
    let stack = Running::start(&scratch, "--ephemeral");
    let url = format!("{}/bus/faults", stack.addresses.control.as_ref().unwrap());
    let answer =
        stack.visitor().await.http().post(url).json(&json!({ "deliverThrice": true })).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    assert!(answer.text().await.unwrap().contains("deliverThrice"));
    assert_eq!(stack.stop(), Some(0));
}
