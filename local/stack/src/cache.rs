//! The MSAL cache of one account, out of the table and into it. For data that is sealed with a local key.

use crate::addresses::Addresses;
use crate::clock::OffsetClock;
use crate::data_folder::{DataFolder, DataFolderError, DataPlace, write_private};
use crate::database::{self, DatabaseError};
use crate::listeners::Loopback;
use crate::servers::Servers;
use crate::settings::{self, Authority, Database};
use domain::identity::HomeAccountId;
use domain::services::Services;
use domain::token_cache::{CacheError, open_account};
use msal_cache::{FormatError, UnifiedCache};
use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store_dynamodb::table::{self, TableError};
use wiring::{AwsClients, Environment, Time};

/// The largest file that is read: what a table item can hold.
const MAX_FILE_BYTES: u64 = 400 * 1024;

/// Why a cache was not exported or imported.
#[derive(Debug, thiserror::Error)]
pub enum CacheCommandError {
    #[error("{0:?} is not a home account id: expected <object id>.<tenant id>, two GUIDs with a dot between")]
    AccountId(String),
    #[error("a cache sealed with a KMS key (SEALING_KEY_ARN) is not taken out or put in by this command")]
    KmsSealed,
    #[error("no tokens of account {0} are in the table; its user must sign in first")]
    NothingCached(HomeAccountId),
    #[error("cannot {action} {}", path.display())]
    File {
        action: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{} has {size} bytes; a cache has {MAX_FILE_BYTES} at most", path.display())]
    TooLarge { path: PathBuf, size: u64 },
    #[error("{} is not an MSAL cache file, and nothing was written", path.display())]
    NotACache {
        path: PathBuf,
        #[source]
        source: FormatError,
    },
    /// Importing it would put one user's tokens under another's name, or nothing at all.
    #[error(
        "{} has no tokens of account {account} and client {client_id}, and nothing was written; it has those of {}",
        path.display(), if others.is_empty() { "nobody".to_owned() } else { others.join(", ") }
    )]
    OtherAccount { path: PathBuf, account: HomeAccountId, client_id: String, others: Vec<String> },
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
    #[error("no free port for the database")]
    Port(#[source] io::Error),
    #[error(transparent)]
    Table(#[from] TableError),
    #[error(transparent)]
    Settings(#[from] wiring::StartError),
    #[error(transparent)]
    Cache(#[from] CacheError),
}

/// Writes the account's cache as MSAL's unified JSON to `output` (readable by its owner only), or returns it.
pub async fn export_cache(
    environment: &Environment,
    folder: &Path,
    account: &str,
    output: Option<&Path>,
) -> Result<Option<Vec<u8>>, CacheCommandError> {
    let account = account_id(account)?;
    let table = OpenTable::open(environment, folder).await?;
    let exported = export(&table.services, &account).await;
    table.close().await;
    let json = exported?;
    let Some(path) = output else { return Ok(Some(json)) };
    write_private(path, &json).map_err(failed("write", path))?;
    Ok(None)
}

async fn export(services: &Services, account: &HomeAccountId) -> Result<Vec<u8>, CacheCommandError> {
    let opened = open_account(services, account).await?;
    if opened.record.tokens.is_none() {
        return Err(CacheCommandError::NothingCached(*account));
    }
    Ok(opened.to_json())
}

/// Merges a cache file, as any MSAL library writes it, into the account's cache: the newest tokens win.
pub async fn import_cache(
    environment: &Environment,
    folder: &Path,
    account: &str,
    file: &Path,
) -> Result<(), CacheCommandError> {
    let account = account_id(account)?;
    let bytes = read_file(file)?;
    let tokens = UnifiedCache::parse(&bytes)
        .map_err(|source| CacheCommandError::NotACache { path: file.to_owned(), source })?;
    let table = OpenTable::open(environment, folder).await?;
    let imported = import(&table.services, &account, file, &bytes, tokens).await;
    table.close().await;
    imported
}

async fn import(
    services: &Services,
    account: &HomeAccountId,
    file: &Path,
    bytes: &[u8],
    tokens: UnifiedCache,
) -> Result<(), CacheCommandError> {
    let client_id = services.settings.client_id.to_string();
    let owners = owners(bytes, &client_id);
    if owners.iter().any(|owner| *owner != account.to_string()) || owners.is_empty() {
        let path = file.to_owned();
        return Err(CacheCommandError::OtherAccount { path, account: *account, client_id, others: owners });
    }
    let mut opened = open_account(services, account).await?;
    Ok(opened.import(services, tokens).await?)
}

/// Whose tokens for this client a cache file holds.
fn owners(cache: &[u8], client_id: &str) -> Vec<String> {
    let cache: Value = serde_json::from_slice(cache).unwrap_or_default();
    let mut owners: Vec<String> = ["AccessToken", "RefreshToken"]
        .iter()
        .filter_map(|section| cache[section].as_object())
        .flat_map(|entities| entities.values())
        .filter(|entity| entity["client_id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(client_id)))
        .filter_map(|entity| entity["home_account_id"].as_str().map(str::to_lowercase))
        .collect();
    owners.sort();
    owners.dedup();
    owners
}

fn read_file(path: &Path) -> Result<Vec<u8>, CacheCommandError> {
    let size = std::fs::metadata(path).map_err(failed("read", path))?.len();
    if size > MAX_FILE_BYTES {
        return Err(CacheCommandError::TooLarge { path: path.to_owned(), size });
    }
    std::fs::read(path).map_err(failed("read", path))
}

fn account_id(text: &str) -> Result<HomeAccountId, CacheCommandError> {
    text.trim().to_lowercase().parse().map_err(|_| CacheCommandError::AccountId(text.to_owned()))
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CacheCommandError {
    let path = path.to_owned();
    move |source| CacheCommandError::File { action, path, source }
}

/// The table that a stack with these settings uses, with the key that it is sealed with.
struct OpenTable {
    services: Services,
    /// The database, when it had to be started for this.
    servers: Servers,
    _folder: Option<DataFolder>,
}

impl OpenTable {
    async fn open(environment: &Environment, folder: &Path) -> Result<Self, CacheCommandError> {
        if environment.get("SEALING_KEY_ARN").is_some() {
            return Err(CacheCommandError::KmsSealed);
        }
        let mut servers = Servers::new();
        let (opened, mut addresses) = match DataFolder::open(&DataPlace::Folder(folder.to_owned())) {
            Ok(folder) => (Some(folder), not_running(environment)),
            // A running stack: its own database answers.
            Err(DataFolderError::InUse { path }) => {
                let addresses = Addresses::read(&DataFolder::addresses_of(&path))
                    .map_err(|source| CacheCommandError::NoAddresses { path, source })?;
                (None, addresses)
            }
            Err(error) => return Err(error.into()),
        };
        let sealing_key = DataFolder::sealing_key_of(folder)?;
        if let (Some(folder), Database::Own) = (&opened, Database::of(environment)) {
            let listeners = Loopback::bind_free().await.map_err(CacheCommandError::Port)?;
            addresses.dynamodb = Some(listeners.url());
            let stop = servers.stop_signal();
            database::serve(&folder.database(), listeners, &mut servers.tasks, &stop)?;
        }
        let environment = settings::for_functions(environment, &addresses, &sealing_key);
        if opened.is_some() && addresses.dynamodb.is_some() {
            // A new data file has no table yet.
            let client = AwsClients::new(&environment).await.dynamodb;
            table::create(&client, environment.get("TABLE_NAME").unwrap_or_default()).await?;
        }
        let time = Time::with_clock(Arc::new(OffsetClock::default()));
        let services = wiring::sweep_services(&environment, time).await?;
        Ok(Self { services, servers, _folder: opened })
    }

    async fn close(self) {
        self.servers.stop().await;
    }
}

/// The addresses that a stack would have; nothing is sent to them. The authority's host name is part of a cache, so the
/// emulator's is that of the usual port.
fn not_running(environment: &Environment) -> Addresses {
    let emulator = (Authority::of(environment) == Authority::Own).then(|| "http://localhost:3002".to_owned());
    Addresses {
        page: "http://localhost:3000".to_owned(),
        api: "http://localhost:3001".to_owned(),
        emulator,
        dynamodb: None,
        control: None,
    }
}
