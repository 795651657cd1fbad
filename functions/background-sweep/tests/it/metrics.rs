//! What a sweep leaves behind for `CloudWatch`.

use crate::lab::{AWAY, Lab, scheduled};
use crate::server::Reply;
use domain::metrics::{Measured, Metric, Metrics, MetricsSink as _};
use serde_json::{Value, json};
use std::sync::Arc;
use test_support::{RecordingMetrics, sample};
use time::Duration;
use wiring::EmfLines;

/// Of the accounts that a lab has: idle for 30 seconds is due.
const LAG: f64 = 7_170.0;

fn listen(lab: &mut Lab) -> Arc<RecordingMetrics> {
    let recording = Arc::new(RecordingMetrics::default());
    lab.services.metrics = Arc::new(Metrics::new(Arc::new(lab.clock.clone()), recording.clone()));
    recording
}

#[track_caller]
fn the_one(recording: &RecordingMetrics) -> Measured {
    let measured = recording.take();
    let [measured] = &measured[..] else { panic!("one invocation, one publication: {measured:?}") };
    measured.clone()
}

#[tokio::test]
async fn a_sweep_has_one_line_with_its_lag_its_outcomes_and_its_stages() {
    let mut lab = Lab::alone(3).await;
    let recording = listen(&mut lab);
    lab.tick().await.unwrap();
    let mut output = Vec::new();
    EmfLines::new("sweep", "info", Arc::new(lab.clock.clone()), &mut output).publish(&the_one(&recording));
    let mut line: Value = serde_json::from_slice(&output).unwrap();
    let definitions = line["_aws"]["CloudWatchMetrics"][0]["Metrics"].take();
    assert!(
        definitions.as_array().unwrap().contains(&json!({ "Name": "SweepLagSeconds", "Unit": "Seconds" }))
    );
    let left = (Duration::days(90) - AWAY).as_seconds_f64();
    let now = sample::NOW + AWAY;
    assert_eq!(
        line,
        json!({
            "timestamp": "2126-03-04T11:00:00Z",
            "level": "INFO",
            "_aws": {
                "Timestamp": now.unix_timestamp() * 1000,
                "CloudWatchMetrics": [
                    { "Namespace": "SharedTokenCache", "Dimensions": [["FunctionName"]], "Metrics": null }
                ],
            },
            "FunctionName": "sweep",
            "SweepLagSeconds": [LAG],
            "SweepRemaining": [0.0],
            "CacheMiss": 3,
            "TokenRefreshed": 3,
            "AccountActed": 3,
            "CacheMilliseconds": vec![0.0; 3],
            "RefreshMilliseconds": vec![0.0; 3],
            "GraphMilliseconds": vec![0.0; 3],
            // Claim, tokens, snapshot, end of the turn.
            "StoreMilliseconds": vec![0.0; 12],
            "RefreshTokenLifeSeconds": vec![left; 3],
            "counts": { "cache.miss.expired": 3, "cache.write": 3, "token.refresh": 3, "account.acted": 3 },
        })
    );
}

#[tokio::test]
async fn the_lag_is_told_also_when_it_is_over() {
    let mut lab = Lab::alone(1).await;
    let recording = listen(&mut lab);
    lab.tick().await.unwrap();
    assert_eq!(the_one(&recording).values[&Metric::SweepLagSeconds], [LAG]);
    lab.clock.advance(Duration::minutes(1));
    lab.tick().await.unwrap();
    assert_eq!(the_one(&recording).values[&Metric::SweepLagSeconds], [0.0]);
}

#[tokio::test]
async fn a_tick_that_hands_on_tells_the_lag_before_any_worker_does() {
    let mut lab = Lab::with_bus(1).await;
    let recording = listen(&mut lab);
    let tasks = lab.tasks().await;
    let measured = the_one(&recording);
    assert_eq!(measured.values, [(Metric::SweepLagSeconds, vec![LAG])].into());
    lab.invoke(json!({ "Records": tasks })).await.unwrap();
    let measured = the_one(&recording);
    assert_eq!(measured.values[&Metric::SweepLagSeconds], [LAG], "the longest of the batch");
    assert_eq!(measured.values[&Metric::SweepRemaining], [0.0]);
}

#[tokio::test]
async fn a_lag_that_is_not_known_is_answered_as_such_and_not_as_zero() {
    let mut lab = Lab::with_bus(1).await;
    let recording = listen(&mut lab);
    let answer = async |event: Value| json!(lab.invoke(event).await.unwrap())["lagSeconds"].clone();
    lab.table.rule(|asked| match asked.operation() {
        "Query" => Reply::Json(400, json!({ "__type": "ResourceNotFoundException" })),
        _ => Reply::PassOn,
    });
    assert_eq!(answer(scheduled("2126-03-04T11:00:00Z")).await, Value::Null);
    assert_eq!(recording.take(), []);
    lab.table.rule(|_| Reply::PassOn);
    let known = answer(scheduled("2126-03-04T11:01:00Z")).await;
    assert_eq!(known.as_f64(), Some(LAG));
}

#[tokio::test]
async fn what_says_nothing_of_the_sweep_is_no_lag() {
    let mut lab = Lab::alone(1).await;
    let recording = listen(&mut lab);
    lab.sweep_by_hand(1).await;
    assert!(!the_one(&recording).values.contains_key(&Metric::SweepLagSeconds));
    lab.invoke(json!({ "dryRun": true })).await.unwrap();
    lab.tick().await.unwrap();
    recording.take();
    lab.tick().await.unwrap();
    assert_eq!(recording.take(), [], "the same tick, delivered once more");
}
