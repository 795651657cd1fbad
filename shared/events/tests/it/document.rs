//! `docs/events.md` shows what the code sends.

use domain::account::{FailureClass, TurnOutcome};
use domain::event::DomainEvent;
use domain::profile::Profile;
use domain::shard_task::ShardTask;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use test_support::sample;
use time::macros::datetime;

const DOCUMENT: &str = include_str!("../../../../docs/events.md");

/// The examples by the name after their fence: `` ```json AccountNeedsUser ``.
fn examples() -> BTreeMap<&'static str, Value> {
    let blocks = DOCUMENT.split("```json ").skip(1);
    blocks
        .map(|block| {
            let (name, rest) = block.split_once('\n').unwrap();
            let json = rest.split_once("```").unwrap().0;
            (name.trim(), serde_json::from_str(json).unwrap())
        })
        .collect()
}

/// The names in the first column of the table under a heading.
fn listed_fields(heading: &str) -> BTreeSet<&'static str> {
    let section = DOCUMENT.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name)
        .collect()
}

fn sent() -> BTreeMap<&'static str, Value> {
    let account = sample::account(1);
    let time = datetime!(2026-11-23 00:00:00 UTC);
    let events = [
        DomainEvent::AccountNeedsUser {
            account,
            failure_class: FailureClass::UserNeeded,
            suberror: Some("basic_action".to_owned()),
        },
        DomainEvent::ProfileChanged {
            account,
            changed_fields: vec!["jobTitle".to_owned(), "city".to_owned()],
            idempotency_key: format!("{account}@{}", time.unix_timestamp()),
        },
        DomainEvent::SweepCompleted {
            outcomes: BTreeMap::from([(TurnOutcome::Acted, 3), (TurnOutcome::NeedsUser, 1)]),
            stopped_early: false,
        },
    ];
    let task = ShardTask {
        shard: "v1#07".parse().unwrap(),
        tick: "2026-11-23T00:00:00Z".to_owned(),
        as_of: time,
        cursor: None,
        hop: 0,
    };
    let mut sent: BTreeMap<_, _> =
        events.iter().map(|event| (event.name(), serde_json::to_value(event).unwrap())).collect();
    sent.insert(events::SWEEP_SHARD, serde_json::to_value(&task).unwrap());
    sent
}

#[test]
fn the_examples_are_what_is_sent() {
    let (examples, sent) = (examples(), sent());
    assert_eq!(examples.keys().collect::<Vec<_>>(), sent.keys().collect::<Vec<_>>());
    for (name, detail) in &sent {
        assert_eq!(&examples[name], detail, "{name}");
    }
}

#[test]
fn the_tables_list_the_fields_that_are_sent() {
    for (name, detail) in sent() {
        let fields: BTreeSet<&str> = detail.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(listed_fields(name), fields, "{name}");
    }
}

#[test]
fn values_with_a_list_of_their_own_are_listed_in_full() {
    let everything = Profile {
        display_name: Some("x".to_owned()),
        given_name: Some("x".to_owned()),
        surname: Some("x".to_owned()),
        user_principal_name: Some("x".to_owned()),
        job_title: Some("x".to_owned()),
        department: Some("x".to_owned()),
        city: Some("x".to_owned()),
        country: Some("x".to_owned()),
        employee_id: Some("x".to_owned()),
    };
    let outcomes = [
        TurnOutcome::Acted,
        TurnOutcome::Unchanged,
        TurnOutcome::Skipped,
        TurnOutcome::Throttled,
        TurnOutcome::RetryLater,
        TurnOutcome::NeedsUser,
        TurnOutcome::MissingTokens,
        TurnOutcome::Ended,
        TurnOutcome::CredentialFault,
    ];
    let list = |names: Vec<&str>| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let fields = list(everything.changed_fields(&Profile::default()));
    let outcomes = list(outcomes.iter().map(|outcome| outcome.as_str()).collect());
    for expected in [fields, outcomes] {
        assert!(DOCUMENT.contains(&expected), "docs/events.md lacks {expected}");
    }
    assert!(DOCUMENT.contains(&format!("`source` is `{}`", events::SOURCE)));
}
