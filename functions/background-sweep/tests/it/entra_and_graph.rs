//! Entra or Graph fails for one of four users: theirs is the failure, the others have their turns, and all recovers.

use crate::lab::{Lab, issued, profile};
use crate::server::Reply;
use domain::account::{AccountStatus, FailureClass, TurnOutcome};
use serde_json::json;
use test_support::sample;
use time::Duration;

const USERS: u32 = 4;
const UNLUCKY: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Service {
    Entra,
    Graph,
}

async fn strike(service: Service, fault: Reply, class: FailureClass) {
    let lab = Lab::alone(USERS).await;
    let (clock, struck) = (lab.clock.clone(), fault.clone());
    match service {
        Service::Entra => lab.entra.rule(move |asked| match asked.user() {
            UNLUCKY => struck.clone(),
            _ => issued(asked, &clock),
        }),
        Service::Graph => lab.graph.rule(move |asked| match asked.user() {
            UNLUCKY => struck.clone(),
            user => Reply::Json(200, profile(user)),
        }),
    }
    let first = lab.tick().await.unwrap();
    let context = format!("{service:?} {fault:?}: {first:?}");
    let activity = lab.activity(UNLUCKY).await;
    assert_eq!(activity.status, AccountStatus::Failing, "{context}");
    assert_eq!(activity.failure.as_ref().map(|failure| failure.class), Some(class), "{context}");
    assert!(activity.due_at > Some(lab.services.clock.now()) && activity.lease.is_none(), "{context}");
    let name = lab.services.settings.pseudonyms.of(&sample::account(UNLUCKY));
    let lines = lab.log.take_only("sweep.account");
    let own: Vec<_> = lines.iter().filter(|line| line["account"] == name).collect();
    assert_eq!((own.len(), own[0]["attempt"].as_u64()), (1, Some(1)), "{context}");
    assert!(own[0]["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{context}: {own:?}");
    assert_eq!(own[0]["failure.class"], class.as_str(), "{context}");

    let done = lab.graph_requests();
    let acted = lab.swept(USERS, TurnOutcome::Acted).await;
    if class == FailureClass::Throttled && service == Service::Entra {
        // Entra spoke of the application: the others wait, too, and nobody is parked.
        assert!(!acted.contains(&UNLUCKY), "{context}");
    } else {
        assert_eq!(acted, [1, 3, 4], "{context}");
    }

    let clock = lab.clock.clone();
    lab.entra.rule(move |asked| issued(asked, &clock));
    lab.graph.rule(|asked| Reply::Json(200, profile(asked.user())));
    lab.clock.advance(Duration::minutes(10));
    lab.tick().await.unwrap();
    assert_eq!(lab.swept(USERS, TurnOutcome::Acted).await, [1, 2, 3, 4], "{context}");
    let rest = lab.graph_requests();
    for user in acted {
        assert_eq!(done.get(&user).copied().unwrap_or_default(), 1, "{context}: {done:?}");
        assert_eq!(rest.get(&user), None, "nobody twice: {context}: {rest:?}");
    }
    assert_eq!(lab.activity(UNLUCKY).await.failure, None, "{context}");
}

#[tokio::test]
async fn entra_fails_for_one_user() {
    for fault in [
        Reply::Json(500, json!({ "error": "server_error" })),
        Reply::Text(503, "<html>Our services aren't available right now</html>"),
        Reply::Text(200, "<html>Sign in to this network</html>"),
        Reply::Json(200, json!({ "token_type": "Bearer" })),
        Reply::Json(200, json!([])),
        Reply::Text(200, ""),
        Reply::HangUp,
        Reply::BreakOff,
    ] {
        strike(Service::Entra, fault, FailureClass::Unavailable).await;
    }
}

#[tokio::test]
async fn graph_fails_for_one_user() {
    for fault in [
        Reply::Json(500, json!({ "error": { "code": "generalException" } })),
        Reply::Text(502, "<html>"),
        Reply::Text(200, "<html>Sign in to this network</html>"),
        Reply::Json(200, json!({ "displayName": 7 })),
        Reply::Text(200, ""),
        Reply::HangUp,
        Reply::BreakOff,
    ] {
        strike(Service::Graph, fault, FailureClass::Unavailable).await;
    }
}

#[tokio::test]
async fn entra_and_graph_ask_for_a_pause() {
    strike(Service::Entra, Reply::Later(429, 5), FailureClass::Throttled).await;
    strike(Service::Entra, Reply::Later(429, 300), FailureClass::Throttled).await;
    strike(Service::Graph, Reply::Later(429, 5), FailureClass::Throttled).await;
}
