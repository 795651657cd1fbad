//! Metrics as `CloudWatch` gets them, and as `docs/operations.md` describes them.

#![cfg(test)]

use domain::counters::Count;
use domain::metrics::{Measured, Metric, MetricsSink as _};
use serde_json::{Value, json};
use std::sync::Arc;
use test_support::FixedClock;
use wiring::EmfLines;

fn written(level: &str, measured: &Measured) -> String {
    let mut output = Vec::new();
    EmfLines::new("the-function", level, Arc::new(FixedClock::default()), &mut output).publish(measured);
    String::from_utf8(output).unwrap()
}

#[test]
fn a_publication_is_one_line_of_the_embedded_metric_format() {
    let measured = Measured {
        counts: vec![(Count::MissAbsent, 1), (Count::MissExpired, 2), (Count::Write, 3)],
        values: [(Metric::GraphMilliseconds, vec![12.5, 30.0]), (Metric::AccountsPerSecond, vec![4.0])]
            .into(),
    };
    let text = written("info", &measured);
    assert_eq!(text.matches('\n').count(), 1);
    let definition = |name, unit| json!({ "Name": name, "Unit": unit });
    assert_eq!(
        serde_json::from_str::<Value>(&text).unwrap(),
        json!({
            "timestamp": "2126-03-04T09:00:00Z",
            "level": "INFO",
            "_aws": {
                "Timestamp": 4_928_288_400_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "SharedTokenCache",
                    "Dimensions": [["FunctionName"]],
                    "Metrics": [
                        definition("CacheMiss", "Count"),
                        definition("AccountsPerSecond", "Count/Second"),
                        definition("GraphMilliseconds", "Milliseconds"),
                    ],
                }],
            },
            "FunctionName": "the-function",
            "CacheMiss": 3,
            "AccountsPerSecond": [4.0],
            "GraphMilliseconds": [12.5, 30.0],
            "counts": { "cache.miss.absent": 1, "cache.miss.expired": 2, "cache.write": 3 },
        })
    );
}

#[test]
fn a_log_level_above_info_does_not_drop_the_metrics() {
    let measured = Measured { counts: vec![(Count::Hit, 1)], ..Measured::default() };
    for (level, claimed) in [
        ("trace", "INFO"),
        ("DEBUG", "INFO"),
        ("info", "INFO"),
        ("warn", "WARN"),
        ("ERROR", "ERROR"),
        ("x=y", "INFO"),
    ] {
        let line: Value = serde_json::from_str(&written(level, &measured)).unwrap();
        assert_eq!(line["level"], claimed, "{level}");
    }
}

#[test]
fn details_alone_are_no_metrics() {
    let measured = Measured { counts: vec![(Count::Write, 1)], ..Measured::default() };
    let line: Value = serde_json::from_str(&written("info", &measured)).unwrap();
    assert_eq!((line.get("_aws"), &line["counts"]), (None, &json!({ "cache.write": 1 })));
}

#[test]
fn the_metrics_and_their_units_are_those_of_the_document() {
    let document = include_str!("../../../docs/operations.md");
    let table =
        document.split("<!-- metrics:").nth(1).unwrap().split("<!-- end of metrics -->").next().unwrap();
    let documented: Vec<(String, String)> = table
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| `")?.split('|');
            let name = cells.next()?.trim().trim_end_matches('`').to_owned();
            Some((name, cells.next()?.trim().to_owned()))
        })
        .collect();
    let published: Vec<(String, String)> = Metric::ALL
        .iter()
        .map(|metric| (metric.name().to_owned(), metric.unit().name().to_owned()))
        .collect();
    assert_eq!(documented, published);
}
