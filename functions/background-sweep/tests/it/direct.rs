//! Direct invocations: one account, and the dry run.

use crate::lab::{Lab, outcomes};
use crate::server::Reply;
use serde_json::json;
use test_support::sample;

#[tokio::test]
async fn an_account_that_is_unknown_or_no_account_at_all_gives_no_turn_and_says_so() {
    let lab = Lab::alone(1).await;
    for account in [
        sample::account(9).to_string(),
        "nobody@lakeside.example".to_owned(),
        "0b1e0000.7e4a0000".to_owned(),
        "ACCOUNT#*".to_owned(),
        "x".repeat(5_000),
    ] {
        let answer = lab.invoke(json!({ "account": account })).await.unwrap();
        assert!(outcomes(&answer).is_empty());
        let lines = lab.log.take();
        assert_eq!(lines.iter().filter(|line| line["event"] == "sweep.unknown_account").count(), 1);
        let start: String = account.chars().take(20).collect();
        assert!(!json!(lines).to_string().contains(&start), "whoever it was is not in the log");
    }
    let operations: Vec<String> = lab.table.take().iter().map(|asked| asked.operation().to_owned()).collect();
    assert!(operations.iter().all(|operation| operation == "Query"), "{operations:?}");
}

#[tokio::test]
async fn a_parked_account_is_reported_with_its_reason_and_left_alone() {
    let lab = Lab::alone(1).await;
    lab.entra.rule(|_| {
        Reply::Json(
            400,
            json!({ "error": "invalid_grant", "suberror": "basic_action", "error_codes": [50173],
            "error_description": "AADSTS50173: revoked" }),
        )
    });
    assert_eq!(lab.tick().await.unwrap(), [("needs_user", 1)].into());
    lab.forget();
    let answer = lab.invoke(json!({ "account": sample::account(1).to_string() })).await.unwrap();
    let answer = serde_json::to_value(&answer).unwrap();
    let turn = &answer["turns"][0];
    assert_eq!((&turn["outcome"], &turn["failureClass"]), (&json!("needs_user"), &json!("user_needed")));
    assert_eq!((&turn["code"], &turn["suberror"]), (&json!("AADSTS50173"), &json!("basic_action")));
    assert!(lab.entra.take().is_empty() && lab.graph.take().is_empty());
    assert!(lab.table.take().iter().all(|asked| asked.operation() == "Query"), "nothing is written");
}

#[tokio::test]
async fn a_dry_run_tells_what_is_due_and_does_nothing() {
    let lab = Lab::with_bus(7).await;
    let answer = lab.invoke(json!({ "dryRun": true })).await.unwrap();
    let answer = serde_json::to_value(&answer).unwrap();
    assert_eq!(answer["due"], 7, "{answer}");
    let operations: Vec<String> = lab.table.take().iter().map(|asked| asked.operation().to_owned()).collect();
    assert_eq!(operations, ["Query"; 4], "one read of each shard");
    for server in [&lab.entra, &lab.graph, &lab.bus] {
        assert!(server.take().is_empty());
    }
    let told = lab.log.take_only("sweep.dry_run");
    assert_eq!((told.len(), &told[0]["due"]), (1, &json!(7)));
}
