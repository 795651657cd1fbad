//! The table throttles or is gone: whom it concerns keeps their place in the index, and the others have their turns.

use crate::lab::{Lab, issued};
use crate::server::{Asked, Reply};
use domain::account::TurnOutcome;
use serde_json::json;
use test_support::sample;
use time::Duration;

const USERS: u32 = 4;
const UNLUCKY: u32 = 2;

fn refused(kind: &str) -> Reply {
    Reply::Json(400, json!({ "__type": format!("com.amazonaws.dynamodb.v20120810#{kind}"), "message": "" }))
}

/// Whether the request writes to the account's activity, in an expression that sets this attribute.
fn sets(asked: &Asked, user: u32, attribute: &str) -> bool {
    asked.operation() == "UpdateItem"
        && asked.body.contains(&sample::account(user).to_string())
        && asked.body.contains(&format!("SET #{attribute} = "))
}

#[tokio::test]
async fn an_index_that_cannot_be_read_fails_the_tick_with_the_reason_and_costs_nobody_their_turn() {
    for kind in ["ProvisionedThroughputExceededException", "ThrottlingException", "ResourceNotFoundException"]
    {
        let lab = Lab::alone(USERS).await;
        lab.table.rule(move |asked| match asked.operation() {
            "Query" => refused(kind),
            _ => Reply::PassOn,
        });
        let error = lab.tick().await.unwrap_err();
        assert_eq!(lambda_runtime::Diagnostic::from(error).error_type, "StoreFailure");
        let failed = lab.log.take_only("sweep.failed");
        assert!(failed[0]["source"].as_str().unwrap().contains("accounts_due"), "{failed:?}");
        assert!(lab.graph.take().is_empty());

        lab.table.rule(|_| Reply::PassOn);
        lab.clock.advance(Duration::MINUTE);
        assert_eq!(lab.tick().await.unwrap(), [("acted", u64::from(USERS))].into());
    }
}

#[tokio::test]
async fn a_claim_that_is_throttled_leaves_the_account_where_it_is() {
    for kind in ["ProvisionedThroughputExceededException", "ThrottlingException"] {
        let lab = Lab::alone(USERS).await;
        let before = lab.activity(UNLUCKY).await;
        lab.table.rule(
            move |asked| if sets(asked, UNLUCKY, "lease_owner") { refused(kind) } else { Reply::PassOn },
        );
        assert_eq!(lab.tick().await.unwrap(), [("acted", 3), ("retry_later", 1)].into());
        assert_eq!(lab.activity(UNLUCKY).await, before);
        let lines = lab.log.take_only("sweep.account");
        let told = lines.iter().find(|line| line["outcome"] == "retry_later").unwrap();
        assert!(told["reason"].as_str().unwrap().contains("claim"), "{told}");
        assert_eq!(lab.graph_requests(), [(1, 1), (3, 1), (4, 1)].into());

        lab.table.rule(|_| Reply::PassOn);
        lab.clock.advance(Duration::MINUTE);
        assert_eq!(lab.tick().await.unwrap(), [("acted", 1)].into());
        assert_eq!(lab.graph_requests(), [(UNLUCKY, 1)].into());
    }
}

#[tokio::test]
async fn a_turn_that_cannot_be_recorded_is_repeated_after_its_lease_and_nobody_elses_is() {
    let lab = Lab::alone(USERS).await;
    lab.table.rule(|asked| {
        if sets(asked, UNLUCKY, "status") { refused("ThrottlingException") } else { Reply::PassOn }
    });
    assert_eq!(lab.tick().await.unwrap(), [("acted", 3), ("retry_later", 1)].into());
    let before = lab.activity(UNLUCKY).await;
    assert!(before.lease.is_some() && before.due_at.is_some());
    lab.table.rule(|_| Reply::PassOn);
    lab.clock.advance(Duration::MINUTE);
    assert_eq!(lab.tick().await.unwrap(), [("skipped", 1)].into(), "somebody may still be at it");
    lab.clock.advance(Duration::minutes(2));
    let outcomes = lab.tick().await.unwrap();
    assert_eq!(outcomes.values().sum::<u64>(), 1, "{outcomes:?}");
    let requests = lab.graph.take();
    let ids = |user: u32| {
        let of_user = requests.iter().filter(|asked| asked.user() == user);
        of_user.map(|asked| asked.header("client-request-id").unwrap()).collect::<Vec<_>>()
    };
    assert_eq!([1, UNLUCKY, 3, 4].map(|user| ids(user).len()), [1, 2, 1, 1]);
    assert_eq!(ids(UNLUCKY)[0], ids(UNLUCKY)[1], "one turn, as its key tells");
    assert!(lab.activity(UNLUCKY).await.lease.is_none());
}

#[tokio::test]
async fn a_brake_that_cannot_be_read_or_written_loses_nobody() {
    let lab = Lab::alone(USERS).await;
    lab.table.rule(|asked| match asked.operation() {
        "GetItem" if asked.body.contains("BRAKE#") => refused("ThrottlingException"),
        _ => Reply::PassOn,
    });
    assert_eq!(lab.tick().await.unwrap(), [("acted", u64::from(USERS))].into());
    assert!(!lab.log.take_only("brake.unread").is_empty());

    let lab = Lab::alone(USERS).await;
    lab.table.rule(|asked| match asked.operation() {
        "PutItem" if asked.body.contains("blocked_until") => refused("ThrottlingException"),
        _ => Reply::PassOn,
    });
    lab.entra.rule(|_| Reply::Later(429, 300));
    let outcomes = lab.tick().await.unwrap();
    assert_eq!(outcomes, [("throttled", u64::from(USERS))].into());
    assert!(!lab.log.take_only("brake.unwritten").is_empty());
    let clock = lab.clock.clone();
    lab.entra.rule(move |asked| issued(asked, &clock));
    lab.clock.advance(Duration::minutes(20));
    lab.tick().await.unwrap();
    assert_eq!(lab.swept(USERS, TurnOutcome::Acted).await, [1, 2, 3, 4]);
}

#[tokio::test]
async fn a_table_that_is_gone_is_named() {
    let lab = Lab::alone(1).await;
    lab.table.rule(|_| refused("ResourceNotFoundException"));
    lab.tick().await.unwrap_err();
    let failed = lab.log.take_only("sweep.failed");
    let source = failed[0]["source"].as_str().unwrap();
    assert!(source.contains("accounts") && source.contains("create-table"), "{source}");
}
