//! The events that this function takes, and nothing else.

use domain::identity::UserPrincipalName;
use domain::shard_task::ShardTask;
use domain::sweep_accounts::AccountTarget;
use serde::Deserialize as _;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use wiring::SWEEP_SHARD;

/// What an event asks for.
#[derive(Debug, Clone)]
pub enum SweepEvent {
    /// EventBridge's schedule: sweep all that is due. Its time names it, also when it is delivered again.
    Tick { time: String },
    /// A batch of the queue.
    Batch(Vec<QueueRecord>),
    /// Direct invocation, `{"dryRun": true}`: tell what would be done.
    DryRun,
    /// Direct invocation for one user, `{"account": "<home account id or user principal name>"}`.
    OneAccount(AccountTarget),
}

/// A message of the queue: its id, and the task in it or why there is none.
#[derive(Debug, Clone)]
pub struct QueueRecord {
    pub message_id: String,
    pub task: Result<ShardTask, UnreadableTask>,
}

/// A message without a task. Its content is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an EventBridge event \"SweepShard\" with a shard, a tick and a time, as JSON text; got {0}"
)]
pub struct UnreadableTask(&'static str);

/// An event that this function does not know. Its values are left out: they may name a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an EventBridge event with \"detail-type\": \"Scheduled Event\", a batch of SQS messages, {{\"dryRun\": \
     true}}, or {{\"account\": \"<home account id or user principal name>\"}}; got {got}"
)]
pub struct UnknownEvent {
    got: String,
}

impl SweepEvent {
    pub fn parse(event: &Value) -> Result<Self, UnknownEvent> {
        let unknown = |got: String| Err(UnknownEvent { got });
        let alone = |fields: &serde_json::Map<String, Value>| fields.len() == 1;
        let Some(fields) = event.as_object() else {
            return unknown("something that is not a JSON object".to_owned());
        };
        if let Some(account) = fields.get("account") {
            // EventBridge's own events carry the AWS account id here, beside their `detail-type`.
            if !fields.contains_key("detail-type") {
                // A dry run of one account would act for it.
                if !alone(fields) {
                    return unknown("an \"account\" among other fields".to_owned());
                }
                return match account.as_str().map(str::trim) {
                    Some(text) if !text.is_empty() => Ok(Self::OneAccount(target(text))),
                    _ => unknown("an \"account\" that is not a text".to_owned()),
                };
            }
        }
        if let Some(records) = fields.get("Records") {
            return match records.as_array().map(|records| records.iter().map(QueueRecord::parse).collect()) {
                Some(Some(records)) => Ok(Self::Batch(records)),
                _ => unknown("\"Records\" that are not SQS messages".to_owned()),
            };
        }
        if let Some(dry_run) = fields.get("dryRun") {
            return match dry_run {
                Value::Bool(true) if alone(fields) => Ok(Self::DryRun),
                Value::Bool(true) => unknown("a \"dryRun\" among other fields".to_owned()),
                _ => unknown("a \"dryRun\" that is not true".to_owned()),
            };
        }
        match fields.get("detail-type").and_then(Value::as_str) {
            Some("Scheduled Event") => match fields.get("time").and_then(Value::as_str) {
                Some(time) if is_time(time) => Ok(Self::Tick { time: time.to_owned() }),
                _ => unknown("a scheduled event without a \"time\" as in RFC 3339".to_owned()),
            },
            Some(_) => unknown("an EventBridge event of another detail-type".to_owned()),
            None => unknown(format!("an object with the {} fields {:?}", fields.len(), first_names(fields))),
        }
    }
}

impl QueueRecord {
    /// `None` for what is no message of SQS: without an id nobody could say that it alone failed.
    fn parse(record: &Value) -> Option<Self> {
        let text = |name: &str| record.get(name).and_then(Value::as_str);
        let message_id = text("messageId")?.to_owned();
        Some(Self { message_id, task: text("body").ok_or(UnreadableTask("no text")).and_then(task) })
    }
}

fn is_time(text: &str) -> bool {
    OffsetDateTime::parse(text, &Rfc3339).is_ok()
}

fn task(body: &str) -> Result<ShardTask, UnreadableTask> {
    let event: Value = serde_json::from_str(body).map_err(|_| UnreadableTask("no JSON"))?;
    if event.get("detail-type").and_then(Value::as_str) != Some(SWEEP_SHARD) {
        return Err(UnreadableTask("an event of another detail-type"));
    }
    let detail = event.get("detail").ok_or(UnreadableTask("an event without detail"))?;
    ShardTask::deserialize(detail).map_err(|_| UnreadableTask("a detail of another shape"))
}

fn target(text: &str) -> AccountTarget {
    text.parse().map_or_else(|_| AccountTarget::Name(UserPrincipalName::new(text)), AccountTarget::Id)
}

fn first_names(fields: &serde_json::Map<String, Value>) -> Vec<String> {
    fields.keys().take(5).map(|name| name.chars().take(40).collect()).collect()
}
