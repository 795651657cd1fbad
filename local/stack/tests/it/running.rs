//! Start, stop, restart, and what is in the way of a start.

use crate::program::{ADELE, Running, Scratch, assert_refused, run, words};
use serde_json::json;
use std::net::TcpListener;

/// Longer than a Graph token of the emulator lives.
const DAY_AND_AN_HOUR: i64 = 25 * 3600;

#[tokio::test]
async fn it_tells_where_everything_is_and_stops_cleanly() {
    let scratch = Scratch::new();
    let stack = Running::start(&scratch, "--ephemeral");
    let addresses = stack.addresses.clone();
    for address in
        [&addresses.page, &addresses.api, &format!("{}/emulator", addresses.emulator.as_ref().unwrap())]
    {
        assert!(address.starts_with("http://localhost:"), "{address}");
        assert!(stack.greeting.contains(address.as_str()), "{address} is not in: {}", stack.greeting);
    }
    assert!(stack.greeting.contains(ADELE), "{}", stack.greeting);
    assert!(!stack.greeting.contains('\u{1b}'), "no colours where nobody looks");

    let visitor = stack.visitor().await;
    let health = visitor.http().get(format!("{}/api/health", addresses.api)).send().await.unwrap();
    assert_eq!(health.status(), 200);
    let page = visitor.http().get(&addresses.page).send().await.unwrap();
    assert_eq!(page.status(), 503);
    assert!(page.text().await.unwrap().contains("--no-page"), "the page's address says why there is none");

    // The greeting names the folder that goes with the stack.
    let folder = stack.greeting.split("kept in ").nth(1).unwrap().lines().next().unwrap().to_owned();
    assert!(std::path::Path::new(&folder).exists(), "{folder}");
    assert_eq!(stack.stop(), Some(0));
    assert!(!std::path::Path::new(&folder).exists(), "{folder}");
}

#[tokio::test]
async fn data_survives_a_restart_until_a_reset() {
    let scratch = Scratch::new();
    let stack = Running::start(&scratch, "");
    stack.visit(ADELE).await;
    assert_eq!(stack.stop(), Some(0));

    let stack = Running::start(&scratch, "");
    stack.post("/clock/advance", &json!({ "seconds": DAY_AND_AN_HOUR })).await;
    let summary = stack.post("/sweep", &json!({})).await;
    assert_eq!(summary["outcomes"], json!({ "acted": 1 }), "the refresh token is still good: {summary}");
    assert_eq!(stack.stop(), Some(0));

    let stack = Running::start(&scratch, "--reset");
    assert!(stack.greeting.contains("Removed from"), "{}", stack.greeting);
    for name in ["dynamodb.sqlite", "entra.json", "sealing.key"] {
        assert!(stack.greeting.contains(name), "{name} is not in: {}", stack.greeting);
    }
    assert!(stack.accounts().await.is_empty());
    assert_eq!(stack.stop(), Some(0));
}

#[tokio::test]
async fn a_second_stack_on_the_same_data_is_refused() {
    let scratch = Scratch::new();
    let _first = Running::start(&scratch, "");
    let mut arguments = words("--port-base 0 --no-page");
    arguments.extend(scratch.place());
    assert_refused(&run(&arguments, &[]), &["in use by another `cargo local`", "--data"]);
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = run(&words(&format!("--ephemeral --no-page --port-base {port}")), &[]);
    assert_refused(&output, &[&format!("port {port} is taken"), "the page", "--port-base"]);
}

#[test]
fn settings_that_cannot_be_used_are_all_named() {
    let settings = [("ENTRA_TENANT_ID", "contoso"), ("SWEEP_IDLE_SECONDS", "soon")];
    let output = run(&words("--ephemeral --no-page --port-base 0"), &settings);
    let expected = ["ENTRA_TENANT_ID", "ENTRA_CLIENT_ID", "ENTRA_CLIENT_SECRET", "SWEEP_IDLE_SECONDS"];
    assert_refused(&output, &expected);
}

#[test]
fn a_settings_file_that_is_not_there_is_an_error() {
    let output = run(&words("--ephemeral --no-page --port-base 0 --env-file /nonexistent/.env"), &[]);
    assert_refused(&output, &["/nonexistent/.env"]);
}

#[tokio::test]
async fn the_smoke_test_needs_nothing_and_ignores_settings() {
    let settings =
        [("ENTRA_TENANT_ID", "contoso"), ("TABLE_NAME", "elsewhere"), ("SWEEP_IDLE_SECONDS", "999999")];
    let output = run(&words("--smoke"), &settings);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("needs_user  AADSTS50173"), "{text}");
}

#[tokio::test]
async fn one_account_is_swept_by_hand_and_unknown_events_are_explained() {
    let scratch = Scratch::new();
    let stack = Running::start(&scratch, "--ephemeral");
    stack.visit(ADELE).await;
    // By hand it does not matter that she was here just now.
    let summary = stack.post("/sweep", &json!({ "account": ADELE })).await;
    assert_eq!(summary["turns"][0]["outcome"], "acted", "{summary}");
    assert_eq!(stack.accounts().await[0]["lastOutcome"], "acted");

    let url = format!("{}/sweep", stack.addresses.control.as_ref().unwrap());
    let answer = stack.visitor().await.http().post(&url).json(&json!({ "x": 1 })).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let text = answer.text().await.unwrap();
    assert!(text.contains("Scheduled Event") && text.contains("account"), "{text}");
    let from_a_page =
        stack.visitor().await.http().post(url).header("origin", "https://evil.example").send().await;
    assert_eq!(from_a_page.unwrap().status(), 403);
    assert_eq!(stack.stop(), Some(0));
}
