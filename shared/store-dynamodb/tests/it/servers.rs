//! Where the tests find a DynamoDB: one embedded per test, and Amazon's own if it runs here.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use domain::shard::Shards;
use dynoxide::Database;
use dynoxide::server::serve_with_shutdown;
use std::io::Write as _;
use std::num::NonZeroU32;
use std::sync::{Arc, Once};
use store_dynamodb::{DynamoDbAccountStore, table};
use test_support::store_contract::StoreFixture;
use test_support::{FixedClock, sample};

pub(crate) const SHARDS: Shards =
    Shards { generation: 1, count: NonZeroU32::new(4).unwrap(), draining: None };
const ENDPOINT_VARIABLE: &str = "DYNAMODB_LOCAL_ENDPOINT";

/// A client of this address, with credentials that no server here looks at.
pub(crate) fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-north-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "tests"))
        .endpoint_url(endpoint)
        .build();
    Client::from_conf(config)
}

/// A server of its own for each test, which ends with the test's runtime.
pub(crate) async fn embedded_client() -> Client {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let database = Database::memory().unwrap();
    tokio::spawn(serve_with_shutdown(listener, database, std::future::pending()));
    client(&format!("http://{address}"))
}

/// A client of Amazon's DynamoDB Local, if the environment names one. If not, says so once, past the test runner, which
/// keeps the output of tests that pass to itself.
#[expect(clippy::disallowed_methods, reason = "whether a server runs here is known to the environment only")]
pub(crate) fn dynamodb_local_client() -> Option<Client> {
    static SKIPPED: Once = Once::new();
    let endpoint = std::env::var(ENDPOINT_VARIABLE).ok().filter(|endpoint| !endpoint.is_empty());
    if endpoint.is_none() {
        SKIPPED.call_once(|| {
            let line = format!("skipped: {ENDPOINT_VARIABLE} is not set\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        });
    }
    endpoint.as_deref().map(client)
}

/// A store on a new table, and what is needed to look behind it.
pub(crate) struct TestTable {
    pub(crate) store: Arc<DynamoDbAccountStore>,
    pub(crate) clock: FixedClock,
    pub(crate) client: Client,
    pub(crate) name: String,
}

impl TestTable {
    /// An empty table on every server there is here.
    pub(crate) async fn on_every_server() -> Vec<Self> {
        let mut tables = vec![Self::new(embedded_client().await).await];
        if let Some(client) = dynamodb_local_client() {
            tables.push(Self::new(client).await);
        }
        tables
    }

    pub(crate) async fn new(client: Client) -> Self {
        let name = format!("accounts-{}", uuid::Uuid::new_v4());
        let creation = table::create(&client, &name).await.unwrap();
        assert_eq!(creation, table::Creation::Created);
        let clock = FixedClock::default();
        let store = DynamoDbAccountStore::new(
            client.clone(),
            name.clone(),
            sample::CLIENT,
            SHARDS,
            Arc::new(clock.clone()),
        );
        Self { store: Arc::new(store), clock, client, name }
    }

    pub(crate) fn into_fixture(self) -> StoreFixture {
        StoreFixture { store: self.store, clock: self.clock, shards: SHARDS }
    }
}
