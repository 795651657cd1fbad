//! What a request leaves behind for `CloudWatch`: one publication, with what it took and how it ended.

use crate::lab::Fixture;
use domain::error::{TokenError, UnavailableKind};
use domain::metrics::{Measured, MetricsSink as _};
use serde_json::{Value, json};
use std::sync::Arc;
use test_support::FixedClock;
use wiring::EmfLines;

/// The line of the one publication since the last look, without the directive.
fn line(fixture: &Fixture) -> Value {
    let measured = fixture.measured.take();
    let [measured] = &measured[..] else { panic!("one request, one publication: {measured:?}") };
    let mut line = written(measured);
    let directive = line["_aws"].take();
    let names: Vec<&str> = directive["CloudWatchMetrics"][0]["Metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|metric| metric["Name"].as_str().unwrap())
        .collect();
    for name in names {
        assert!(line.get(name).is_some(), "{name} is announced and missing: {line}");
    }
    line
}

fn written(measured: &Measured) -> Value {
    let mut output = Vec::new();
    EmfLines::new("profile-api", "info", Arc::new(FixedClock::default()), &mut output).publish(measured);
    serde_json::from_slice(&output).unwrap()
}

#[tokio::test]
async fn a_first_request_and_a_warm_one_have_one_line_each() {
    let fixture = Fixture::new();
    assert_eq!(fixture.get("/api/profile").await.status(), 200);
    assert_eq!(
        line(&fixture),
        json!({
            "timestamp": "2126-03-04T09:00:00Z", "level": "INFO", "_aws": null, "FunctionName": "profile-api",
            "CacheMiss": 1, "OnBehalfOfIssued": 1, "Answered2xx": 1,
            "ValidateMilliseconds": [0.0], "CacheMilliseconds": [0.0], "OnBehalfOfMilliseconds": [0.0],
            "GraphMilliseconds": [0.0], "StoreMilliseconds": [0.0, 0.0],
            "counts": { "cache.miss.absent": 1, "cache.write": 1, "token.on_behalf_of": 1, "request.2xx": 1 },
        })
    );
    assert_eq!(fixture.get("/api/profile").await.status(), 200);
    assert_eq!(
        line(&fixture),
        json!({
            "timestamp": "2126-03-04T09:00:00Z", "level": "INFO", "_aws": null, "FunctionName": "profile-api",
            "CacheHit": 1, "Answered2xx": 1,
            "ValidateMilliseconds": [0.0], "CacheMilliseconds": [0.0], "GraphMilliseconds": [0.0],
            "RefreshTokenLifeSeconds": [7_776_000.0],
            "counts": { "cache.hit": 1, "request.2xx": 1 },
        })
    );
}

#[tokio::test]
async fn failures_are_counted_by_who_must_act() {
    let fixture = Fixture::new();
    let rejected =
        || TokenError::ApplicationRejected { error: "invalid_client".to_owned(), code: Some(7_000_222) };
    let down = || TokenError::Unavailable {
        expected: "a token",
        kind: UnavailableKind::Down,
        retry_after: Some(time::Duration::seconds(5)),
        source: None,
    };
    let needed = || TokenError::UserNeeded {
        error: "invalid_grant".to_owned(),
        code: None,
        suberror: None,
        claims: None,
    };
    for (error, expected) in [
        (rejected(), json!({ "CredentialFault": 1, "OnBehalfOfFailed": 1, "Answered5xx": 1 })),
        (down(), json!({ "OnBehalfOfFailed": 1, "Answered5xx": 1 })),
        (needed(), json!({ "Answered4xx": 1 })),
    ] {
        fixture.exchange.push(Err(error));
        fixture.get("/api/profile").await;
        let line = line(&fixture);
        for name in ["CredentialFault", "OnBehalfOfFailed", "Answered2xx", "Answered4xx", "Answered5xx"] {
            assert_eq!(line.get(name), expected.get(name), "{name}: {line}");
        }
    }
}

#[tokio::test]
async fn every_request_has_its_line_whatever_becomes_of_it() {
    let fixture = Fixture::new();
    for (path, metric) in [("/api/health", "Answered2xx"), ("/api/nothing", "Answered4xx")] {
        fixture.get(path).await;
        assert_eq!(line(&fixture)[metric], 1, "{path}");
    }
}
