//! The events that this function takes, and nothing else.

use domain::identity::UserPrincipalName;
use domain::sweep_accounts::AccountTarget;
use serde_json::Value;

/// What an event asks for.
#[derive(Debug, Clone)]
pub enum SweepEvent {
    /// EventBridge's schedule: sweep all that is due.
    Tick,
    /// Direct invocation for one user, `{"account": "<home account id or user principal name>"}`.
    OneAccount(AccountTarget),
}

/// An event that this function does not know. Its values are left out: they may name a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected an EventBridge event with \"detail-type\": \"Scheduled Event\", or {{\"account\": \"<home account id or \
     user principal name>\"}}; got {got}"
)]
pub struct UnknownEvent {
    got: String,
}

impl SweepEvent {
    pub fn parse(event: &Value) -> Result<Self, UnknownEvent> {
        let unknown = |got: String| Err(UnknownEvent { got });
        let Some(fields) = event.as_object() else {
            return unknown("something that is not a JSON object".to_owned());
        };
        if let Some(account) = fields.get("account") {
            // EventBridge's own events carry the AWS account id here, beside their `detail-type`.
            if !fields.contains_key("detail-type") {
                return match account.as_str().map(str::trim) {
                    Some(text) if !text.is_empty() => Ok(Self::OneAccount(target(text))),
                    _ => unknown("an \"account\" that is not a text".to_owned()),
                };
            }
        }
        match fields.get("detail-type").and_then(Value::as_str) {
            Some("Scheduled Event") => Ok(Self::Tick),
            Some(_) => unknown("an EventBridge event of another detail-type".to_owned()),
            None => unknown(format!("an object with the {} fields {:?}", fields.len(), first_names(fields))),
        }
    }
}

fn target(text: &str) -> AccountTarget {
    text.parse().map_or_else(|_| AccountTarget::Name(UserPrincipalName::new(text)), AccountTarget::Id)
}

fn first_names(fields: &serde_json::Map<String, Value>) -> Vec<String> {
    fields.keys().take(5).map(|name| name.chars().take(40).collect()).collect()
}
