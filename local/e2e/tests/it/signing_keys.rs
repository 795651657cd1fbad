//! Entra changes its signing keys, or cannot be asked for them.

use crate::lab::{ADELE, Answer, BRUNO, Lab};
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::net::TcpListener;
use wiring::Time;

const HOUR: i64 = 3600;

/// How often the key document was asked for, in vain or not.
fn fetches(lab: &Lab) -> u64 {
    lab.emulator().counters().get("keys").map_or(0, |counter| counter.total)
}

/// From now on the key document cannot be had; all else goes on.
fn take_keys_down(lab: &Lab) {
    let change = json!({ "entra": { "fail": { "status": 503 }, "only": ["keys"] } });
    lab.emulator().change_scenarios(&change).unwrap();
}

fn put_keys_up(lab: &Lab) {
    lab.emulator().change_scenarios(&json!({ "entra": { "fail": Value::Null } })).unwrap();
}

/// Another environment of the same deployment, which starts now.
struct Environment {
    url: String,
}

impl Environment {
    async fn start(lab: &Lab) -> Self {
        let time = Time::with_clock(Arc::new(lab.stack.clock().clone()));
        let api = wiring::Api::start(lab.stack.environment(), time).await.unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, profile_api::router(api)).await.unwrap() });
        Self { url }
    }

    async fn profile(&self, lab: &Lab, token: &str) -> Answer {
        let request = lab.visitor.http().request(Method::GET, format!("{}/api/profile", self.url));
        lab.send(request.bearer_auth(token)).await
    }
}

/// The sealed bytes of the one item.
async fn kept(lab: &Lab) -> Vec<u8> {
    let items = lab.kept_keys().await;
    assert_eq!(items.len(), 1);
    items[0]["blob"].as_b().unwrap().clone().into_inner()
}

async fn put_kept(lab: &Lab, blob: Vec<u8>) {
    let mut item = lab.kept_keys().await.remove(0);
    item.insert("blob".to_owned(), AttributeValue::B(Blob::new(blob)));
    lab.put(item).await;
}

#[tokio::test]
async fn keys_are_fetched_at_the_start_and_known_from_then_on() {
    let lab = Lab::start().await;
    assert_eq!((fetches(&lab), lab.kept_keys().await.len()), (1, 1));
    let adele = lab.visit(ADELE).await;
    lab.database.take_counts();
    for _ in 0..10 {
        lab.profile(&adele).await.assert_ok();
    }
    let counts = lab.database.take_counts();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("Query".to_owned(), 10)], "one read of the user's");
    assert_eq!(fetches(&lab), 1);
}

#[tokio::test]
async fn a_new_key_is_fetched_once_and_the_old_one_stays_good() {
    let lab = Lab::start().await;
    let before = lab.visit(ADELE).await;
    let kept_before = kept(&lab).await;

    lab.emulator().rotate_keys(false).unwrap();
    let after = lab.visit(BRUNO).await;
    lab.profile(&after).await.assert_ok();
    lab.profile(&before).await.assert_ok();
    assert_eq!(fetches(&lab), 2);
    assert_ne!(kept(&lab).await, kept_before, "the new key is kept");

    // It serves whoever starts now and cannot ask.
    take_keys_down(&lab);
    Environment::start(&lab).await.profile(&lab, &after.access_token).await.assert_ok();
}

#[tokio::test]
async fn an_environment_that_starts_while_keys_cannot_be_had_serves_with_those_known() {
    let lab = Lab::start().await;
    let adele = lab.visit(ADELE).await;
    take_keys_down(&lab);
    let other = Environment::start(&lab).await;
    assert_eq!(fetches(&lab), 2, "it asked once, in vain");
    lab.database.take_counts();
    for _ in 0..10 {
        other.profile(&lab, &adele.access_token).await.assert_ok();
    }
    assert_eq!(fetches(&lab), 2);
    let counts = lab.database.take_counts();
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [("Query".to_owned(), 10)]);

    // A day later they are too old to be believed.
    lab.pass(24 * HOUR);
    let adele = lab.sign_in(ADELE).await;
    let late = Environment::start(&lab).await;
    for environment in [&other, &late] {
        environment.profile(&lab, &adele.access_token).await.assert_problem(503, "keys_unavailable");
    }
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_our_trouble_and_not_the_tokens() {
    let lab = Lab::start().await;
    let adele = lab.sign_in(ADELE).await;
    take_keys_down(&lab);
    for item in lab.kept_keys().await {
        let delete = lab.client.delete_item().table_name("tokens");
        let delete = delete.key("pk", item["pk"].clone()).key("sk", item["sk"].clone());
        delete.send().await.unwrap();
    }
    let other = Environment::start(&lab).await;
    for _ in 0..5 {
        let refused = other.profile(&lab, &adele.access_token).await;
        refused.assert_problem(503, "keys_unavailable");
        assert_eq!(refused.retry_after(), 1);
    }
    assert!(fetches(&lab) >= 3, "at both starts, and by the first request");
    assert!(lab.items().await.is_empty());

    put_keys_up(&lab);
    lab.pass(1);
    other.profile(&lab, &adele.access_token).await.assert_ok();
    assert_eq!(lab.kept_keys().await.len(), 1);
}

#[tokio::test]
async fn keys_that_somebody_put_into_the_table_are_not_believed() {
    let lab = Lab::start().await;
    let adele = lab.visit(ADELE).await;
    let good = kept(&lab).await;
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    let of_a_user = lab.items_of_kind("TOKENS").await[0]["blob"].as_b().unwrap().clone().into_inner();
    let unsealed = json!({"url": "", "fetched_at": 0, "keys": []}).to_string().into_bytes();
    take_keys_down(&lab);
    for blob in [changed.clone(), of_a_user, unsealed, Vec::new(), good[..good.len() / 2].to_vec()] {
        put_kept(&lab, blob).await;
        let other = Environment::start(&lab).await;
        other.profile(&lab, &adele.access_token).await.assert_problem(503, "keys_unavailable");
    }
    put_kept(&lab, good).await;
    Environment::start(&lab).await.profile(&lab, &adele.access_token).await.assert_ok();

    // What is not right is written anew by whoever can.
    put_kept(&lab, changed.clone()).await;
    put_keys_up(&lab);
    Environment::start(&lab).await;
    assert_ne!(kept(&lab).await, changed);
    take_keys_down(&lab);
    Environment::start(&lab).await.profile(&lab, &adele.access_token).await.assert_ok();
}

#[tokio::test]
async fn keys_of_half_a_day_are_fetched_beside_a_request_that_does_not_need_it() {
    let lab = Lab::start().await;
    lab.pass(12 * HOUR);
    let adele = lab.sign_in(ADELE).await;
    take_keys_down(&lab);
    assert_eq!(fetches(&lab), 1);
    // One try, and every request is served.
    for _ in 0..3 {
        lab.profile(&adele).await.assert_ok();
    }
    assert_eq!(fetches(&lab), 2);
    let kept_before = kept(&lab).await;
    put_keys_up(&lab);
    lab.pass(30);
    for _ in 0..3 {
        lab.profile(&adele).await.assert_ok();
    }
    assert_eq!(fetches(&lab), 3);
    assert_ne!(kept(&lab).await, kept_before);
    // Requests without a token are not worth a fetch.
    lab.pass(12 * HOUR);
    lab.send(lab.request(Method::GET, "/api/health")).await.assert_ok();
    lab.send(lab.request(Method::GET, "/api/profile")).await.assert_problem(401, "missing_token");
    assert_eq!(fetches(&lab), 3);
}
