//! Publishing on an EventBridge bus.

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use domain::event::DomainEvent;
use domain::ports::{Clock, EventPublisher, PublishError};
use std::sync::Arc;

/// Puts each event on one bus (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>).
///
/// The SDK's client retries failed requests by its own settings; an entry that fails inside a good answer is sent once
/// more. Subscribers may thus see an event twice, as EventBridge delivers at least once anyway.
pub struct EventBridgePublisher {
    client: Client,
    bus_name: String,
    clock: Arc<dyn Clock>,
}

impl EventBridgePublisher {
    /// Rules match on [`crate::SOURCE`] and on the event's name.
    pub fn new(client: Client, bus_name: String, clock: Arc<dyn Clock>) -> Self {
        Self { client, bus_name, clock }
    }

    /// One request with one entry. `Ok(Some(…))` is an entry that failed inside a good answer.
    async fn put(&self, entry: PutEventsRequestEntry) -> Result<Option<PutEventsResultEntry>, PublishError> {
        let answer = self.client.put_events().entries(entry).send().await.map_err(|error| PublishError {
            reason: "EventBridge did not take the request".to_owned(),
            source: Some(Box::new(error)),
        })?;
        let mut results = answer.entries.unwrap_or_default().into_iter();
        match (results.next(), results.next()) {
            (Some(entry), None) if answer.failed_entry_count == 0 && entry.event_id.is_some() => Ok(None),
            (Some(entry), None) => Ok(Some(entry)),
            _ => Err(PublishError {
                reason: "expected the result of one entry from EventBridge, got another number of them"
                    .to_owned(),
                source: None,
            }),
        }
    }
}

#[async_trait]
impl EventPublisher for EventBridgePublisher {
    async fn publish(&self, event: DomainEvent) -> Result<(), PublishError> {
        let detail = serde_json::to_string(&event).map_err(|error| PublishError {
            reason: format!("{} does not fit into JSON", event.name()),
            source: Some(Box::new(error)),
        })?;
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus_name)
            .source(crate::SOURCE)
            .detail_type(event.name())
            .detail(detail)
            .time(DateTime::from_secs(self.clock.now().unix_timestamp()))
            .build();
        if self.put(entry.clone()).await?.is_none() {
            return Ok(());
        }
        match self.put(entry).await? {
            None => Ok(()),
            Some(failed) => Err(PublishError {
                reason: format!(
                    "EventBridge refused {} twice ({})",
                    event.name(),
                    failed.error_code().unwrap_or("no code given")
                ),
                source: None,
            }),
        }
    }
}
