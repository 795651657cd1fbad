//! What every use case is given: the ports, and the settings that are rules rather than addresses.

use crate::background_job::BackgroundJob;
use crate::brake::Brakes;
use crate::identity::{ClientId, Pseudonyms};
use crate::metrics::Metrics;
use crate::opened_blobs::OpenedBlobs;
use crate::ports::{
    AccountStore, Chance, Clock, EventPublisher, ProfileReader, Sealer, ShardTaskQueue, Timer, TokenExchange,
};
use crate::scope::ScopeSet;
use crate::shard::Shards;
use crate::single_flight::SingleFlight;
use std::sync::Arc;
use time::Duration;

/// Ports and settings of one running function.
#[derive(Clone)]
pub struct Services {
    pub store: Arc<dyn AccountStore>,
    pub sealer: Arc<dyn Sealer>,
    pub tokens: Arc<dyn TokenExchange>,
    pub profiles: Arc<dyn ProfileReader>,
    pub job: Arc<dyn BackgroundJob>,
    pub events: Arc<dyn EventPublisher>,
    /// Where shards are handed to workers; `None`: whoever gets the tick sweeps them all.
    pub queue: Option<Arc<dyn ShardTaskQueue>>,
    pub clock: Arc<dyn Clock>,
    pub chance: Arc<dyn Chance>,
    pub timer: Arc<dyn Timer>,
    /// Shared by everything that runs in one process.
    pub flights: Arc<SingleFlight>,
    /// Likewise.
    pub brakes: Arc<Brakes>,
    /// Likewise.
    pub opened: Arc<OpenedBlobs>,
    /// Likewise.
    pub metrics: Arc<Metrics>,
    pub settings: Arc<Settings>,
}

/// The rules of a deployment. All functions of it must agree on them.
#[derive(Clone)]
pub struct Settings {
    /// Our own application, for which tokens are obtained and cached.
    pub client_id: ClientId,
    /// Host name under which MSAL caches entries of this cloud.
    pub cache_environment: String,
    /// The delegated permissions used downstream.
    pub graph_scopes: ScopeSet,
    /// Sliding life of a user's items; never beyond the refresh token's own.
    pub token_cache_ttl: Duration,
    pub sweep: SweepSettings,
    pub pseudonyms: Pseudonyms,
}

/// How the sweep goes about its work.
#[derive(Debug, Clone)]
pub struct SweepSettings {
    /// For how long a user must have been away before the sweep acts for them.
    pub idle: Duration,
    /// Time between two turns of one account.
    pub interval: Duration,
    pub shards: Shards,
    /// Accounts in flight per worker.
    pub concurrency: usize,
    /// How long a worker may hold an account: above the sum of all timeouts of a turn.
    pub lease: Duration,
}

impl SweepSettings {
    /// How old `last_activity` may grow before it is written again: a tenth of the idle threshold, at most 15 minutes.
    ///
    /// It bounds the writes per user; the price is that a turn may come earlier by as much, which harms nobody.
    pub fn activity_margin(&self) -> Duration {
        (self.idle / 10_i32).min(Duration::minutes(15))
    }
}
