//! Publishing on an EventBridge bus.

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use domain::event::DomainEvent;
use domain::ports::{Clock, EventPublisher, PublishError, ShardTaskQueue};
use domain::shard_task::ShardTask;
use std::sync::Arc;

/// The most entries of one request (<https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>). Ours
/// are far too small to reach the limit of its size.
const MOST_ENTRIES: usize = 10;

/// How often an entry is sent that EventBridge refuses.
const ATTEMPTS: u32 = 2;

/// After so many requests in a row that failed as a whole the bus counts as down, and the rest is not tried.
const REQUESTS_IN_A_ROW: u32 = 2;

/// What became of a request's entries.
enum ChunkError {
    /// Some are refused, the others are taken.
    Entries(PublishError),
    /// Nobody knows of any.
    Request(PublishError),
}

/// Puts events and tasks on one bus.
///
/// The SDK's client retries failed requests by its own settings; entries that fail inside a good answer are sent once
/// more, without the others. Subscribers may thus see an event twice, as EventBridge delivers at least once anyway.
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

    pub(crate) fn entry(
        &self,
        name: &str,
        detail: &impl serde::Serialize,
    ) -> Result<PutEventsRequestEntry, PublishError> {
        let detail = serde_json::to_string(detail).map_err(|error| PublishError {
            reason: format!("{name} does not fit into JSON"),
            source: Some(Box::new(error)),
        })?;
        Ok(PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus_name)
            .source(crate::SOURCE)
            .detail_type(name)
            .detail(detail)
            .time(DateTime::from_secs(self.clock.now().unix_timestamp()))
            .build())
    }

    /// All of them, as few requests as can be. Those that are refused do not hold up the others; two requests in a row that
    /// fail as a whole do.
    pub(crate) async fn put(&self, entries: Vec<PutEventsRequestEntry>) -> Result<(), PublishError> {
        let mut first_error = None;
        let mut failed_in_a_row = 0;
        for chunk in entries.chunks(MOST_ENTRIES) {
            let result = self.put_chunk(chunk).await;
            failed_in_a_row =
                if matches!(result, Err(ChunkError::Request(_))) { failed_in_a_row + 1 } else { 0 };
            if let Err(ChunkError::Entries(error) | ChunkError::Request(error)) = result {
                first_error.get_or_insert(error);
            }
            if failed_in_a_row == REQUESTS_IN_A_ROW {
                break;
            }
        }
        first_error.map_or(Ok(()), Err)
    }

    async fn put_chunk(&self, chunk: &[PutEventsRequestEntry]) -> Result<(), ChunkError> {
        let mut left = chunk.to_vec();
        let mut attempt = 1;
        loop {
            let refused = self.put_once(&left).await.map_err(ChunkError::Request)?;
            let Some((first, code)) = refused.first() else { return Ok(()) };
            if attempt == ATTEMPTS {
                let name = first.detail_type().unwrap_or_default();
                return Err(ChunkError::Entries(PublishError {
                    reason: format!("EventBridge refused {name} twice ({code})"),
                    source: None,
                }));
            }
            attempt += 1;
            left = refused.into_iter().map(|(entry, _)| entry).collect();
        }
    }

    /// One request. What comes back are the entries that failed inside a good answer, each with its code.
    async fn put_once(
        &self,
        entries: &[PutEventsRequestEntry],
    ) -> Result<Vec<(PutEventsRequestEntry, String)>, PublishError> {
        let request = self.client.put_events().set_entries(Some(entries.to_vec()));
        let answer = request.send().await.map_err(|error| PublishError {
            reason: "EventBridge did not take the request".to_owned(),
            source: Some(Box::new(error)),
        })?;
        let results = answer.entries.unwrap_or_default();
        if results.len() != entries.len() {
            return Err(PublishError {
                reason: format!(
                    "expected the results of {} entries from EventBridge, got {}",
                    entries.len(),
                    results.len()
                ),
                source: None,
            });
        }
        let refused: Vec<_> = entries
            .iter()
            .zip(&results)
            .filter(|(_, result)| result.event_id.is_none())
            .map(|(entry, result)| (entry.clone(), code(result)))
            .collect();
        if answer.failed_entry_count > 0 && refused.is_empty() {
            return Err(PublishError {
                reason: "EventBridge counts failed entries and names none".to_owned(),
                source: None,
            });
        }
        Ok(refused)
    }
}

fn code(result: &PutEventsResultEntry) -> String {
    result.error_code().unwrap_or("no code given").to_owned()
}

#[async_trait]
impl EventPublisher for EventBridgePublisher {
    async fn publish(&self, event: DomainEvent) -> Result<(), PublishError> {
        self.put(vec![self.entry(event.name(), &event)?]).await
    }
}

#[async_trait]
impl ShardTaskQueue for EventBridgePublisher {
    async fn send(&self, tasks: &[ShardTask]) -> Result<(), PublishError> {
        let entries: Result<Vec<_>, _> =
            tasks.iter().map(|task| self.entry(crate::SWEEP_SHARD, task)).collect();
        self.put(entries?).await
    }
}
