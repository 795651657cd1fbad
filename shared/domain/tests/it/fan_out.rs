//! The sweep in tasks: one per shard, handed on when the time is over, harmless when delivered twice.

use crate::fixture::{Fixture, Turns};
use domain::account::TurnOutcome;
use domain::error::StoreError;
use domain::ports::AccountStore as _;
use domain::services::Services;
use domain::shard::{ShardName, Shards};
use domain::shard_task::{MOST_HOPS, ShardTask};
use domain::sweep_accounts::{
    DroppedTask, SweepError, SweepReport, TaskReport, TickReport, Worker, dry_run, sweep_shard, sweep_tick,
};
use std::num::NonZeroU32;
use std::sync::Arc;
use test_support::{RecordingQueue, StoreOperation, sample};
use time::Duration;

/// Users who were here and went away, and a queue.
async fn away(users: u32) -> (Fixture, Services, Arc<RecordingQueue>) {
    let fixture = Fixture::new();
    for number in 1..=users {
        fixture.visit(number).await;
    }
    fixture.go_away();
    let queue = Arc::new(RecordingQueue::default());
    let services = Services { queue: Some(queue.clone()), ..fixture.services.clone() };
    (fixture, services, queue)
}

async fn tick(services: &Services, tick: &str) -> TickReport {
    sweep_tick(services, &Fixture::worker(), tick, &Turns::default()).await.unwrap()
}

async fn work(services: &Services, worker: &Worker, task: &ShardTask) -> Result<TaskReport, SweepError> {
    sweep_shard(services, worker, task, &Turns::default()).await
}

async fn swept(services: &Services, worker: &Worker, task: &ShardTask) -> (SweepReport, bool) {
    match work(services, worker, task).await.unwrap() {
        TaskReport::Swept { report, handed_on } => (report, handed_on),
        TaskReport::Dropped(why) => panic!("{why}"),
    }
}

#[tokio::test]
async fn a_tick_makes_a_task_of_each_shard_and_sweeps_nothing_itself() {
    let (fixture, services, queue) = away(20).await;
    let report = tick(&services, "one").await;
    assert!(matches!(report, TickReport::Dispatched { tasks: 4, .. }), "{report:?}");
    let tasks = queue.take();
    let names: Vec<String> = tasks.iter().map(|task| task.shard.to_string()).collect();
    assert_eq!(names, ["v1#00", "v1#01", "v1#02", "v1#03"]);
    assert_eq!(fixture.profiles.calls().len(), 20, "the visits");

    let mut acted = 0;
    for task in &tasks {
        acted += swept(&services, &Fixture::worker(), task).await.0.of(TurnOutcome::Acted);
    }
    assert_eq!(acted, 20);
    // Delivered again.
    for task in &tasks {
        assert!(swept(&services, &Fixture::worker(), task).await.0.outcomes.is_empty());
    }
}

#[tokio::test]
async fn a_tick_delivered_twice_is_one() {
    let (_, services, queue) = away(1).await;
    tick(&services, "one").await;
    assert_eq!(queue.take().len(), 4);
    assert!(matches!(tick(&services, "one").await, TickReport::Repeated));
    assert!(queue.take().is_empty());
    tick(&services, "two").await;
    assert_eq!(queue.take().len(), 4);
}

#[tokio::test]
async fn without_a_queue_the_tick_sweeps_all_shards_once() {
    let (fixture, _, _) = away(20).await;
    let report = tick(&fixture.services, "one").await;
    let TickReport::Swept(report) = report else { panic!("{report:?}") };
    assert_eq!(report.of(TurnOutcome::Acted), 20);
    assert_eq!(report.lag, Duration::SECOND);
    assert!(matches!(tick(&fixture.services, "one").await, TickReport::Repeated));
}

#[tokio::test]
async fn what_there_is_no_time_for_is_handed_on_behind_the_last_account_that_was_begun() {
    let (fixture, mut services, queue) = away(60).await;
    let mut settings = (*services.settings).clone();
    settings.sweep.concurrency = 1;
    settings.sweep.shards = Shards::first(NonZeroU32::new(4).unwrap());
    services.settings = Arc::new(settings);
    // Each read of a profile takes a second.
    let clock = fixture.clock.clone();
    fixture.profiles.respond_with(move |_| {
        clock.advance(Duration::SECOND);
        Ok(sample::fetched_profile(1))
    });
    tick(&services, "one").await;
    let mut waiting = queue.take();
    let (mut acted, mut hops) = (0, 0);
    while let Some(task) = waiting.pop() {
        let stop_at = Some(fixture.now() + Duration::seconds(3));
        let worker = Worker { id: format!("worker {hops}"), stop_at, deadline: None };
        let (report, handed_on) = swept(&services, &worker, &task).await;
        assert!(report.of(TurnOutcome::Acted) <= 4);
        acted += report.of(TurnOutcome::Acted);
        let rest = queue.take();
        assert_eq!(rest.len(), usize::from(handed_on));
        for next in &rest {
            assert_eq!((next.shard, next.hop, &next.tick), (task.shard, task.hop + 1, &task.tick));
            hops += 1;
        }
        waiting.extend(rest);
    }
    assert_eq!(acted, 60);
    assert!(hops >= 12, "{hops}");
}

#[tokio::test]
async fn a_task_whose_time_is_over_before_its_first_account_is_handed_on_as_it_was() {
    let (fixture, services, queue) = away(20).await;
    tick(&services, "one").await;
    let late = Worker { stop_at: Some(fixture.now()), ..Fixture::worker() };
    let mut acted = 0;
    for task in queue.take() {
        let (report, handed_on) = swept(&services, &late, &task).await;
        assert!(handed_on && report.outcomes.is_empty() && report.stopped_early);
        let rest = queue.take().remove(0);
        assert_eq!(rest, ShardTask { hop: 1, ..task });

        // Where it began behind a cursor, it goes on there.
        let page = fixture.store.accounts_due(rest.shard, fixture.now(), 1, None).await.unwrap();
        let behind_first = ShardTask { cursor: page.next.map(|cursor| cursor.0), ..rest.clone() };
        assert!(swept(&services, &late, &behind_first).await.1);
        assert_eq!(queue.take(), [ShardTask { hop: 2, ..behind_first }]);
        acted += swept(&services, &Fixture::worker(), &rest).await.0.of(TurnOutcome::Acted);
    }
    assert_eq!(acted, 20);
}

#[tokio::test]
async fn a_task_that_nobody_can_do_is_dropped_with_the_reason() {
    let (fixture, services, queue) = away(1).await;
    tick(&services, "one").await;
    let good = queue.take().remove(0);
    let unknown = ShardName { generation: 7, number: 0 };
    let late = good.as_of - Duration::hours(2);
    let early = good.as_of + Duration::hours(2);
    for (task, why) in [
        (ShardTask { shard: unknown, ..good.clone() }, DroppedTask::UnknownShard),
        (ShardTask { as_of: late, ..good.clone() }, DroppedTask::Outdated),
        (ShardTask { as_of: early, ..good.clone() }, DroppedTask::Outdated),
        (ShardTask { cursor: Some("nonsense".to_owned()), ..good.clone() }, DroppedTask::SenselessCursor),
        (ShardTask { hop: MOST_HOPS + 1, ..good.clone() }, DroppedTask::TooManyHops),
    ] {
        let report = work(&services, &Fixture::worker(), &task).await.unwrap();
        assert!(matches!(report, TaskReport::Dropped(dropped) if dropped == why), "{report:?}");
    }
    assert_eq!(fixture.store.calls(StoreOperation::Claim), 0);
}

#[tokio::test]
async fn a_task_whose_shard_cannot_be_read_or_handed_on_is_done_again() {
    let (fixture, services, queue) = away(20).await;
    tick(&services, "one").await;
    let task = queue.take().remove(0);
    let busy = StoreError::Unavailable { operation: "accounts_due", source: None };
    fixture.store.fail_next(StoreOperation::AccountsDue, busy);
    assert!(work(&services, &Fixture::worker(), &task).await.is_err());

    queue.fail(true);
    let mut settings = (*services.settings).clone();
    settings.sweep.concurrency = 1;
    let clock = fixture.clock.clone();
    fixture.profiles.respond_with(move |_| {
        clock.advance(Duration::SECOND);
        Ok(sample::fetched_profile(1))
    });
    let services = Services { settings: Arc::new(settings), ..services };
    let hurried = Worker { stop_at: Some(fixture.now() + Duration::milliseconds(1)), ..Fixture::worker() };
    let error = work(&services, &hurried, &task).await.unwrap_err();
    assert!(matches!(error, SweepError::Publish(_)), "{error}");
    queue.fail(false);
    swept(&services, &Fixture::worker(), &task).await;
    let mut acted = fixture.store.calls(StoreOperation::FinishTurn);
    tick(&services, "two").await;
    for task in queue.take() {
        acted += usize::try_from(swept(&services, &Fixture::worker(), &task).await.0.of(TurnOutcome::Acted))
            .unwrap();
    }
    assert_eq!(acted, 20, "nobody twice, nobody left out");
}

#[tokio::test]
async fn the_number_of_shards_changes_while_users_come_and_go() {
    let (fixture, before, queue) = away(40).await;
    // 4 become 16: the table is the same, the functions are deployed anew.
    let shards = Shards { generation: 2, count: NonZeroU32::new(16).unwrap(), draining: NonZeroU32::new(4) };
    let mut settings = (*before.settings).clone();
    settings.sweep.shards = shards;
    let after = Services {
        settings: Arc::new(settings),
        store: Arc::new(fixture.store.with_shards(shards)),
        ..before.clone()
    };
    for round in 0..3_u32 {
        // One user is back meanwhile, at a function of either deployment.
        fixture.visit(1 + round).await;
        fixture.go_away();
        fixture.clock.advance(crate::fixture::INTERVAL);
        tick(&after, &format!("tick {round}")).await;
        let tasks = queue.take();
        assert_eq!(tasks.len(), 20);
        let (mut acted, mut in_old) = (0, 0);
        for task in tasks {
            let (report, _) = swept(&after, &Fixture::worker(), &task).await;
            let number: u64 = report.outcomes.values().sum();
            acted += number;
            in_old += if task.shard.generation == 1 { number } else { 0 };
        }
        assert_eq!(acted, 40, "everybody has one turn in round {round}");
        match round {
            0 => assert_eq!(in_old, 40),
            _ => assert!(in_old <= 1, "only whom the old functions wrote: {in_old}"),
        }
    }
}

#[tokio::test]
async fn a_dry_run_counts_and_writes_nothing() {
    let (fixture, services, queue) = away(20).await;
    fixture.store.reset_calls();
    let found = dry_run(&services).await.unwrap();
    assert_eq!((found.due.values().sum::<u64>(), found.lag, found.cut), (20, Duration::SECOND, false));
    assert_eq!((fixture.store.writes(), queue.take().len()), (0, 0));
}
