//! What survives a restart: keys and user states, in one small JSON file that only its owner can read.

use std::collections::BTreeMap;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::identifiers::ObjectId;
use crate::sealed::KEY_LEN;
use crate::signing_keys::{SigningKeys, StoredKey};
use crate::user_state::UserState;

/// The format this version writes and reads.
const VERSION: u32 = 1;

/// Why the emulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The file exists but cannot be read.
    #[error("cannot read the state file {}; check its permissions", path.display())]
    Read {
        /// The state file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write the state file {}; check that its folder is writable", path.display())]
    Write {
        /// The state file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is not one that this version wrote.
    #[error("the state file {} is damaged or of another version ({reason}); delete it to start afresh", path.display())]
    Damaged {
        /// The state file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
    /// The public address cannot be the base of issuers.
    #[error(
        "the public address must be http or https without path, query or fragment, such as http://localhost:3002, not {0}"
    )]
    PublicUrl(url::Url),
    /// The system could not make an RSA key.
    #[error("cannot generate a signing key")]
    KeyGeneration,
    /// A user, tenant or application list is missing what every request needs.
    #[error("the directory has no tenant; start from Directory::sample()")]
    NoTenant,
}

#[derive(Serialize, Deserialize)]
struct Contents {
    version: u32,
    signing_keys: Vec<StoredKey>,
    sealing_key: String,
    users: BTreeMap<ObjectId, UserState>,
}

/// The restored contents of a state file.
pub(crate) struct Restored {
    pub(crate) keys: SigningKeys,
    pub(crate) sealing_key: [u8; KEY_LEN],
    pub(crate) users: BTreeMap<ObjectId, UserState>,
}

/// `None` when there is no file yet.
pub(crate) fn load(path: &Path) -> Result<Option<Restored>, StartError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StartError::Read { path: path.to_owned(), source }),
    };
    let damaged = |reason: String| StartError::Damaged { path: path.to_owned(), reason };
    let contents: Contents = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    if contents.version != VERSION {
        return Err(damaged(format!("version {}, expected {VERSION}", contents.version)));
    }
    let keys = SigningKeys::restore(&contents.signing_keys)
        .ok_or_else(|| damaged("a signing key cannot be read".into()))?;
    let sealing_key = STANDARD
        .decode(&contents.sealing_key)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| damaged(format!("the sealing key is not {KEY_LEN} bytes")))?;
    Ok(Some(Restored { keys, sealing_key, users: contents.users }))
}

/// Replaces the file in one step, so that a crash leaves the old or the new one.
pub(crate) fn save(
    path: &Path,
    keys: &SigningKeys,
    sealing_key: &[u8; KEY_LEN],
    users: &BTreeMap<ObjectId, UserState>,
) -> io::Result<()> {
    let contents = Contents {
        version: VERSION,
        signing_keys: keys.to_stored(),
        sealing_key: STANDARD.encode(sealing_key),
        users: users
            .iter()
            .filter(|(_, state)| **state != UserState::default())
            .map(|(id, state)| (*id, state.clone()))
            .collect(),
    };
    let text = serde_json::to_vec_pretty(&contents)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    let temporary = PathBuf::from(temporary);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(&text)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)
}
