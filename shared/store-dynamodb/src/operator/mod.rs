//! Accounts as the person sees and changes them who looks after a deployment: all of them, what is kept of one, park and
//! release.
//!
//! A type of its own, of which no port knows: the functions, which see ports only, can neither read the whole table nor
//! park anybody. Their roles may not `Scan` either.

mod change;
mod inspect;
mod list;

pub use change::Change;
pub use inspect::{Inspection, Part, ProfileSummary, QuarantineSummary, Standing, TokensSummary};
pub use list::{AccountPage, AccountQuery, Listed};

use crate::store::DynamoDbAccountStore;
use aws_sdk_dynamodb::Client;
use domain::identity::ClientId;
use domain::ports::Clock;
use domain::shard::Shards;
use std::sync::Arc;

/// The table of one application's accounts, for an operator.
pub struct OperatorTable {
    store: DynamoDbAccountStore,
}

impl OperatorTable {
    /// `client` must have its timeouts set. `shards` must be those of the deployment's functions: a released account goes
    /// into one of them.
    pub fn new(
        client: Client,
        table: String,
        client_id: ClientId,
        shards: Shards,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { store: DynamoDbAccountStore::new(client, table, client_id, shards, clock) }
    }

    /// The same accounts as the functions see them.
    pub fn accounts(&self) -> &DynamoDbAccountStore {
        &self.store
    }
}
