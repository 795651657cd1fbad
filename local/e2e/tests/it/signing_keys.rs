//! Entra changes its signing keys.

use crate::lab::{ADELE, BRUNO, Lab};

fn fetches(lab: &Lab) -> u64 {
    lab.emulator().counters().get("keys").map_or(0, |counter| counter.total)
}

#[tokio::test]
async fn a_new_key_is_fetched_once_and_the_old_one_stays_good() {
    let lab = Lab::start().await;
    let before = lab.visit(ADELE).await;
    lab.profile(&before).await.assert_ok();
    assert_eq!(fetches(&lab), 1, "keys are fetched once and kept");

    lab.emulator().rotate_keys(false).unwrap();
    let after = lab.visit(BRUNO).await;
    lab.profile(&after).await.assert_ok();
    lab.profile(&before).await.assert_ok();
    assert_eq!(fetches(&lab), 2);
}

#[tokio::test]
async fn keys_that_cannot_be_had_are_our_trouble_and_not_the_tokens() {
    let lab = Lab::start().await;
    let adele = lab.sign_in(ADELE).await;
    let change = serde_json::json!({ "entra": { "fail": { "status": 503 }, "only": ["keys"] } });
    lab.emulator().change_scenarios(&change).unwrap();
    lab.profile(&adele).await.assert_problem(503, "keys_unavailable");
    assert!(lab.items().await.is_empty());
}
