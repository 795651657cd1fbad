//! From event to use case to summary.

use crate::event::{SweepEvent, UnknownEvent};
use crate::log::LogTurns;
use crate::summary::Summary;
use domain::error::StoreError;
use domain::services::Services;
use domain::sweep_accounts::{TurnObserver, Worker, sweep_accounts, sweep_one};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

/// Why an invocation failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum SweepFailure {
    #[error(transparent)]
    UnknownEvent(#[from] UnknownEvent),
    #[error("the accounts that are due could not all be read")]
    Store(#[from] StoreError),
}

/// Stable names, so that alarms and dead-letter queues can tell failures apart.
impl From<SweepFailure> for Diagnostic {
    fn from(failure: SweepFailure) -> Self {
        let error_type = match &failure {
            SweepFailure::UnknownEvent(_) => "UnknownEvent",
            SweepFailure::Store(_) => "StoreFailure",
        };
        Self { error_type: error_type.to_owned(), error_message: failure.to_string() }
    }
}

/// Handles one invocation of the Lambda.
pub async fn handle(services: &Services, event: LambdaEvent<Value>) -> Result<Summary, SweepFailure> {
    let now = services.clock.now();
    let deadline = known(event.context.deadline().into(), now);
    let worker = Worker {
        // Local hosts repeat request ids, and a lease must have one owner.
        id: format!("{}/{}", event.context.request_id, uuid::Uuid::new_v4()),
        stop_at: stop_at(deadline, now),
        deadline,
    };
    let summary =
        sweep(services, &worker, &event.payload, &LogTurns { pseudonyms: &services.settings.pseudonyms })
            .await;
    wiring::telemetry::log_counts(&services.counters);
    match &summary {
        Ok(summary) => summary.log(),
        Err(error) => {
            tracing::error!(event = "sweep.failed", error = %error, source = ?std::error::Error::source(error));
        }
    }
    summary
}

/// Does what the event asks for, as `worker`; the observer hears of every turn as it ends.
pub async fn sweep(
    services: &Services,
    worker: &Worker,
    event: &Value,
    observer: &dyn TurnObserver,
) -> Result<Summary, SweepFailure> {
    match SweepEvent::parse(event)? {
        SweepEvent::Tick => Ok(sweep_accounts(services, worker, observer).await?.into()),
        SweepEvent::OneAccount(target) => {
            let turns = sweep_one(services, worker, &target).await?;
            for turn in &turns {
                observer.turn_ended(turn);
            }
            Ok(turns.into())
        }
    }
}

/// The longest that a turn under way may take after no new one is begun.
const TURN_TIME: Duration = Duration::seconds(15);

/// `None` for a deadline in the past, which is what local hosts give for "unknown".
fn known(deadline: OffsetDateTime, now: OffsetDateTime) -> Option<OffsetDateTime> {
    (deadline > now).then_some(deadline)
}

/// When to begin no more turns.
fn stop_at(deadline: Option<OffsetDateTime>, now: OffsetDateTime) -> Option<OffsetDateTime> {
    deadline.map(|deadline| deadline - TURN_TIME.min((deadline - now) / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_in_the_past_means_unknown() {
        let now = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        assert_eq!(known(OffsetDateTime::UNIX_EPOCH + Duration::minutes(10), now), None);
        assert_eq!(stop_at(None, now), None);
    }

    #[test]
    fn turns_under_way_get_time_to_end() {
        let now = OffsetDateTime::UNIX_EPOCH;
        let stop = |left| stop_at(known(now + left, now), now);
        assert_eq!(stop(Duration::minutes(15)), Some(now + Duration::minutes(15) - TURN_TIME));
        assert_eq!(stop(Duration::seconds(10)), Some(now + Duration::seconds(5)));
    }
}
