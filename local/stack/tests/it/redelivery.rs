//! Tasks whose worker fails: what the queue does with them, and what becomes of the accounts.

use crate::program::ADELE;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use domain::account::TurnOutcome;
use stack::{BusOptions, BusState, Faults, Stack, StackOptions, Visitor};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::net::TcpListener;
use wiring::Environment;

const SHARDS: usize = 4;
/// Longer than the idle threshold.
const AWAY_SECONDS: i64 = 90;
/// So that a tick can end before its tasks are handed out.
const DELAY_SECONDS: u32 = 60;
const HIDDEN_SECONDS: i64 = 600;

/// A database behind a door that can be shut.
struct Door {
    behind: String,
    http: reqwest::Client,
    shut: AtomicBool,
}

impl Door {
    /// Gives its address, too.
    async fn start() -> (Arc<Self>, String) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let behind = format!("http://{}/", listener.local_addr().unwrap());
        let database = dynoxide::Database::memory().unwrap();
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let door = Arc::new(Self { behind, http, shut: AtomicBool::new(false) });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(door.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (door, url)
    }

    fn shut(&self, shut: bool) {
        self.shut.store(shut, Ordering::SeqCst);
    }
}

async fn pass(State(door): State<Arc<Door>>, headers: HeaderMap, body: Bytes) -> (StatusCode, Bytes) {
    if door.shut.load(Ordering::SeqCst) {
        return (StatusCode::INTERNAL_SERVER_ERROR, r#"{"__type":"InternalServerError"}"#.into());
    }
    let answer = door.http.post(&door.behind).headers(headers).body(body).send().await.unwrap();
    (answer.status(), answer.bytes().await.unwrap())
}

struct Lab {
    stack: Stack,
    door: Arc<Door>,
}

impl Lab {
    /// A user has gone away, a tick has put its tasks into the queue, and the database has gone too.
    async fn with_tasks_on_their_way(max_receive_count: u32) -> Self {
        let (door, url) = Door::start().await;
        let environment: Environment =
            [("AWS_ENDPOINT_URL_DYNAMODB", url.as_str()), ("TABLE_NAME", "tokens")].into_iter().collect();
        let bus = BusOptions {
            visibility_timeout: time::Duration::seconds(HIDDEN_SECONDS),
            max_receive_count,
            faults: Faults { delay_seconds: DELAY_SECONDS, ..Faults::default() },
            ..BusOptions::default()
        };
        let options = StackOptions { environment, bus: Some(bus), ..StackOptions::for_tests() };
        let stack = Box::pin(Stack::start(options)).await.unwrap();
        let visitor = Visitor::at(&stack.addresses().page).await.unwrap();
        let signed_in = visitor.sign_in(ADELE).await.unwrap();
        let request = visitor.http().get(format!("{}/api/profile", stack.addresses().api));
        assert_eq!(request.bearer_auth(&signed_in.access_token).send().await.unwrap().status(), 200);

        let lab = Self { stack, door };
        lab.stack.clock().advance(AWAY_SECONDS).unwrap();
        lab.tick().await;
        lab.door.shut(true);
        lab.pass(DELAY_SECONDS.into()).await;
        lab
    }

    async fn tick(&self) {
        let summary = Box::pin(self.stack.sweeper().tick()).await.unwrap();
        assert_eq!(summary.dispatched, Some(SHARDS));
    }

    /// Until everything that can be handed out by then has been worked on.
    async fn pass(&self, seconds: i64) -> BusState {
        self.stack.clock().advance(seconds).unwrap();
        let bus = self.stack.bus().unwrap();
        bus.settled().await;
        bus.state()
    }

    async fn last_outcome(&self) -> Option<TurnOutcome> {
        let accounts = self.stack.accounts().all().await.unwrap();
        assert_eq!(accounts.len(), 1);
        accounts[0].last_outcome
    }
}

#[tokio::test]
async fn a_task_that_failed_comes_again_and_is_done() {
    let lab = Lab::with_tasks_on_their_way(5).await;
    let state = lab.stack.bus().unwrap().state();
    assert_eq!((state.done, state.hidden), (0, SHARDS), "each has failed once: {state:?}");
    lab.door.shut(false);
    assert_eq!(lab.last_outcome().await, None);

    let state = lab.pass(HIDDEN_SECONDS).await;
    assert_eq!((state.done, state.hidden), (SHARDS as u64, 0), "{state:?}");
    assert_eq!(lab.last_outcome().await, Some(TurnOutcome::Acted));
    assert!(state.dead_letters.is_empty());
    lab.stack.stop().await;
}

#[tokio::test]
async fn tasks_that_keep_failing_are_put_aside_and_the_next_tick_finds_their_accounts() {
    let lab = Lab::with_tasks_on_their_way(2).await;
    let state = lab.pass(HIDDEN_SECONDS).await;
    assert_eq!((state.hidden, state.dead_letters.len()), (SHARDS, 0), "each has failed twice: {state:?}");
    let state = lab.pass(HIDDEN_SECONDS).await;
    assert_eq!((state.hidden, state.dead_letters.len()), (0, SHARDS), "{state:?}");
    let letter = &state.dead_letters[0];
    assert_eq!((letter.receive_count, &letter.body["detail-type"]), (2, &"SweepShard".into()));

    lab.door.shut(false);
    assert_eq!(lab.last_outcome().await, None);
    lab.tick().await;
    let state = lab.pass(DELAY_SECONDS.into()).await;
    assert_eq!(state.done, SHARDS as u64, "{state:?}");
    assert_eq!(lab.last_outcome().await, Some(TurnOutcome::Acted));
    lab.stack.stop().await;
}
