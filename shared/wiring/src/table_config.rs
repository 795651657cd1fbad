//! What it takes to look at a deployment's accounts and to park them: no credential and no key.

use crate::app::pseudonyms;
use crate::config::{ConfigError, Reader};
use crate::environment::Environment;
use domain::identity::{ClientId, Pseudonyms};
use domain::shard::Shards;

/// Which accounts: those of one application in one table.
#[derive(Debug, Clone)]
pub struct TableConfig {
    pub table_name: String,
    pub client_id: ClientId,
    pub shards: Shards,
}

impl TableConfig {
    /// The same variables as the functions', and no others.
    pub fn read(environment: &Environment) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let table_name = reader.required::<String>("TABLE_NAME");
        let client_id = reader.required::<ClientId>("ENTRA_CLIENT_ID");
        let shards = reader.shards();
        match (table_name, client_id, shards) {
            (Some(table_name), Some(client_id), Some(shards)) if reader.problems.is_empty() => {
                Ok(Self { table_name, client_id, shards })
            }
            _ => Err(ConfigError { problems: reader.problems }),
        }
    }

    /// What the accounts are called in the deployment's logs.
    pub fn pseudonyms(&self) -> Pseudonyms {
        pseudonyms(&self.table_name, &self.client_id)
    }
}
