//! From event to use case to answer.

use crate::event::{QueueRecord, SweepEvent, UnknownEvent};
use crate::log::LogTurns;
use crate::measure::measure;
use crate::summary::{Answer, BatchAnswer, DryRunSummary, Summary};
use domain::error::StoreError;
use domain::ports::PublishError;
use domain::services::Services;
use domain::sweep_accounts::{
    SweepError, TaskReport, TurnObserver, Worker, dry_run, sweep_one, sweep_shard, sweep_tick,
};
use lambda_runtime::{Diagnostic, LambdaEvent, service_fn};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

/// Why an invocation failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum SweepFailure {
    #[error(transparent)]
    UnknownEvent(#[from] UnknownEvent),
    #[error("the accounts that are due could not all be read")]
    Store(#[from] StoreError),
    #[error("tasks could not be handed to the queue")]
    Queue(#[from] PublishError),
}

impl From<SweepError> for SweepFailure {
    fn from(error: SweepError) -> Self {
        match error {
            SweepError::Store(error) => Self::Store(error),
            SweepError::Publish(error) => Self::Queue(error),
        }
    }
}

/// Stable names, so that alarms and dead-letter queues can tell failures apart.
impl From<SweepFailure> for Diagnostic {
    fn from(failure: SweepFailure) -> Self {
        let error_type = match &failure {
            SweepFailure::UnknownEvent(_) => "UnknownEvent",
            SweepFailure::Store(_) => "StoreFailure",
            SweepFailure::Queue(_) => "QueueFailure",
        };
        Self { error_type: error_type.to_owned(), error_message: failure.to_string() }
    }
}

/// Runs the Lambda with these services: one event after another, or several at once where the host does so.
pub async fn run(services: Services) -> Result<(), lambda_runtime::Error> {
    lambda_runtime::run_concurrent(service_fn(move |event: LambdaEvent<Value>| {
        let services = services.clone();
        async move { handle(&services, event).await }
    }))
    .await
}

/// Handles one invocation of the Lambda.
pub async fn handle(services: &Services, event: LambdaEvent<Value>) -> Result<Answer, SweepFailure> {
    let now = services.clock.now();
    let deadline = known(event.context.deadline().into(), now);
    let worker = Worker {
        // Local hosts repeat request ids, and a lease must have one owner.
        id: format!("{}/{}", event.context.request_id, uuid::Uuid::new_v4()),
        stop_at: stop_at(deadline, now),
        deadline,
    };
    let observer = LogTurns { pseudonyms: &services.settings.pseudonyms };
    let answer = sweep(services, &worker, &event.payload, &observer).await;
    match &answer {
        Ok(answer) => {
            answer.log();
            measure(&services.metrics, answer, services.clock.now() - now);
        }
        Err(error) => {
            tracing::error!(event = "sweep.failed", error = %error, source = ?std::error::Error::source(error));
        }
    }
    services.metrics.publish();
    answer
}

/// Does what the event asks for, as `worker`; the observer hears of every turn as it ends.
pub async fn sweep(
    services: &Services,
    worker: &Worker,
    event: &Value,
    observer: &dyn TurnObserver,
) -> Result<Answer, SweepFailure> {
    Ok(match SweepEvent::parse(event)? {
        SweepEvent::Tick { time } => {
            Answer::Summary(sweep_tick(services, worker, &time, observer).await?.into())
        }
        SweepEvent::Batch(records) => Answer::Batch(batch(services, worker, records, observer).await),
        SweepEvent::DryRun => Answer::DryRun(DryRunSummary::from(dry_run(services).await?)),
        SweepEvent::OneAccount(target) => {
            let turns = sweep_one(services, worker, &target).await?;
            if turns.is_empty() {
                tracing::warn!(event = "sweep.unknown_account");
            }
            for turn in &turns {
                observer.turn_ended(turn);
            }
            Answer::Summary(turns.into())
        }
    })
}

/// One record after the other. Those that failed are delivered again, and they alone
/// (<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>); what nobody can do is not.
async fn batch(
    services: &Services,
    worker: &Worker,
    records: Vec<QueueRecord>,
    observer: &dyn TurnObserver,
) -> BatchAnswer {
    let mut answer = BatchAnswer::default();
    for record in records {
        let task = match record.task {
            Ok(task) => task,
            Err(error) => {
                tracing::error!(event = "sweep.task_dropped", message = record.message_id, reason = %error);
                continue;
            }
        };
        if worker.stop_at.is_some_and(|at| services.clock.now() >= at) {
            // Not begun: whoever gets it next has time for it.
            answer.fail(record.message_id);
            continue;
        }
        let span = tracing::info_span!("task", shard = %task.shard, tick = task.tick, hop = task.hop);
        let swept = sweep_shard(services, worker, &task, observer);
        match tracing::Instrument::instrument(swept, span).await {
            Ok(TaskReport::Swept { report, handed_on }) => {
                let summary = Summary::from(report);
                summary.log_task(&task, handed_on);
                answer.add(summary);
            }
            Ok(TaskReport::Dropped(why)) => {
                tracing::error!(event = "sweep.task_dropped", shard = %task.shard, reason = %why);
            }
            Err(error) => {
                tracing::error!(
                    event = "sweep.task_failed",
                    shard = %task.shard,
                    error = %error,
                    source = ?std::error::Error::source(&error)
                );
                answer.fail(record.message_id);
            }
        }
    }
    answer
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
