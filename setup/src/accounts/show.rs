//! `accounts show`

use super::list::json_account;
use super::terms::{NOTHING, failure, instant, json_instant, last_turn, name, optional_instant, status};
use super::{CommandError, Deployment, Outcome};
use crate::environment::EnvironmentArguments;
use domain::account::{AccountActivity, FailureClass};
use domain::identity::HomeAccountId;
use serde_json::{Value, json};
use std::process::ExitCode;
use store_dynamodb::operator::{Inspection, Part, Standing};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: EnvironmentArguments,
    /// Home account id (`<object id>.<tenant id>`) or user principal name
    account: String,
    /// Writes JSON
    #[arg(long)]
    json: bool,
}

/// Shows every account of that name.
pub(super) async fn run(arguments: Arguments) -> Outcome {
    let deployment = Deployment::open(&arguments.deployment).await?;
    let pseudonyms = deployment.config.pseudonyms();
    let mut shown = Vec::new();
    for account in deployment.find(&arguments.account).await? {
        let found = deployment.table.inspect(&account).await?;
        if !found.is_empty() {
            shown.push((account, pseudonyms.of(&account), found));
        }
    }
    if shown.is_empty() {
        return Err(CommandError::Unknown(arguments.account));
    }
    if arguments.json {
        let all: Vec<Value> =
            shown.iter().map(|(account, pseudonym, found)| to_json(account, pseudonym, found)).collect();
        anstream::println!("{:#}", Value::from(all));
        return Ok(ExitCode::SUCCESS);
    }
    for (at, (account, pseudonym, found)) in shown.iter().enumerate() {
        if at > 0 {
            anstream::println!();
        }
        for (term, text) in facts(account, pseudonym, found) {
            anstream::println!("{term:<14} {text}");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn facts(account: &HomeAccountId, pseudonym: &str, found: &Inspection) -> Vec<(&'static str, String)> {
    let mut facts = vec![("account", account.to_string()), ("in logs", pseudonym.to_owned())];
    facts.extend(activity_facts(found));
    facts.push((
        "tokens",
        part(&found.tokens, |tokens| {
            let written = optional_instant(tokens.begun_at);
            let until = instant(tokens.expires_at);
            format!(
                "{} bytes, version {}, written {written}, kept until {until}",
                tokens.bytes, tokens.version
            )
        }),
    ));
    facts.push((
        "profile",
        part(&found.profile, |profile| {
            format!("refreshed {}, kept until {}", instant(profile.refreshed_at), instant(profile.expires_at))
        }),
    ));
    facts.push((
        "erased",
        part(&found.tombstone, |tombstone| {
            format!("{}, remembered until {}", instant(tombstone.erased_at), instant(tombstone.expires_at))
        }),
    ));
    facts.push((
        "quarantine",
        part(&found.quarantine, |blob| {
            let (at, until) = (instant(blob.found_at), instant(blob.expires_at));
            let (cause, bytes, version) = (&blob.cause, blob.bytes, blob.version);
            format!("{cause}: {bytes} bytes, version {version}, found {at}, kept until {until}")
        }),
    ));
    if !found.others.is_empty() {
        facts.push(("other items", found.others.join(", ")));
    }
    facts
}

fn activity_facts(found: &Inspection) -> Vec<(&'static str, String)> {
    let (activity, standing) = match &found.activity {
        Part::Absent => return vec![("activity", NOTHING.to_owned())],
        Part::Unreadable { defect } => return vec![("activity", format!("cannot be read: {defect}"))],
        Part::Kept { value, standing } => (value, *standing),
    };
    let mut facts = vec![
        ("name", name(activity).to_owned()),
        ("status", format!("{}{}", status(activity.status), note(standing))),
        ("last activity", instant(activity.last_activity)),
        ("last turn", last_turn(activity.last_sweep.as_ref())),
        ("next turn", optional_instant(activity.due_at)),
    ];
    if let Some(why) = &activity.failure {
        let times = match activity.failure_count {
            0 => String::new(),
            count => format!(", {count} in a row"),
        };
        facts.push(("failure", format!("{}, {}{times}", failure(why), instant(why.at))));
    }
    if let Some(reason) = parked_reason(activity, found) {
        facts.push(("parked for", reason.to_owned()));
    }
    if let Some(lease) = &activity.lease {
        facts.push((
            "in a turn",
            format!("of {}, at the longest until {}", lease.owner, instant(lease.until)),
        ));
    }
    if !activity.unpublished.is_empty() {
        facts.push(("unpublished", format!("{} events", activity.unpublished.len())));
    }
    facts.push(("kept until", instant(activity.expires_at)));
    facts
}

/// What is left of an earlier parking says nothing.
fn parked_reason<'a>(activity: &AccountActivity, found: &'a Inspection) -> Option<&'a str> {
    let by_operator =
        activity.failure.as_ref().is_some_and(|failure| failure.class == FailureClass::ParkedByOperator);
    found.parked_reason.as_deref().filter(|_| by_operator)
}

fn part<T>(part: &Part<T>, describe: impl Fn(&T) -> String) -> String {
    match part {
        Part::Absent => NOTHING.to_owned(),
        Part::Unreadable { defect } => format!("cannot be read: {defect}"),
        Part::Kept { value, standing } => format!("{}{}", describe(value), note(*standing)),
    }
}

fn note(standing: Standing) -> &'static str {
    match standing {
        Standing::Counts => "",
        Standing::Expired => " (past its time, no longer counts)",
        Standing::Erased => " (from before an erasure, does not count)",
    }
}

fn to_json(account: &HomeAccountId, pseudonym: &str, found: &Inspection) -> Value {
    let activity = json_part(&found.activity, |activity| {
        let mut shown = json_account(account, activity);
        shown["parkedFor"] = parked_reason(activity, found).into();
        shown["leaseUntil"] = json_instant(activity.lease.as_ref().map(|lease| lease.until));
        shown["unpublishedEvents"] = activity.unpublished.len().into();
        shown["keptUntil"] = instant(activity.expires_at).into();
        shown
    });
    json!({
        "account": account,
        "inLogs": pseudonym,
        "activity": activity,
        "tokens": json_part(&found.tokens, |tokens| json!({
            "bytes": tokens.bytes,
            "version": tokens.version,
            "writtenAt": json_instant(tokens.begun_at),
            "keptUntil": instant(tokens.expires_at),
        })),
        "profile": json_part(&found.profile, |profile| json!({
            "refreshedAt": instant(profile.refreshed_at),
            "keptUntil": instant(profile.expires_at),
        })),
        "tombstone": json_part(&found.tombstone, |tombstone| json!({
            "erasedAt": instant(tombstone.erased_at),
            "keptUntil": instant(tombstone.expires_at),
        })),
        "quarantine": json_part(&found.quarantine, |blob| json!({
            "cause": blob.cause,
            "bytes": blob.bytes,
            "version": blob.version,
            "foundAt": instant(blob.found_at),
            "keptUntil": instant(blob.expires_at),
        })),
        "otherItems": found.others,
    })
}

/// `null`, an object with a `defect`, or one with what is there and whether it `counts`.
fn json_part<T>(part: &Part<T>, describe: impl Fn(&T) -> Value) -> Value {
    match part {
        Part::Absent => Value::Null,
        Part::Unreadable { defect } => json!({ "defect": defect }),
        Part::Kept { value, standing } => {
            let mut shown = describe(value);
            shown["counts"] = (*standing == Standing::Counts).into();
            shown
        }
    }
}
