//! Users see what is done for them, and end it.

use crate::lab::{ADELE, AWAY, BRUNO, LONG_AWAY, Lab};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_user_the_service_does_not_know_sees_none() {
    let lab = Lab::start().await;
    let adele = lab.sign_in(ADELE).await;
    let access = lab.background_access(&adele).await;
    access.assert_ok();
    assert_eq!(access.body["status"], "none");
    for member in ["lastActivity", "lastSweep", "nextSweep", "failure", "profile"] {
        assert_eq!(access.body[member], json!(null), "{member}");
    }
    assert!(lab.items().await.is_empty(), "looking is not activity");
}

#[tokio::test]
async fn ending_it_erases_everything_and_the_same_token_brings_nothing_back() {
    let lab = Lab::start().await;
    let adele = lab.visit(ADELE).await;
    let bruno = lab.visit(BRUNO).await;
    lab.pass(AWAY);
    lab.sweep().await;
    let answer = lab.call(Method::DELETE, "/api/background-access", &adele.access_token).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    for kind in ["TOKENS", "ACTIVITY", "PROFILE"] {
        assert_eq!(lab.items_of_kind(kind).await.len(), 1, "only the other user's {kind} is left");
    }

    // The page goes on with the token it has: it is served, and nothing is kept.
    lab.profile(&adele).await.assert_ok();
    assert_eq!(lab.background_access(&adele).await.body["status"], "none");
    assert_eq!(lab.items_of_kind("TOKENS").await.len(), 1);
    lab.pass(LONG_AWAY);
    assert_eq!(lab.sweep().await, [("unchanged", 1)].into(), "the other user, and nobody else");

    let again = lab.visit(ADELE).await;
    let access = lab.background_access(&again).await;
    assert_eq!(access.body["status"], "active");
    assert_eq!(access.body["profile"], json!(null), "a clean start");
    lab.pass(AWAY);
    assert_eq!(lab.sweep().await, [("acted", 1), ("unchanged", 1)].into());
    drop(bruno);
}

#[tokio::test]
async fn ending_it_twice_is_the_same_as_once() {
    let lab = Lab::start().await;
    let adele = lab.visit(ADELE).await;
    for _ in 0..2 {
        let answer = lab.call(Method::DELETE, "/api/background-access", &adele.access_token).await;
        assert_eq!(answer.status, 204, "{answer:?}");
    }
}
