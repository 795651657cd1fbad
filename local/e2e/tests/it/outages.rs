//! Entra ID, Graph or the table do not answer, or not in a way that can be used. Nothing is lost, and all recovers.

use crate::lab::{ADELE, Item, LONG_AWAY, Lab};
use serde_json::{Value, json};

/// A signed-in user who was never served yet, and one whose tokens are cached.
async fn prepare() -> (Lab, stack::SignedIn, stack::SignedIn, Vec<Item>) {
    let lab = Lab::start().await;
    let cached = lab.visit(ADELE).await;
    let fresh = lab.sign_in(ADELE).await;
    let items = lab.items_of_kind("TOKENS").await;
    (lab, fresh, cached, items)
}

async fn entra_fails(scenario: Value, status: u16, code: &str, retry_after: Option<u64>) {
    let (lab, fresh, cached, before) = prepare().await;
    lab.emulator().change_scenarios(&json!({ "entra": scenario })).unwrap();
    let answer = lab.profile(&fresh).await;
    answer.assert_problem(status, code);
    match retry_after {
        Some(seconds) => assert_eq!(answer.retry_after(), seconds),
        None => assert!(!answer.headers.contains_key("retry-after")),
    }
    lab.profile(&cached).await.assert_ok();
    assert_eq!(lab.items_of_kind("TOKENS").await, before, "the cache is untouched");
    lab.emulator().reset_scenarios();
    // A pause that Entra asked for is kept, in whole seconds.
    lab.pass(retry_after.map_or(0, |seconds| seconds.cast_signed() + 1));
    lab.profile(&fresh).await.assert_ok();
}

async fn graph_fails(scenario: Value, status: u16, code: &str, retry_after: Option<u64>) {
    let (lab, fresh, cached, before) = prepare().await;
    lab.emulator().change_scenarios(&json!({ "graph": scenario })).unwrap();
    let answer = lab.profile(&cached).await;
    answer.assert_problem(status, code);
    match retry_after {
        Some(seconds) => assert_eq!(answer.retry_after(), seconds),
        None => assert!(!answer.headers.contains_key("retry-after")),
    }
    assert_eq!(lab.items_of_kind("TOKENS").await, before, "the cache is untouched");
    lab.profile(&fresh).await.assert_problem(status, code);
    lab.emulator().reset_scenarios();
    lab.take_requests();
    lab.profile(&fresh).await.assert_ok();
    assert_eq!(lab.take_requests(), (0, 1), "the token that was obtained meanwhile was kept");
}

#[tokio::test]
async fn entra_is_down() {
    entra_fails(json!({ "fail": { "status": 500 } }), 503, "entra_unavailable", None).await;
}

#[tokio::test]
async fn entra_is_down_and_says_for_how_long() {
    let scenario = json!({ "fail": { "status": 503, "retryAfterSeconds": 17 } });
    entra_fails(scenario, 503, "entra_unavailable", Some(17)).await;
}

#[tokio::test]
async fn entra_answers_nonsense() {
    entra_fails(json!({ "garbage": {} }), 502, "entra_unavailable", None).await;
}

#[tokio::test]
async fn entra_throttles() {
    entra_fails(json!({ "throttle": { "retryAfterSeconds": 30 } }), 503, "throttled", Some(30)).await;
}

#[tokio::test]
async fn entra_is_slow() {
    entra_fails(json!({ "delayMs": 12_000 }), 504, "entra_unavailable", None).await;
}

#[tokio::test]
async fn graph_is_down() {
    graph_fails(json!({ "fail": { "status": 500 } }), 503, "graph_unavailable", None).await;
}

#[tokio::test]
async fn graph_is_down_and_says_for_how_long() {
    let scenario = json!({ "fail": { "status": 503, "retryAfterSeconds": 17 } });
    graph_fails(scenario, 503, "graph_unavailable", Some(17)).await;
}

#[tokio::test]
async fn graph_answers_nonsense() {
    graph_fails(json!({ "garbage": {} }), 502, "graph_unavailable", None).await;
}

#[tokio::test]
async fn graph_throttles() {
    graph_fails(json!({ "throttle": { "retryAfterSeconds": 30 } }), 503, "throttled", Some(30)).await;
}

#[tokio::test]
async fn graph_is_slow() {
    graph_fails(json!({ "delayMs": 12_000 }), 504, "graph_unavailable", None).await;
}

#[tokio::test]
async fn the_table_is_down() {
    let (lab, fresh, cached, before) = prepare().await;
    lab.database.shut(true);
    for session in [&fresh, &cached] {
        lab.profile(session).await.assert_problem(503, "store_unavailable");
    }
    assert!(lab.stack.sweeper().tick().await.is_err(), "a sweep that cannot read says so");
    lab.database.shut(false);
    assert_eq!(lab.items_of_kind("TOKENS").await, before);
    lab.profile(&cached).await.assert_ok();
    lab.profile(&fresh).await.assert_ok();
}

#[tokio::test]
async fn the_sweep_backs_off_and_comes_back() {
    let lab = Lab::start().await;
    lab.visit(ADELE).await;
    lab.pass(LONG_AWAY);
    lab.emulator().change_scenarios(&json!({ "entra": { "fail": { "status": 500 } } })).unwrap();
    assert_eq!(lab.sweep().await, [("retry_later", 1)].into());
    let failing = lab.account(ADELE).await;
    assert_eq!(failing.status.map(|status| json!(status)), Some(json!("failing")));
    assert!(failing.due_at.is_some());
    assert!(lab.sweep().await.is_empty(), "not before the back-off is over");
    lab.emulator().reset_scenarios();
    lab.pass(60);
    assert_eq!(lab.sweep().await, [("acted", 1)].into());
    assert_eq!(lab.account(ADELE).await.failure_class, None);
}

#[tokio::test]
async fn a_throttled_sweep_waits_as_long_as_it_is_asked_to() {
    let lab = Lab::start().await;
    lab.visit(ADELE).await;
    lab.pass(LONG_AWAY);
    let throttle = json!({ "graph": { "throttle": { "retryAfterSeconds": 600, "count": 1 } } });
    lab.emulator().change_scenarios(&throttle).unwrap();
    assert_eq!(lab.sweep().await, [("throttled", 1)].into());
    lab.pass(599);
    assert!(lab.sweep().await.is_empty());
    lab.pass(600);
    assert_eq!(lab.sweep().await, [("acted", 1)].into());
}
