//! The background sweep as a Lambda host calls it.

use crate::clock::OffsetClock;
use background_sweep::{Answer, Summary, SweepFailure, handle, sweep};
use domain::ports::Clock as _;
use domain::services::Services;
use domain::sweep_accounts::{TurnObserver, Worker};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// The function's time limit in `template.yaml`, in milliseconds.
const TIME_LIMIT_MS: u64 = 300_000;

/// Invokes the function, one event at a time or several at once.
#[derive(Clone)]
pub struct Sweeper {
    services: Services,
    clock: OffsetClock,
}

impl Sweeper {
    /// A function with these services, whose time limit is counted on this clock.
    pub fn new(services: Services, clock: OffsetClock) -> Self {
        Self { services, clock }
    }

    pub fn services(&self) -> &Services {
        &self.services
    }

    /// What EventBridge's schedule does.
    pub async fn tick(&self) -> Result<Summary, SweepFailure> {
        Ok(self.invoke(self.scheduled_event()).await?.into_summary())
    }

    /// Invokes the function with this event.
    pub async fn invoke(&self, event: Value) -> Result<Answer, SweepFailure> {
        let mut context = Context::default();
        context.request_id = Uuid::new_v4().to_string();
        let now = u64::try_from(self.clock.now().unix_timestamp()).unwrap_or_default();
        context.deadline = now * 1_000 + TIME_LIMIT_MS;
        handle(&self.services, LambdaEvent::new(event, context)).await
    }

    /// Does what the event asks for without a time limit, here and not by workers elsewhere, while `observer` hears of
    /// each turn.
    pub async fn watched(&self, event: &Value, observer: &dyn TurnObserver) -> Result<Answer, SweepFailure> {
        let services = Services { queue: None, ..self.services.clone() };
        let worker = Worker { id: format!("local/{}", Uuid::new_v4()), stop_at: None, deadline: None };
        sweep(&services, &worker, event, observer).await
    }

    /// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-run-lambda-schedule.html>
    pub(crate) fn scheduled_event(&self) -> Value {
        json!({
            "version": "0",
            "id": Uuid::new_v4(),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "123456789012",
            "time": self.clock.now().format(&Rfc3339).unwrap_or_default(),
            "region": "us-east-1",
            "resources": ["arn:aws:events:us-east-1:123456789012:rule/background-sweep"],
            "detail": {},
        })
    }
}
