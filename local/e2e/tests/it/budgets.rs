//! How many requests each job makes, of whom, to the last one: the table, Entra ID, Graph and KMS all count.

use crate::database::Database;
use crate::kms::{KEY_ARN, Kms};
use crate::lab::{ADELE, AWAY, BRUNO, LONG_AWAY, Lab};
use domain::sweep_accounts::{TurnObserver, Worker, sweep_accounts};
use domain::turn::TurnReport;
use serde_json::json;
use stack::{Stack, StackOptions};
use std::collections::BTreeMap;
use std::sync::Arc;
use tower::ServiceExt as _;
use wiring::{Environment, Time};

/// Who was asked how often.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    /// Per operation.
    table: BTreeMap<String, u64>,
    token_requests: u64,
    graph: u64,
    /// Per operation.
    kms: BTreeMap<String, u64>,
}

fn asked<const T: usize>(table: [(&str, u64); T], token_requests: u64, graph: u64) -> Asked {
    let table = table.into_iter().map(|(operation, count)| (operation.to_owned(), count)).collect();
    Asked { table, token_requests, graph, kms: BTreeMap::new() }
}

struct Budgets {
    lab: Lab,
    kms: Kms,
}

impl Budgets {
    /// A deployment whose keys KMS wraps. Turns are due half a minute after a visit.
    async fn start() -> Self {
        let (database, kms) = (Database::start().await, Kms::default());
        let variables = [
            ("AWS_ENDPOINT_URL_DYNAMODB", database.url.clone()),
            ("AWS_ENDPOINT_URL_KMS", kms.serve().await),
            ("SEALING_KEY_ARN", KEY_ARN.to_owned()),
            ("SWEEP_INTERVAL_SECONDS", "60".to_owned()),
            ("TABLE_NAME", "tokens".to_owned()),
        ];
        let environment: Environment = variables.into_iter().collect();
        let options = StackOptions { environment, ..StackOptions::for_tests() };
        let stack = Box::pin(Stack::start(options)).await.unwrap();
        let budgets = Self { lab: Lab::over(Box::new(stack), database).await, kms };
        budgets.take();
        budgets
    }

    /// Who was asked how often since the last call of this.
    fn take(&self) -> Asked {
        let (token_requests, graph) = self.lab.take_requests();
        Asked { table: self.lab.database.take_counts(), token_requests, graph, kms: self.kms.take_counts() }
    }

    /// All accounts that are due, without the tick that asks for it.
    async fn sweep(&self) -> BTreeMap<&'static str, u64> {
        struct Nobody;
        impl TurnObserver for Nobody {
            fn turn_ended(&self, _: &TurnReport) {}
        }
        let worker = Worker { id: "a worker".to_owned(), stop_at: None, deadline: None };
        let report = sweep_accounts(self.lab.stack.sweeper().services(), &worker, &Nobody).await.unwrap();
        report.outcomes.into_iter().map(|(outcome, count)| (outcome.as_str(), count)).collect()
    }

    /// What is asked of the table when nobody is due: a look at each shard of the index.
    async fn idle_sweep(&self) -> u64 {
        self.take();
        assert!(self.sweep().await.is_empty());
        let idle = self.take();
        assert_eq!(idle, asked([("Query", idle.table["Query"])], 0, 0));
        idle.table["Query"]
    }
}

#[tokio::test]
async fn a_warm_hit_is_one_read_and_one_graph_request() {
    let budgets = Budgets::start().await;
    let adele = budgets.lab.visit(ADELE).await;
    budgets.take();
    for _ in 0..3 {
        budgets.lab.profile(&adele).await.assert_ok();
        assert_eq!(budgets.take(), asked([("Query", 1)], 0, 1));
    }
}

/// The key that seals the tokens is read and unwrapped once per process. The API does so while it starts, beside the signing keys
/// that were kept, so that no request waits for it.
#[tokio::test]
async fn a_cold_process_reads_and_unwraps_one_key_more_and_serves_a_cached_user_as_a_warm_one() {
    let budgets = Budgets::start().await;
    let adele = budgets.lab.visit(ADELE).await;
    budgets.take();

    let time = Time::with_clock(Arc::new(budgets.lab.stack.clock().clone()));
    let api = wiring::Api::start(budgets.lab.stack.environment(), time).await.unwrap();
    let start = budgets.take();
    let (kept_signing_keys, newest_sealing_key) = (("GetItem".to_owned(), 1), ("Query".to_owned(), 1));
    assert_eq!(start.table, [kept_signing_keys, newest_sealing_key].into(), "{start:?}");
    assert_eq!(start.kms, [("Decrypt".to_owned(), 1)].into(), "{start:?}");
    assert_eq!((start.token_requests, start.graph), (0, 0));

    let router = profile_api::router(api);
    for _ in 0..2 {
        let request = http::Request::get("/api/profile")
            .header("authorization", format!("Bearer {}", adele.access_token))
            .body(axum::body::Body::empty())
            .unwrap();
        assert_eq!(router.clone().oneshot(request).await.unwrap().status(), 200);
        assert_eq!(budgets.take(), asked([("Query", 1)], 0, 1));
    }
}

/// Besides the account, a miss reads the tenant's brake, and of a new account whether it was erased meanwhile.
#[tokio::test]
async fn a_miss_is_one_token_request_one_write_of_tokens_and_one_of_activity_more() {
    let budgets = Budgets::start().await;
    budgets.lab.visit(BRUNO).await;
    // One look at a brake is enough for 5 seconds; these are over.
    budgets.lab.pass(AWAY);
    let adele = budgets.lab.sign_in(ADELE).await;
    budgets.take();
    budgets.lab.profile(&adele).await.assert_ok();
    let of_a_new_account = [("GetItem", 3), ("PutItem", 1), ("Query", 1), ("UpdateItem", 1)];
    assert_eq!(budgets.take(), asked(of_a_new_account, 1, 1));

    budgets.lab.pass(AWAY);
    let again = budgets.lab.sign_in(ADELE).await;
    budgets.take();
    budgets.lab.profile(&again).await.assert_ok();
    let of_a_known_one = [("GetItem", 1), ("PutItem", 1), ("Query", 1), ("UpdateItem", 1)];
    assert_eq!(budgets.take(), asked(of_a_known_one, 1, 1));
}

#[tokio::test]
async fn a_swept_account_is_a_claim_a_read_a_graph_request_and_a_finish() {
    let budgets = Budgets::start().await;
    budgets.lab.visit(ADELE).await;
    let shards = budgets.idle_sweep().await;
    budgets.lab.pass(AWAY);
    // The first turn stores the profile, which is no part of the ordinary turn.
    assert_eq!(budgets.sweep().await, [("acted", 1)].into());
    for _ in 0..3 {
        budgets.lab.pass(AWAY);
        budgets.take();
        assert_eq!(budgets.sweep().await, [("unchanged", 1)].into());
        let claim_and_finish = 2;
        assert_eq!(budgets.take(), asked([("Query", shards + 1), ("UpdateItem", claim_and_finish)], 0, 1));
    }
}

/// Besides the account, a renewal reads the tenant's brake.
#[tokio::test]
async fn a_refresh_in_a_turn_is_one_token_request_and_one_write_more() {
    let budgets = Budgets::start().await;
    budgets.lab.visit(ADELE).await;
    let shards = budgets.idle_sweep().await;
    budgets.lab.pass(AWAY);
    assert_eq!(budgets.sweep().await, [("acted", 1)].into());
    // Keys are looked at again after an hour, whoever needs them; this turn is not the one that does.
    budgets.lab.emulator().change_scenarios(&json!({ "accessTokenLifetimeSeconds": 240 })).unwrap();
    budgets.lab.pass(LONG_AWAY);
    assert_eq!(budgets.sweep().await, [("unchanged", 1)].into());
    budgets.lab.pass(AWAY);
    budgets.take();
    assert_eq!(budgets.sweep().await, [("unchanged", 1)].into());
    let expected = [("GetItem", 1), ("PutItem", 1), ("Query", shards + 1), ("UpdateItem", 2)];
    assert_eq!(budgets.take(), asked(expected, 1, 1));
}
