//! Which events are taken, and what is said of the others.

#![cfg(test)]

use background_sweep::SweepEvent;
use domain::sweep_accounts::AccountTarget;
use serde_json::{Value, json};

#[test]
fn the_schedules_event_sweeps_everything() {
    let event: Value = serde_json::from_str(include_str!("events/scheduled.json")).unwrap();
    assert!(matches!(SweepEvent::parse(&event), Ok(SweepEvent::Tick)));
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
fn anything_else_is_refused_with_what_was_expected_and_without_its_values() {
    for event in [
        json!(null),
        json!([]),
        json!("Scheduled Event"),
        json!({}),
        json!({"account": ""}),
        json!({"account": 5}),
        json!({"detail-type": "Object Created", "account": "123456789012", "detail": {"key": "secret-name"}}),
        json!({"user": "secret-name@lakeside.example"}),
    ] {
        let message = SweepEvent::parse(&event).unwrap_err().to_string();
        assert!(message.contains("Scheduled Event") && message.contains("\"account\""), "{message}");
        assert!(!message.contains("secret-name"), "{message}");
    }
}
