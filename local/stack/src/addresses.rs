//! Where the parts of a stack are.

use crate::data_folder::write_private;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;

/// Base addresses, all of this machine; `None` for a part that the stack did not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Addresses {
    pub page: String,
    pub api: String,
    /// The page of accounts.
    pub accounts: String,
    /// Entra ID and Graph; `None` with a tenant of one's own.
    pub emulator: Option<String>,
    /// `None` with a database of one's own.
    pub dynamodb: Option<String>,
    /// `PutEvents`; `None` without a bus, or with one of one's own.
    #[serde(default)]
    pub event_bus: Option<String>,
    /// Only with `--control`.
    pub control: Option<String>,
}

impl Addresses {
    /// Writes them as JSON, whole or not at all, so that who waits for the file never reads half of it.
    pub fn write(&self, file: &Path) -> io::Result<()> {
        write_private(file, &serde_json::to_vec_pretty(self)?)
    }

    pub(crate) fn read(file: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(file)?)?)
    }
}
