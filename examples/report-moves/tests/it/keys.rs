//! The idempotency key: one per turn, however often the turn is taken.

use crate::fixture::{Fixture, INTERVAL, in_department, sweep};
use async_trait::async_trait;
use domain::account::TurnOutcome;
use domain::background_job::{BackgroundJob, JobError, JobOutcome, Turn};
use domain::error::{GraphError, StoreError};
use std::sync::{Arc, Mutex};
use test_support::StoreOperation;
use time::Duration;
use wiremock::ResponseTemplate;

/// Passes turns on and keeps their keys.
struct Noting {
    job: Arc<dyn BackgroundJob>,
    keys: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl BackgroundJob for Noting {
    async fn run(&self, turn: &Turn<'_>) -> Result<JobOutcome, JobError> {
        self.keys.lock().unwrap().push(turn.idempotency_key.to_owned());
        self.job.run(turn).await
    }
}

/// The fixture, and the keys of the turns from now on.
async fn noting() -> (Fixture, Arc<Mutex<Vec<String>>>) {
    let mut fixture = Fixture::after_a_first_turn().await;
    let keys = Arc::default();
    let job = Noting { job: fixture.fakes.services.job.clone(), keys: Arc::clone(&keys) };
    fixture.use_job(job);
    (fixture, keys)
}

#[tokio::test]
async fn a_worker_killed_between_telling_and_remembering_repeats_the_move_under_its_key() {
    let fixture = Fixture::after_a_first_turn().await;
    fixture.change(in_department("Procurement"));
    // The receiver takes the move, and the worker is gone before it hears of that.
    fixture.moves.answer_next(ResponseTemplate::new(204).set_delay(std::time::Duration::from_mins(1)));
    let services = fixture.fakes.services.clone();
    let killed = tokio::spawn(async move { sweep(&services, "killed").await });
    fixture.moves.until_asked().await;
    killed.abort();
    assert!(killed.await.unwrap_err().is_cancelled());

    assert_eq!(fixture.sweep().await[0].outcome, TurnOutcome::Skipped, "its lease goes on for a while");
    fixture.fakes.clock.advance(Duration::minutes(3));
    assert_eq!(fixture.sweep().await[0].outcome, TurnOutcome::Acted);
    let told = fixture.moves.told().await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn a_turn_whose_end_could_not_be_recorded_keeps_its_key() {
    let (fixture, keys) = noting().await;
    let error = StoreError::Unavailable { operation: "finish a turn", source: None };
    fixture.fakes.store.fail_next(StoreOperation::FinishTurn, error);
    assert_eq!(fixture.sweep().await[0].outcome, TurnOutcome::RetryLater);
    fixture.fakes.clock.advance(Duration::minutes(3));
    assert_eq!(fixture.sweep().await[0].outcome, TurnOutcome::Unchanged);
    let keys = keys.lock().unwrap().clone();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test]
async fn a_job_that_is_run_again_with_a_renewed_token_sees_the_same_key() {
    let (fixture, keys) = noting().await;
    fixture.fakes.profiles.push(Err(GraphError::Unauthorized { claims: Some("{}".to_owned()) }));
    assert_eq!(fixture.sweep().await[0].outcome, TurnOutcome::Unchanged);
    let keys = keys.lock().unwrap().clone();
    assert_eq!(keys.len(), 2);
    assert_eq!(keys[0], keys[1]);
}

#[tokio::test]
async fn another_turn_has_another_key() {
    let fixture = Fixture::after_a_first_turn().await;
    for department in ["Procurement", "Sales"] {
        fixture.change(in_department(department));
        assert_eq!(fixture.sweep().await[0].outcome, TurnOutcome::Acted);
        fixture.fakes.clock.advance(INTERVAL);
    }
    let told = fixture.moves.told().await;
    assert_eq!(told.len(), 2);
    assert_eq!(told[0].body, told[1].body, "the same property of the same user");
    assert_ne!(told[0].key, told[1].key);
}
