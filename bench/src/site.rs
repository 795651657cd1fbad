//! What a function needs around it: a table on disk, the emulator, and accounts in both.

use crate::error::{BenchError, cannot};
use crate::store::{STORE_THREADS, Store, runtime};
use entra_emulator::Emulator;
use lambda_host::Program;
use stack::{DataPlace, SeedOptions, Stack, StackOptions};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use tokio::runtime::Handle;
use wiring::Environment;

pub(crate) const TABLE: &str = "bench";

/// What the functions get of the stack's settings.
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

/// Few, so that reading empty shards weighs as little with 1,000 accounts as with many.
const SHARDS: &str = "4";

/// Variables of a program, by name.
pub(crate) type Variables = Vec<(String, String)>;

/// What `work` comes to on a site with its data below `folder`, where a run that was broken off may have left some.
pub(crate) fn on_site<T>(
    folder: &Path,
    work: impl AsyncFnOnce(&Site) -> Result<T, BenchError>,
) -> Result<T, BenchError> {
    empty_folder(folder)?;
    let (host, store) = (runtime("host")?, runtime(STORE_THREADS)?);
    host.block_on(async {
        let site = Site::start(folder, store.handle()).await?;
        let done = work(&site).await;
        let stopped = site.stop().await;
        // Why the work failed says more than that its remains could not be put away.
        let done = done?;
        stopped?;
        Ok(done)
    })
}

/// Makes the folder, with nothing in it.
pub(crate) fn empty_folder(folder: &Path) -> Result<(), BenchError> {
    if folder.exists() {
        std::fs::remove_dir_all(folder).map_err(cannot(format!("empty {}", folder.display())))?;
    }
    std::fs::create_dir_all(folder).map_err(cannot(format!("make {}", folder.display())))
}

/// Table and emulator, with their accounts.
pub(crate) struct Site {
    stack: Stack,
    store: Store,
    given: Environment,
}

impl Site {
    /// Starts them with their data below `folder`, nobody in it.
    pub(crate) async fn start(folder: &Path, store: &Handle) -> Result<Self, BenchError> {
        let folder = folder.join(uuid::Uuid::new_v4().simple().to_string());
        std::fs::create_dir_all(&folder).map_err(cannot(format!("make {}", folder.display())))?;
        let store = Store::start(folder.clone(), store).await?;
        let given: Environment = [
            ("AWS_ENDPOINT_URL_DYNAMODB", store.url()),
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
        Ok(Self { stack, store, given })
    }

    /// Makes what is missing of the first so many accounts, whose turns are spread over so many seconds from now on. Their
    /// first turn has to redeem a refresh token.
    pub(crate) async fn seed(&self, accounts: u32, due_within_seconds: u32) -> Result<(), BenchError> {
        let seed = SeedOptions { accounts, tenants: 1, due_within_seconds, revoked_percent: 0, seed: 1 };
        let never = AtomicBool::new(false);
        stack::seed(&self.given, self.stack.data_folder(), seed, &never, &|_| ())
            .await
            .map_err(cannot("make accounts"))?;
        Ok(())
    }

    /// The variables of a worker whose accounts have their turns so many seconds apart.
    pub(crate) fn worker_variables(&self, interval_seconds: u32) -> Variables {
        let more = [
            ("SWEEP_IDLE_SECONDS", "1".to_owned()),
            ("SWEEP_INTERVAL_SECONDS", interval_seconds.to_string()),
        ];
        self.variables(more)
    }

    /// The variables of a function, and more.
    pub(crate) fn variables<const N: usize>(&self, more: [(&str, String); N]) -> Variables {
        let environment = self.stack.environment();
        let settings = SETTINGS.iter().filter_map(|name| Some((*name, environment.get(name)?.to_owned())));
        settings
            .chain([("ENTRA_ALLOWED_CLIENTS", "*".to_owned()), ("SWEEP_SHARDS", SHARDS.to_owned())])
            .chain(more)
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// A program that has the site's settings and none of its own.
    pub(crate) fn program(&self, path: &Path) -> Program {
        Program { path: path.to_owned(), arguments: Vec::new(), variables: self.variables([]) }
    }

    /// # Panics
    /// Never: the site's environment names no other authority.
    pub(crate) fn emulator(&self) -> &Emulator {
        self.stack.emulator().expect("the stack has an emulator of its own")
    }

    /// The address of the table's server.
    pub(crate) fn table_url(&self) -> &str {
        self.store.url()
    }

    /// Stops everything and removes the data.
    pub(crate) async fn stop(self) -> Result<(), BenchError> {
        self.stack.stop().await;
        self.store.stop().await
    }
}

/// Sets one of them.
pub(crate) fn set(variables: &mut Variables, name: &str, value: impl Into<String>) {
    variables.retain(|(present, _)| present != name);
    variables.push((name.to_owned(), value.into()));
}
