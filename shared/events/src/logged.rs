//! Events as log lines.

use async_trait::async_trait;
use domain::event::DomainEvent;
use domain::identity::Pseudonyms;
use domain::ports::{EventPublisher, PublishError};
use serde_json::Value;

/// Writes each event as one structured log line, with the account under its pseudonym. For deployments without a bus.
pub struct LoggedEvents {
    pseudonyms: Pseudonyms,
}

impl LoggedEvents {
    pub fn new(pseudonyms: Pseudonyms) -> Self {
        Self { pseudonyms }
    }

    fn detail(&self, event: &DomainEvent) -> Result<Value, serde_json::Error> {
        let mut detail = serde_json::to_value(event)?;
        if let Some(account) = detail.get_mut("account") {
            *account = match serde_json::from_value(account.take()) {
                Ok(account) => Value::String(self.pseudonyms.of(&account)),
                Err(_) => Value::Null,
            };
        }
        Ok(detail)
    }
}

#[async_trait]
impl EventPublisher for LoggedEvents {
    async fn publish(&self, event: DomainEvent) -> Result<(), PublishError> {
        let detail = self.detail(&event).map_err(|error| PublishError {
            reason: format!("{} does not fit into JSON", event.name()),
            source: Some(Box::new(error)),
        })?;
        tracing::info!(event.name = event.name(), event.detail = %detail, "event");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::account::FailureClass;
    use serde_json::json;

    #[test]
    fn the_account_is_logged_under_its_pseudonym_only() {
        let account =
            "1b4c9d2e-3f5a-4b6c-8d7e-9f0a1b2c3d4e.7f3a9c12-4d5e-4b6a-9c8d-0e1f2a3b4c5d".parse().unwrap();
        let pseudonyms = Pseudonyms::new("salt");
        let name = pseudonyms.of(&account);
        let event = DomainEvent::AccountNeedsUser {
            account,
            failure_class: FailureClass::UserNeeded,
            suberror: Some("basic_action".to_owned()),
        };
        assert_eq!(
            LoggedEvents::new(pseudonyms).detail(&event).unwrap(),
            json!({"account": name, "failureClass": "user_needed", "suberror": "basic_action"})
        );
    }

    #[test]
    fn an_event_without_an_account_is_logged_as_it_is() {
        let event =
            DomainEvent::SweepCompleted { outcomes: std::collections::BTreeMap::new(), stopped_early: true };
        assert_eq!(
            LoggedEvents::new(Pseudonyms::new("salt")).detail(&event).unwrap(),
            json!({"outcomes": {}, "stoppedEarly": true})
        );
    }
}
