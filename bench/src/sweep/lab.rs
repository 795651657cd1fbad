//! What a worker needs around it: a table on disk, the emulator, and accounts in both.

use crate::error::{BenchError, cannot};
use stack::{DataPlace, SeedOptions, Stack, StackOptions};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use wiring::Environment;

const TABLE: &str = "bench";

/// What the worker gets of the stack's settings.
const SETTINGS: [&str; 11] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_ENDPOINT_URL_DYNAMODB",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "ENTRA_AUTHORITY_HOST",
    "ENTRA_CLIENT_ID",
    "ENTRA_CLIENT_SECRET",
    "ENTRA_TENANT_ID",
    "GRAPH_BASE_URL",
    "SEALING_LOCAL_KEY",
    "TABLE_NAME",
];

/// Table and emulator, with their accounts.
pub(crate) struct Lab {
    stack: Stack,
    store: Store,
}

impl Lab {
    /// Starts them with their data below `folder`, and makes so many accounts, all due at once. Their first turn has to
    /// redeem a refresh token.
    pub(crate) async fn start(accounts: u32, folder: &Path, store: &Handle) -> Result<Self, BenchError> {
        let folder = folder.join(uuid::Uuid::new_v4().simple().to_string());
        std::fs::create_dir_all(&folder).map_err(cannot(format!("make {}", folder.display())))?;
        let store = Store::start(folder.clone(), store).await?;
        let given: Environment = [
            ("AWS_ENDPOINT_URL_DYNAMODB", store.url.as_str()),
            ("TABLE_NAME", TABLE),
            ("SWEEP_IDLE_SECONDS", "1"),
            ("SWEEP_SHARDS", SHARDS),
        ]
        .into_iter()
        .collect();
        let options = StackOptions {
            data: DataPlace::Folder(folder.join("stack")),
            environment: given.clone(),
            ..StackOptions::for_tests()
        };
        let stack = Stack::start(options).await.map_err(cannot("start the stack"))?;
        let seed = SeedOptions { accounts, tenants: 1, due_within_seconds: 0, revoked_percent: 0, seed: 1 };
        let never = AtomicBool::new(false);
        stack::seed(&given, stack.data_folder(), seed, &never, &|_| ())
            .await
            .map_err(cannot("make accounts"))?;
        Ok(Self { stack, store })
    }

    /// The variables of a worker whose accounts have their turns so many seconds apart.
    pub(crate) fn variables(&self, interval_seconds: u32) -> Vec<(String, String)> {
        let environment = self.stack.environment();
        let settings = SETTINGS.iter().filter_map(|name| Some((*name, environment.get(name)?.to_owned())));
        settings
            .chain([
                ("ENTRA_ALLOWED_CLIENTS", "*".to_owned()),
                ("SWEEP_IDLE_SECONDS", "1".to_owned()),
                ("SWEEP_INTERVAL_SECONDS", interval_seconds.to_string()),
                ("SWEEP_SHARDS", SHARDS.to_owned()),
            ])
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Stops everything and removes the data.
    pub(crate) async fn stop(self) -> Result<(), BenchError> {
        self.stack.stop().await;
        self.store.stop().await
    }
}

/// Few, so that reading empty shards weighs as little with 1,000 accounts as with many.
const SHARDS: &str = "4";

/// The embedded table server, on threads of its own.
struct Store {
    url: String,
    folder: PathBuf,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), String>>,
}

impl Store {
    async fn start(folder: PathBuf, threads: &Handle) -> Result<Self, BenchError> {
        let file = folder.join("table.db").display().to_string();
        let unusable = |error: dynoxide::DynoxideError| BenchError::Cannot {
            action: format!("open {file}"),
            reason: error.to_string(),
        };
        let database = dynoxide::Database::new(&file).map_err(unusable)?;
        // No write waits for the disk, as in `cargo local`.
        database.disable_bulk_loading().map_err(unusable)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, address) = oneshot::channel();
        let task = threads.spawn(async move {
            // Bound on these threads, because they are the ones that wait for its connections.
            let listener =
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| error.to_string())?;
            let address = listener.local_addr().map_err(|error| error.to_string())?;
            // Nobody who waits is nobody who asks.
            let _ = tell.send(address);
            let stopped = async move {
                let _ = stopped.await;
            };
            dynoxide::server::serve_with_shutdown(listener, database, stopped).await
        });
        let address = address.await.map_err(cannot("start the table's server"))?;
        Ok(Self { url: format!("http://{address}"), folder, stop, task })
    }

    async fn stop(self) -> Result<(), BenchError> {
        // It may have stopped by itself, which the task then tells.
        let _ = self.stop.send(());
        let served = self.task.await.map_err(cannot("stop the table's server"))?;
        served.map_err(|reason| BenchError::Cannot { action: "serve the table".to_owned(), reason })?;
        let folder = self.folder;
        std::fs::remove_dir_all(&folder).map_err(cannot(format!("remove {}", folder.display())))
    }
}
