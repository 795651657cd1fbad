//! What an operator's check asks of the bus.

use crate::event_bridge::EventBridgePublisher;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::ProvideErrorMetadata as _;
use domain::ports::PublishError;

/// EventBridge's `detail-type` of an event that only shows that one can be sent.
const PROBE: &str = "Probe";

/// Why the bus was not found.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error("there is no bus {bus:?} in this account and region")]
    NotThere { bus: String },
    /// To whoever asks. The functions do not ask this.
    #[error("events:DescribeEventBus is not allowed")]
    NotAllowed,
    #[error("EventBridge did not tell ({code})")]
    Unknown {
        /// EventBridge's own word, or what stands in for an answer.
        code: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The ARN of the bus of this name. Needs `events:DescribeEventBus`, which the functions do not.
pub async fn find_bus(client: &Client, bus: &str) -> Result<String, BusError> {
    match client.describe_event_bus().name(bus).send().await {
        Ok(answer) => Ok(answer.arn.unwrap_or_default()),
        Err(error) => Err(match error.code() {
            Some("ResourceNotFoundException") => BusError::NotThere { bus: bus.to_owned() },
            Some("AccessDeniedException") => BusError::NotAllowed,
            code => {
                BusError::Unknown { code: code.unwrap_or("no answer").to_owned(), source: Box::new(error) }
            }
        }),
    }
}

impl EventBridgePublisher {
    /// Puts one event `Probe` without content on the bus, as all other events are.
    pub async fn send_probe(&self) -> Result<(), PublishError> {
        self.put(vec![self.entry(PROBE, &serde_json::Map::new())?]).await
    }
}
