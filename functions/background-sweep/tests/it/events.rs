//! Which events are taken, and what is said of the others.

use background_sweep::SweepEvent;
use domain::sweep_accounts::AccountTarget;
use serde_json::{Value, json};

#[test]
fn the_schedules_event_sweeps_everything() {
    let event: Value = serde_json::from_str(include_str!("events/scheduled.json")).unwrap();
    assert!(matches!(SweepEvent::parse(&event), Ok(SweepEvent::Tick { time }) if time == event["time"]));
}

#[test]
fn one_account_is_named_by_id_or_by_sign_in_name() {
    let id = "aaaabbbb-0000-4000-8000-000000000001.aaaabbbb-0000-4000-8000-000000000002";
    let parsed = SweepEvent::parse(&json!({ "account": id }));
    assert!(
        matches!(parsed, Ok(SweepEvent::OneAccount(AccountTarget::Id(account))) if account.to_string() == id)
    );
    let parsed = SweepEvent::parse(&json!({"account": " Ana@Lakeside.Example "}));
    let Ok(SweepEvent::OneAccount(AccountTarget::Name(name))) = parsed else { panic!("{parsed:?}") };
    assert_eq!(name.as_str(), "ana@lakeside.example");
}

#[test]
fn a_batch_of_the_queue_brings_tasks_and_says_what_is_none() {
    let body = |event: &Value| json!({ "messageId": "m", "body": event.to_string() });
    let task = json!({ "shard": "v1#07", "tick": "2026-11-23T00:00:00Z", "asOf": 1_795_392_000 });
    let event = json!({ "detail-type": "SweepShard", "source": "shared-token-cache", "detail": task });
    let parsed = SweepEvent::parse(&json!({ "Records": [
        body(&event),
        { "messageId": "not json", "body": "{" },
        { "messageId": "no body" },
        { "messageId": "no text", "body": { "shard": "v1#07" } },
        body(&json!({ "detail-type": "ProfileChanged", "detail": task })),
        body(&json!({ "detail-type": "SweepShard" })),
        body(&json!({ "detail-type": "SweepShard", "detail": { "shard": "7" } })),
    ] }));
    let Ok(SweepEvent::Batch(records)) = parsed else { panic!("{parsed:?}") };
    let [good, bad @ ..] = &records[..] else { panic!("{records:?}") };
    assert_eq!(good.task.as_ref().unwrap().shard.to_string(), "v1#07");
    assert_eq!(bad.len(), 6);
    for record in bad {
        assert!(record.task.as_ref().unwrap_err().to_string().contains("SweepShard"));
    }
}

#[test]
fn a_dry_run_is_asked_for_by_name() {
    assert!(matches!(SweepEvent::parse(&json!({ "dryRun": true })), Ok(SweepEvent::DryRun)));
}

#[test]
fn anything_else_is_refused_with_what_was_expected_and_without_its_values() {
    for event in [
        json!(null),
        json!([]),
        json!("Scheduled Event"),
        json!({}),
        json!({"account": ""}),
        json!({"account": 5}),
        json!({"dryRun": "secret-name"}),
        json!({"dryRun": false}),
        json!({"Records": "secret-name"}),
        json!({"Records": [{"body": "{}"}]}),
        json!({"Records": [{"messageId": 5, "body": "{}"}]}),
        json!({"detail-type": "Scheduled Event"}),
        json!({"detail-type": "Scheduled Event", "time": 5}),
        json!({"detail-type": "Scheduled Event", "time": "secret-name"}),
        json!({"account": "secret-name", "dryRun": true}),
        json!({"account": "secret-name", "extra": 1}),
        json!({"dryRun": true, "shard": "secret-name"}),
        json!({"detail-type": "Object Created", "account": "123456789012", "detail": {"key": "secret-name"}}),
        json!({"user": "secret-name@lakeside.example"}),
    ] {
        let message = SweepEvent::parse(&event).unwrap_err().to_string();
        assert!(message.contains("Scheduled Event") && message.contains("\"account\""), "{message}");
        assert!(!message.contains("secret-name"), "{message}");
    }
}
