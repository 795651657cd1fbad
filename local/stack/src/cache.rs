//! The MSAL cache of one account, out of the table and into it. For data that is sealed with a local key.

use crate::attached::{AttachError, Attached, Needs};
use crate::data_folder::write_private;
use domain::identity::HomeAccountId;
use domain::services::Services;
use domain::token_cache::{CacheError, open_account};
use msal_cache::{FormatError, UnifiedCache};
use serde_json::Value;
use std::io;
use std::path::{Path, PathBuf};
use wiring::Environment;

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
    Attach(#[from] AttachError),
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
    let table = open_table(environment, folder).await?;
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
    let table = open_table(environment, folder).await?;
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

async fn open_table(environment: &Environment, folder: &Path) -> Result<Attached, CacheCommandError> {
    if environment.get("SEALING_KEY_ARN").is_some() {
        return Err(CacheCommandError::KmsSealed);
    }
    Ok(Attached::open(environment, folder, Needs::Table).await?)
}
