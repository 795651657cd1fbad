//! What is measured beside counts: times of stages, pauses, lives of refresh tokens, the lag that a tick finds.

use crate::fixture::{Fixture, INTERVAL, Turns};
use domain::counters::Count;
use domain::error::{StoreError, TokenError};
use domain::metrics::{MOST_VALUES, Measured, Metric};
use domain::services::Services;
use domain::shard::Shards;
use domain::stage::Stage;
use domain::sweep_accounts::{TickReport, sweep_tick};
use std::num::NonZeroU32;
use std::sync::Arc;
use test_support::{RecordingQueue, StoreOperation};
use time::Duration;

#[tokio::test]
async fn a_stage_is_measured_whether_it_works_or_not() {
    let fixture = Fixture::new();
    let metrics = &fixture.services.metrics;
    let takes = async |milliseconds: f64, outcome: Result<(), ()>| {
        let work = async {
            fixture.clock.advance(Duration::seconds_f64(milliseconds / 1000.0));
            outcome
        };
        assert_eq!(metrics.time(Stage::Graph, work).await, outcome);
    };
    takes(12.34, Ok(())).await;
    takes(7.0, Err(())).await;
    // The clock was set back.
    takes(-5.0, Ok(())).await;
    assert_eq!(metrics.take().values, [(Metric::GraphMilliseconds, vec![12.3, 7.0, 0.0])].into());
}

#[tokio::test]
async fn a_request_and_a_turn_are_measured_by_their_stages() {
    let fixture = Fixture::new();
    let stages = |measured: Measured| -> Vec<(&'static str, usize)> {
        let timed = measured.values.into_iter().filter(|(metric, _)| metric.name().ends_with("Milliseconds"));
        timed.map(|(metric, values)| (metric.name(), values.len())).collect()
    };
    fixture.visit(1).await;
    assert_eq!(
        stages(fixture.services.metrics.take()),
        [
            ("CacheMilliseconds", 1),
            ("OnBehalfOfMilliseconds", 1),
            ("GraphMilliseconds", 1),
            ("StoreMilliseconds", 2)
        ]
    );
    fixture.clock.advance(INTERVAL * 2_i32);
    fixture.sweep().await;
    // Claim, tokens, snapshot, end of the turn.
    assert_eq!(
        stages(fixture.services.metrics.take()),
        [
            ("CacheMilliseconds", 1),
            ("RefreshMilliseconds", 1),
            ("GraphMilliseconds", 1),
            ("StoreMilliseconds", 4)
        ]
    );
}

#[tokio::test]
async fn what_fills_up_is_published_without_waiting_for_the_end() {
    let fixture = Fixture::new();
    let metrics = &fixture.services.metrics;
    metrics.count(Count::Hit);
    for value in 0..250_u32 {
        metrics.record(Metric::BrakeSeconds, value.into());
    }
    metrics.publish();
    metrics.publish();
    let published = fixture.measured.take();
    let lengths: Vec<usize> = published.iter().map(|one| one.values[&Metric::BrakeSeconds].len()).collect();
    assert_eq!(lengths, [MOST_VALUES, MOST_VALUES, 50], "nothing twice, nothing lost, nothing for nothing");
    assert_eq!(published[0].counts, [(Count::Hit, 1)]);
    assert!(published[1..].iter().all(|one| one.counts.is_empty()));
}

#[tokio::test]
async fn pauses_and_what_is_left_of_refresh_tokens_are_noted() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.services.metrics.take();
    fixture.clock.advance(INTERVAL * 2_i32);
    let retry_after = Some(Duration::seconds(17));
    fixture.exchange.push(Err(TokenError::Throttled { retry_after, code: None }));
    fixture.sweep().await;
    let measured = fixture.services.metrics.take();
    assert_eq!(measured.values[&Metric::BrakeSeconds], [17.0]);
    let left = (Duration::days(90) - INTERVAL * 2_i32).as_seconds_f64();
    assert_eq!(measured.values[&Metric::RefreshTokenLifeSeconds], [left]);
    let sums = measured.sums();
    assert_eq!((sums[&Metric::TokenRefreshFailed], sums[&Metric::AccountThrottled]), (1, 1));
    assert_eq!(sums.get(&Metric::CredentialFault), None);
}

#[tokio::test]
async fn a_tick_that_hands_on_tells_for_how_long_the_first_has_been_due() {
    let fixture = Fixture::new();
    let mut services = fixture.services.clone();
    services.queue = Some(Arc::new(RecordingQueue::default()));
    let lag =
        async |tick: &str| match sweep_tick(&services, &Fixture::worker(), tick, &Turns::default()).await {
            Ok(TickReport::Dispatched { lag, .. }) => lag,
            other => panic!("{other:?}"),
        };
    assert_eq!(lag("nobody").await, Some(Duration::ZERO));
    for (number, pause) in [(1, 100), (2, 20), (3, 0)] {
        fixture.visit(number).await;
        fixture.clock.advance(Duration::seconds(pause));
    }
    let due_at = fixture.record(1).await.activity.unwrap().due_at.unwrap();
    assert_eq!(lag("one and two").await, Some(fixture.now() - due_at));
    let down = StoreError::Unavailable { operation: "accounts_due", source: None };
    fixture.store.fail_next(StoreOperation::AccountsDue, down);
    assert_eq!(lag("unknown").await, None, "the tasks are out all the same");
}

#[tokio::test]
async fn entries_that_cannot_be_read_do_not_hide_the_lag_of_those_behind_them() {
    let fixture = Fixture::new();
    for number in 1..=20 {
        fixture.visit(number).await;
    }
    fixture.go_away();
    // One shard alone, which has some of them.
    let mut settings = (*fixture.services.settings).clone();
    settings.sweep.shards = Shards::first(NonZeroU32::MIN);
    let queue = Some(Arc::new(RecordingQueue::default()) as _);
    let services = Services { queue, settings: Arc::new(settings), ..fixture.services.clone() };
    for (pages, expected) in [(0, Some(1)), (3, Some(1)), (9, Some(1)), (1_000, None)] {
        fixture.store.unreadable_pages(pages);
        let tick = format!("after {pages}");
        let report = sweep_tick(&services, &Fixture::worker(), &tick, &Turns::default()).await.unwrap();
        let TickReport::Dispatched { lag, .. } = report else { panic!("{report:?}") };
        assert_eq!(lag, expected.map(Duration::seconds), "{tick}");
    }
    let looks = fixture.store.calls(StoreOperation::AccountsDue);
    assert_eq!(looks, 1 + 4 + 10 + 10, "no tick looks for ever");
}
