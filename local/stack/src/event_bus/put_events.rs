//! `PutEvents` over HTTP, in AWS JSON 1.1.
//! <https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutEvents.html>

use super::EventBus;
use super::entry::{BusEvent, size};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};

/// Entries of one request.
const MAX_ENTRIES: usize = 10;

/// Size of all entries of one request, as Amazon counts it: 1 MB.
const MAX_BYTES: usize = 1024 * 1024;

/// JSON inside JSON doubles every quotation mark.
const MAX_BODY_BYTES: usize = 4 * MAX_BYTES;

impl EventBus {
    /// The bus as a server. Signatures are not looked at.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/", post(answer))
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .with_state(self.clone())
    }
}

/// A request that is refused as a whole.
struct Refused(&'static str, String);

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        aws_json(StatusCode::BAD_REQUEST, &json!({ "__type": self.0, "message": self.1 }))
    }
}

async fn answer(State(bus): State<EventBus>, headers: HeaderMap, body: Bytes) -> Result<Response, Refused> {
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    if target != "AWSEvents.PutEvents" {
        let message = format!("expected X-Amz-Target: AWSEvents.PutEvents, got {target:?}");
        return Err(Refused("UnknownOperationException", message));
    }
    let request: Value = serde_json::from_slice(&body)
        .map_err(|error| Refused("SerializationException", format!("the body is not JSON: {error}")))?;
    let entries = request.get("Entries").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    check(entries)?;
    let now = bus.now();
    let results: Vec<Value> = entries
        .iter()
        .map(|entry| match bus.take(BusEvent::read(entry, now)) {
            Ok(id) => json!({ "EventId": id }),
            Err(failure) => json!({ "ErrorCode": failure.code, "ErrorMessage": failure.message }),
        })
        .collect();
    let failed = results.iter().filter(|result| result.get("ErrorCode").is_some()).count();
    Ok(aws_json(StatusCode::OK, &json!({ "FailedEntryCount": failed, "Entries": results })))
}

/// The limits of a request.
fn check(entries: &[Value]) -> Result<(), Refused> {
    let refused = |what: &str| {
        let failed =
            "1 validation error detected: Value at 'entries' failed to satisfy constraint: Member must have";
        Err(Refused("ValidationException", format!("{failed} {what}")))
    };
    match entries.len() {
        0 => return refused("length greater than or equal to 1"),
        1..=MAX_ENTRIES => {}
        count => return refused(&format!("length less than or equal to {MAX_ENTRIES}; it has {count}")),
    }
    let bytes: usize = entries.iter().map(size).sum();
    if bytes > MAX_BYTES {
        let message = "Total size of the entries in the request is over the limit";
        return Err(Refused(
            "ValidationException",
            format!("{message}: {bytes} bytes, {MAX_BYTES} allowed."),
        ));
    }
    Ok(())
}

fn aws_json(status: StatusCode, body: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/x-amz-json-1.1")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::OffsetClock;
    use crate::event_bus::{BusOptions, Faults};
    use domain::identity::Pseudonyms;

    fn bus(faults: Faults) -> EventBus {
        let options = BusOptions { faults, ..BusOptions::default() };
        EventBus::new(&options, OffsetClock::default(), Pseudonyms::new("salt"))
    }

    async fn put(bus: &EventBus, entries: Value) -> (StatusCode, Value) {
        send(bus, "AWSEvents.PutEvents", json!({ "Entries": entries }).to_string()).await
    }

    async fn send(bus: &EventBus, target: &str, body: String) -> (StatusCode, Value) {
        let headers = HeaderMap::from_iter([("x-amz-target".parse().unwrap(), target.parse().unwrap())]);
        let answer = match answer(State(bus.clone()), headers, body.into()).await {
            Ok(answer) => answer,
            Err(refused) => refused.into_response(),
        };
        let status = answer.status();
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/x-amz-json-1.1");
        let body = axum::body::to_bytes(answer.into_body(), MAX_BODY_BYTES).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    fn entry(detail_type: &str, detail: &Value) -> Value {
        json!({ "Source": "shared-token-cache", "DetailType": detail_type, "Detail": detail.to_string() })
    }

    #[tokio::test]
    async fn tasks_go_into_the_queue_and_events_are_kept() {
        let bus = bus(Faults::default());
        let entries =
            json!([entry("SweepShard", &json!({"shard": "v1#00"})), entry("SweepCompleted", &json!({}))]);
        let (status, answer) = put(&bus, entries).await;
        assert_eq!((status, &answer["FailedEntryCount"]), (StatusCode::OK, &json!(0)));
        assert_eq!(bus.state().waiting, 1);
        let events = bus.events();
        assert_eq!(events.len(), 1);
        assert_eq!(
            (&events[0]["detail-type"], &events[0]["id"]),
            (&json!("SweepCompleted"), &answer["Entries"][1]["EventId"])
        );
    }

    #[tokio::test]
    async fn a_bad_entry_fails_alone() {
        let bus = bus(Faults::default());
        let good = entry("SweepShard", &json!({}));
        let (status, answer) = put(&bus, json!([good, { "Source": "x" }, good])).await;
        assert_eq!((status, &answer["FailedEntryCount"]), (StatusCode::OK, &json!(1)));
        assert_eq!(answer["Entries"][1]["ErrorCode"], "InvalidArgument");
        assert!(answer["Entries"][0]["EventId"].is_string() && answer["Entries"][2]["EventId"].is_string());
        assert_eq!(bus.state().waiting, 2);
    }

    #[tokio::test]
    async fn refused_entries_are_counted_over_requests() {
        let bus = bus(Faults { refuse_every: 3, ..Faults::default() });
        let good = entry("SweepShard", &json!({}));
        let (_, first) = put(&bus, json!([good, good])).await;
        let (_, second) = put(&bus, json!([good, good])).await;
        assert_eq!((&first["FailedEntryCount"], &second["FailedEntryCount"]), (&json!(0), &json!(1)));
        assert_eq!(second["Entries"][0]["ErrorCode"], "ThrottlingException");
        let state = bus.state();
        assert_eq!((state.waiting, state.taken, state.refused), (3, 3, 1));
    }

    #[tokio::test]
    async fn requests_beyond_the_limits_are_refused_whole() {
        let bus = bus(Faults::default());
        let good = entry("SweepShard", &json!({}));
        let half = entry("SweepShard", &json!({ "x": "y".repeat(MAX_BYTES / 2) }));
        for (entries, reason) in [
            (json!([]), "greater than or equal to 1"),
            (json!(null), "greater than or equal to 1"),
            (Value::Array(vec![good.clone(); MAX_ENTRIES + 1]), "less than or equal to 10"),
            (json!([half, half]), "over the limit"),
        ] {
            let (status, answer) = put(&bus, entries).await;
            assert_eq!(status, StatusCode::BAD_REQUEST);
            assert_eq!(answer["__type"], "ValidationException");
            assert!(answer["message"].as_str().unwrap().contains(reason), "{answer}");
        }
        assert_eq!(bus.state().taken, 0);
        let (status, _) = put(&bus, Value::Array(vec![good; MAX_ENTRIES])).await;
        assert_eq!(status, StatusCode::OK);
    }

    #[tokio::test]
    async fn other_operations_and_broken_bodies_are_named() {
        let bus = bus(Faults::default());
        let (status, answer) = send(&bus, "AWSEvents.PutRule", "{}".to_owned()).await;
        assert_eq!(
            (status, &answer["__type"]),
            (StatusCode::BAD_REQUEST, &json!("UnknownOperationException"))
        );
        let (status, answer) = send(&bus, "AWSEvents.PutEvents", "{".to_owned()).await;
        assert_eq!((status, &answer["__type"]), (StatusCode::BAD_REQUEST, &json!("SerializationException")));
    }

    #[tokio::test]
    async fn only_the_newest_events_are_kept() {
        let bus = bus(Faults::default());
        for round in 0..21 {
            let entries: Vec<Value> = (0..MAX_ENTRIES)
                .map(|at| entry("ProfileChanged", &json!({ "n": round * MAX_ENTRIES + at })))
                .collect();
            put(&bus, Value::Array(entries)).await;
        }
        let events = bus.events();
        assert_eq!(events.len(), 200);
        assert_eq!((&events[0]["detail"]["n"], &events[199]["detail"]["n"]), (&json!(10), &json!(209)));
    }
}
