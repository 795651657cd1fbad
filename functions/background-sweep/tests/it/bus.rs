//! The bus refuses, fails or says nothing that makes sense: no account is lost by it, and what is told names nobody.

use crate::lab::{Lab, detail, entries, outcomes, taken};
use crate::server::Reply;
use domain::account::TurnOutcome;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use time::Duration;

const DOCUMENT: &str = include_str!("../../../../docs/events.md");

/// The names in the first column of the table under a heading of the document.
fn documented_fields(name: &str) -> BTreeSet<&'static str> {
    let section = DOCUMENT.split(&format!("\n## {name}\n")).nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(name, _)| name).collect()
}

#[tokio::test]
async fn a_tick_that_the_bus_does_not_take_fails_with_the_reason_and_the_next_one_finds_everybody() {
    for fault in [
        Reply::Json(500, json!({ "__type": "InternalFailure" })),
        Reply::Json(400, json!({ "__type": "ResourceNotFoundException" })),
        Reply::Text(200, "<html>"),
        Reply::Json(200, json!({ "FailedEntryCount": 0, "Entries": [] })),
        Reply::HangUp,
        Reply::BreakOff,
    ] {
        let lab = Lab::with_bus(3).await;
        let answer = fault.clone();
        lab.bus.rule(move |_| answer.clone());
        let error = lab.tick().await.unwrap_err();
        assert_eq!(lambda_runtime::Diagnostic::from(error).error_type, "QueueFailure", "{fault:?}");
        assert_eq!(lab.log.take_only("sweep.failed").len(), 1, "{fault:?}");
        assert!(lab.graph.take().is_empty(), "{fault:?}");

        lab.bus.rule(taken);
        lab.clock.advance(Duration::MINUTE);
        let tasks = lab.tasks().await;
        let answer = lab.invoke(json!({ "Records": tasks })).await.unwrap();
        assert_eq!(outcomes(&answer), [("acted", 3)].into(), "{fault:?}");
    }
}

#[tokio::test]
async fn of_tasks_that_are_refused_those_alone_are_sent_again_and_the_others_are_done() {
    let lab = Lab::with_bus(8).await;
    lab.bus.rule(|asked| {
        let refused = |entry: &Value| detail(entry)["shard"] == "v1#02";
        let results: Vec<Value> = entries(asked)
            .iter()
            .map(|entry| {
                if refused(entry) {
                    json!({ "ErrorCode": "ThrottlingException" })
                } else {
                    json!({ "EventId": "1" })
                }
            })
            .collect();
        let failed = results.iter().filter(|result| result["EventId"].is_null()).count();
        Reply::Json(200, json!({ "FailedEntryCount": failed, "Entries": results }))
    });
    lab.tick().await.unwrap_err();
    let sent: Vec<Vec<Value>> = lab
        .bus
        .take()
        .iter()
        .map(|asked| entries(asked).iter().map(|entry| detail(entry)["shard"].clone()).collect())
        .collect();
    assert_eq!(sent, [vec!["v1#00", "v1#01", "v1#02", "v1#03"], vec!["v1#02"]]);
}

#[tokio::test]
async fn what_could_not_be_told_waits_on_the_account_and_is_told_by_its_next_turn() {
    let lab = Lab::with_bus(2).await;
    lab.sweep_by_hand(1).await;
    lab.clock.advance(Duration::hours(2));
    lab.graph.rule(|asked| {
        let mut changed = crate::lab::profile(asked.user());
        changed["city"] = json!("Hilltop");
        Reply::Json(200, changed)
    });
    lab.forget();
    lab.bus.rule(|_| Reply::Json(500, json!({ "__type": "InternalFailure" })));
    lab.sweep_by_hand(1).await;
    assert_eq!(lab.swept(2, TurnOutcome::Acted).await, [1]);
    assert_eq!(lab.activity(1).await.unpublished.len(), 1);
    assert_eq!(lab.log.take_only("event.unpublished")[0]["name"], "ProfileChanged");

    lab.bus.rule(taken);
    lab.bus.take();
    lab.clock.advance(Duration::hours(2));
    lab.sweep_by_hand(1).await;
    assert!(lab.activity(1).await.unpublished.is_empty());
    let told: Vec<Value> = lab.bus.take().iter().flat_map(entries).collect();
    assert_eq!(told.len(), 1);
    assert_eq!(
        (&told[0]["DetailType"], &detail(&told[0])["changedFields"]),
        (&json!("ProfileChanged"), &json!(["city"]))
    );
}

#[tokio::test]
async fn a_whole_run_tells_only_what_is_documented_and_no_name_address_or_token() {
    let lab = Lab::with_bus(12).await;
    let mut all = Vec::new();
    for round in 0..2 {
        if round == 1 {
            let clock = lab.clock.clone();
            lab.entra.rule(move |asked| match asked.user() {
                2 => Reply::Json(
                    400,
                    json!({
                        "error": "invalid_grant", "suberror": "basic_action", "error_codes": [50173],
                        "error_description": "AADSTS50173: user2@lakeside.example",
                    }),
                ),
                _ => crate::lab::issued(asked, &clock),
            });
            lab.graph.rule(|asked| {
                let mut changed = crate::lab::profile(asked.user());
                changed["jobTitle"] = json!("Harbour master");
                Reply::Json(200, changed)
            });
            lab.clock.advance(Duration::hours(2));
        }
        lab.tick().await.unwrap();
        let requests = lab.bus.take();
        assert!(requests.iter().all(|asked| entries(asked).len() <= 10));
        all.extend(requests.iter().flat_map(entries));
        let tasks: Vec<Value> = all
            .iter()
            .filter(|entry| entry["DetailType"] == "SweepShard")
            .map(|entry| crate::lab::message("m", &detail(entry)))
            .collect();
        lab.invoke(json!({ "Records": tasks })).await.unwrap();
        all.extend(lab.bus.take().iter().flat_map(entries));
    }
    let mut names = BTreeSet::new();
    for entry in &all {
        let name = entry["DetailType"].as_str().unwrap();
        names.insert(name.to_owned());
        let fields = documented_fields(name);
        for field in detail(entry).as_object().unwrap().keys() {
            assert!(fields.contains(field.as_str()), "{name} has {field}");
        }
    }
    assert_eq!(
        names.iter().map(String::as_str).collect::<Vec<_>>(),
        ["AccountNeedsUser", "ProfileChanged", "SweepCompleted", "SweepShard"]
    );
    let text = json!(all).to_string();
    for secret in
        ["lakeside.example", "User 1", "Harbour master", "Lakeside", "access-", "refresh-", "AADSTS"]
    {
        assert!(!text.contains(secret), "{secret}");
    }
}
