//! A tenant that is allowed 20 requests per second is swept to the end, with few requests refused and nobody parked.

use domain::account::TurnOutcome;
use entra_emulator::LoggedRequest;
use serde_json::{Value, json};
use stack::{SeedOptions, Stack, StackOptions, Sweeper, seed};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use time::OffsetDateTime;
use wiring::{Environment, Time};

const ACCOUNTS: u32 = 240;

/// Until then the workers find out what is allowed.
const SETTLING: usize = 100;

/// Ticks that are enough for those who were refused, too.
const MOST_TICKS: usize = 10;

struct Lab {
    stack: Stack,
    sweepers: Vec<Sweeper>,
}

impl Lab {
    /// Accounts of one tenant that are all due, and so many workers, which share nothing but the table.
    async fn start(workers: usize) -> Self {
        let environment: Environment =
            [("SWEEP_INTERVAL_SECONDS", "86400"), ("SWEEP_SHARDS", "4")].into_iter().collect();
        let options = StackOptions { environment, ..StackOptions::for_tests() };
        let stack = Box::pin(Stack::start(options)).await.unwrap();
        let options = SeedOptions {
            accounts: ACCOUNTS,
            tenants: 1,
            due_within_seconds: 0,
            revoked_percent: 0,
            seed: 1,
        };
        let stop = AtomicBool::new(false);
        let seeded =
            seed(&Environment::default(), stack.data_folder(), options, &stop, &|_| ()).await.unwrap();
        assert_eq!(seeded.step.added, ACCOUNTS);
        let mut sweepers = Vec::new();
        for _ in 0..workers {
            let time = Time::with_clock(Arc::new(stack.clock().clone()));
            let services = wiring::sweep_services(stack.environment(), time).await.unwrap();
            sweepers.push(Sweeper::new(services, stack.clock().clone()));
        }
        stack.clock().advance(1).unwrap();
        Self { stack, sweepers }
    }

    /// One worker takes all shards, several have one each.
    async fn tick(&self) {
        if let [sweeper] = &*self.sweepers {
            sweeper.tick().await.unwrap();
            return;
        }
        let workers: Vec<_> = self
            .sweepers
            .iter()
            .enumerate()
            .map(|(number, sweeper)| {
                let (sweeper, task) = (sweeper.clone(), task(number, self.now()));
                tokio::spawn(async move { sweeper.invoke(task).await })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap().unwrap();
        }
    }

    fn now(&self) -> OffsetDateTime {
        domain::ports::Clock::now(self.stack.clock())
    }

    /// Sweeps until everybody had their turn.
    async fn sweep(&self) {
        for _ in 0..MOST_TICKS {
            self.tick().await;
            let accounts = self.stack.accounts().all().await.unwrap();
            assert!(accounts.iter().all(|account| account.due_at.is_some()), "nobody is parked");
            if accounts.iter().all(|account| account.last_outcome == Some(TurnOutcome::Acted)) {
                return;
            }
            // Who was refused is due a few seconds later.
            self.stack.clock().advance(5).unwrap();
        }
        panic!("not everybody had their turn after {MOST_TICKS} ticks");
    }

    /// 20 requests per second at this service, and at most one in twenty refused.
    async fn assert_polite(&self, service: &str, kind: &str) {
        let emulator = self.stack.emulator().unwrap();
        let rate = json!({ service: { "rate": { "perSecond": 20, "retryAfterSeconds": 1 } } });
        emulator.change_scenarios(&rate).unwrap();
        self.sweep().await;
        let requests: Vec<LoggedRequest> =
            emulator.requests(usize::MAX).into_iter().filter(|request| request.kind == kind).collect();
        let refused =
            |requests: &[LoggedRequest]| requests.iter().filter(|request| request.status == 429).count();
        let settled = &requests[SETTLING..];
        let (all, few) = (refused(&requests), refused(settled));
        println!("{} requests, {all} refused; once settled {}, {few} refused", requests.len(), settled.len());
        assert!(all > 0, "the limit was met");
        assert!(few * 20 <= settled.len(), "{few} of {} were refused", settled.len());
    }
}

/// A batch of the queue with the task of one shard.
fn task(shard: usize, as_of: OffsetDateTime) -> Value {
    let detail = json!({ "shard": format!("v1#{shard:02}"), "tick": "tick", "asOf": as_of.unix_timestamp() });
    let body = json!({ "detail-type": "SweepShard", "detail": detail }).to_string();
    json!({ "Records": [{ "messageId": format!("message {shard}"), "body": body }] })
}

#[tokio::test]
async fn one_worker_keeps_to_what_graph_allows() {
    Lab::start(1).await.assert_polite("graph", "graph.me").await;
}

#[tokio::test]
async fn four_workers_keep_to_what_graph_allows() {
    Lab::start(4).await.assert_polite("graph", "graph.me").await;
}

#[tokio::test]
async fn one_worker_keeps_to_what_entra_allows() {
    Lab::start(1).await.assert_polite("entra", "token.refresh").await;
}

#[tokio::test]
async fn four_workers_keep_to_what_entra_allows() {
    Lab::start(4).await.assert_polite("entra", "token.refresh").await;
}
