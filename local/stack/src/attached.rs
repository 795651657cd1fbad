//! The table and the emulator of a stack, for commands of their own: those of the running stack, or started for the command.

use crate::addresses::Addresses;
use crate::clock::OffsetClock;
use crate::data_folder::{DataFolder, DataFolderError, DataPlace};
use crate::database::{self, DatabaseError, patient};
use crate::listeners::Loopback;
use crate::servers::Servers;
use crate::settings::{self, Authority, Database};
use domain::ports::Clock as _;
use domain::services::{Services, Settings};
use entra_emulator::{Directory, Emulator};
use serde::Deserialize;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store_dynamodb::table::{self, TableError};
use time::OffsetDateTime;
use url::Url;
use wiring::{AwsClients, Environment, Time};

/// Where the emulator of a stack is unless another port was asked for. It is part of what is cached and issued, so a command
/// names it although its own emulator listens elsewhere.
const USUAL_EMULATOR: &str = "http://localhost:3002";

/// Why a stack's data cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    #[error(transparent)]
    DataFolder(#[from] DataFolderError),
    #[error("the data folder {} is in use, but not by a stack that says where it can be reached", path.display())]
    NoAddresses {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Database(#[from] DatabaseError),
    #[error("no free port")]
    Port(#[source] io::Error),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Emulator(#[from] entra_emulator::StartError),
    #[error("the emulator at {url} does not answer as one")]
    EmulatorAnswer {
        url: String,
        #[source]
        source: reqwest::Error,
    },
    #[error(transparent)]
    Settings(#[from] wiring::StartError),
}

/// Whether the command talks to Entra ID and Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    Table,
    TableAndEmulator,
}

/// What a stack with these settings uses.
pub(crate) struct Attached {
    pub(crate) services: Services,
    pub(crate) client: aws_sdk_dynamodb::Client,
    pub(crate) table: String,
    pub(crate) clock: OffsetClock,
    /// Base address of the emulator, where it is needed and sign-in is not somebody else's.
    pub(crate) emulator: Option<String>,
    /// What had to be started for this.
    servers: Servers,
    _folder: Option<DataFolder>,
}

impl Attached {
    pub(crate) async fn open(
        environment: &Environment,
        folder: &Path,
        needs: Needs,
    ) -> Result<Self, AttachError> {
        let clock = OffsetClock::default();
        let mut servers = Servers::new();
        let (opened, mut addresses) = match DataFolder::open(&DataPlace::Folder(folder.to_owned())) {
            Ok(folder) => (Some(folder), not_running(environment)),
            // A running stack: its own database answers.
            Err(DataFolderError::InUse { path }) => {
                let addresses = Addresses::read(&DataFolder::addresses_of(&path))
                    .map_err(|source| AttachError::NoAddresses { path, source })?;
                (None, addresses)
            }
            Err(error) => return Err(error.into()),
        };
        let sealing_key = DataFolder::sealing_key_of(folder)?;
        let stop = servers.stop_signal();
        if let (Some(folder), Database::Own) = (&opened, Database::of(environment)) {
            let listeners = Loopback::bind_free().await.map_err(AttachError::Port)?;
            addresses.dynamodb = Some(listeners.url());
            database::serve(&folder.database(), listeners, &mut servers.tasks, &stop)?;
        }
        if let (Some(folder), Needs::TableAndEmulator, Some(_)) = (&opened, needs, &addresses.emulator) {
            let listeners = Loopback::bind_free().await.map_err(AttachError::Port)?;
            addresses.emulator = Some(listeners.url());
            let emulator = start_emulator(USUAL_EMULATOR, folder, &clock)?;
            listeners.serve(emulator.router(), &mut servers.tasks, &stop);
        }
        if let (None, Some(emulator)) = (&opened, &addresses.emulator) {
            follow(&clock, emulator).await?;
        }
        let environment = settings::for_functions(environment, &addresses, &sealing_key);
        let client = AwsClients::new(&environment).await.dynamodb;
        let table = environment.get("TABLE_NAME").unwrap_or_default().to_owned();
        if opened.is_some() && addresses.dynamodb.is_some() {
            // A new data file has no table yet.
            table::create(&patient(&client), &table).await?;
        }
        let time = Time::with_clock(Arc::new(clock.clone()));
        let mut services = wiring::sweep_services(&environment, time).await?;
        if opened.is_some() && addresses.emulator.is_some() {
            let cache_environment = USUAL_EMULATOR.trim_start_matches("http://").to_owned();
            services.settings =
                Arc::new(Settings { cache_environment, ..services.settings.as_ref().clone() });
        }
        let emulator = addresses.emulator.filter(|_| needs == Needs::TableAndEmulator);
        Ok(Self { services, client, table, clock, emulator, servers, _folder: opened })
    }

    pub(crate) async fn close(self) {
        self.servers.stop().await;
    }
}

/// Starts the emulator of this folder's data, not yet served.
pub(crate) fn start_emulator(
    url: &str,
    folder: &DataFolder,
    clock: &OffsetClock,
) -> Result<Emulator, entra_emulator::StartError> {
    Emulator::start(entra_emulator::Settings {
        public_url: Url::parse(url).expect("an address with a port is a URL"),
        state_file: Some(folder.emulator()),
        directory: Directory::sample(),
        clock: Arc::new(clock.clone()),
    })
}

#[derive(Deserialize)]
struct EmulatorState {
    clock: EmulatorClock,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EmulatorClock {
    #[serde(with = "time::serde::rfc3339")]
    now: OffsetDateTime,
    /// What was added to the emulator's clock alone.
    offset_seconds: i64,
}

/// Moves `clock` to the time of a running stack, which may have been moved on by its control routes.
async fn follow(clock: &OffsetClock, emulator: &str) -> Result<(), AttachError> {
    let failed = |source| AttachError::EmulatorAnswer { url: emulator.to_owned(), source };
    let answer = reqwest::get(format!("{emulator}/emulator/api/state")).await.map_err(failed)?;
    let state: EmulatorState = answer.error_for_status().map_err(failed)?.json().await.map_err(failed)?;
    let theirs = state.clock.now - time::Duration::seconds(state.clock.offset_seconds);
    let ahead = (theirs - clock.now()).whole_seconds();
    // A refused step is one that the running stack would have refused, too.
    let _ = clock.advance(ahead.max(0));
    Ok(())
}

/// The addresses that a stack would have; nothing is sent to them.
fn not_running(environment: &Environment) -> Addresses {
    let emulator = (Authority::of(environment) == Authority::Own).then(|| USUAL_EMULATOR.to_owned());
    Addresses {
        page: "http://localhost:3000".to_owned(),
        api: "http://localhost:3001".to_owned(),
        accounts: "http://localhost:3005".to_owned(),
        emulator,
        dynamodb: None,
        event_bus: None,
        control: None,
    }
}
