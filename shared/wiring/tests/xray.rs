//! Stages of a traced invocation reach X-Ray's daemon, and nothing else does.

#![cfg(test)]

use domain::metrics::Metrics;
use domain::stage::Stage;
use serde_json::{Value, json};
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration as StdDuration;
use test_support::{FixedClock, RecordingMetrics};
use time::Duration;
use tracing::Instrument as _;
use tracing_subscriber::layer::SubscriberExt as _;
use wiring::XRay;

const ROOT: &str = "1-5759e988-bd862e3fe1be46a994272793";
const PARENT: &str = "53995c3f42cd8ad8";

struct Daemon(UdpSocket);

impl Daemon {
    fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(StdDuration::from_secs(20))).unwrap();
        Self(socket)
    }

    fn address(&self) -> String {
        self.0.local_addr().unwrap().to_string()
    }

    fn receive(&self) -> Value {
        let mut bytes = [0; 4096];
        let length = self.0.recv(&mut bytes).unwrap();
        let text = std::str::from_utf8(&bytes[..length]).unwrap();
        let (header, document) = text.split_once('\n').unwrap();
        assert_eq!(serde_json::from_str::<Value>(header).unwrap(), json!({ "format": "json", "version": 1 }));
        serde_json::from_str(document).unwrap()
    }

    fn has_more(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        self.0.recv(&mut [0; 1]).is_ok()
    }
}

/// An invocation as the runtime opens it, with two stages in it: one that takes 250 ms and one that fails.
async fn invocation(daemon: &Daemon, trace: &str) {
    let clock = FixedClock::default();
    let xray = XRay::to(&daemon.address(), Arc::new(clock.clone())).unwrap();
    let _listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(xray));
    let metrics = Metrics::new(Arc::new(clock.clone()), Arc::new(RecordingMetrics::default()));
    let work = async {
        let slow = async {
            clock.advance(Duration::milliseconds(250));
            Ok::<_, ()>(())
        };
        metrics.time(Stage::Graph, slow).await.unwrap();
        metrics.time(Stage::Store, async { Err::<(), _>(()) }).await.unwrap_err();
    };
    let invoke =
        tracing::info_span!("Lambda runtime invoke", requestId = "a request id", xrayTraceId = trace);
    let request = tracing::info_span!(parent: &invoke, "request", request.id = "a request id");
    work.instrument(request).instrument(invoke).await;
}

#[tokio::test]
async fn each_stage_of_a_sampled_trace_is_one_subsegment_without_names_or_ids_of_ours() {
    let daemon = Daemon::start();
    invocation(&daemon, &format!("Root={ROOT};Parent={PARENT};Sampled=1")).await;
    let begun = (test_support::sample::NOW - time::OffsetDateTime::UNIX_EPOCH).as_seconds_f64();
    let mut graph = daemon.receive();
    let id = graph["id"].take();
    assert!(id.as_str().is_some_and(|id| id.len() == 16 && u64::from_str_radix(id, 16).is_ok()), "{id}");
    assert_eq!(
        graph,
        json!({
            "name": "graph", "id": null, "trace_id": ROOT, "parent_id": PARENT, "type": "subsegment",
            "start_time": begun, "end_time": begun + 0.25,
        })
    );
    let store = daemon.receive();
    assert_eq!((&store["name"], &store["fault"]), (&json!("store"), &json!(true)));
    assert_ne!(store["id"], id);
    assert!(!daemon.has_more());
}

#[tokio::test]
async fn a_trace_that_is_not_sampled_sends_nothing() {
    let daemon = Daemon::start();
    invocation(&daemon, &format!("Root={ROOT};Parent={PARENT};Sampled=0")).await;
    assert!(!daemon.has_more());
}
