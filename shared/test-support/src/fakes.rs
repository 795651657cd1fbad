//! Services made of fakes that answer well until a test tells them otherwise.

use crate::{
    FixedClock, InMemoryAccountStore, PlainSealer, RecordingEvents, RecordingMetrics, ScriptedProfileReader,
    ScriptedTokenExchange, SeededChance, sample,
};
use domain::background_job::RefreshProfileSnapshot;
use domain::identity::Pseudonyms;
use domain::metrics::Metrics;
use domain::opened_blobs::OpenedBlobs;
use domain::ports::Clock as _;
use domain::services::{Services, Settings, SweepSettings};
use domain::shard::Shards;
use domain::token::IssuedTokens;
use std::sync::Arc;
use time::Duration;

/// The whole outside world, in memory, with the services that use it.
pub struct Fakes {
    pub clock: FixedClock,
    pub store: Arc<InMemoryAccountStore>,
    pub exchange: Arc<ScriptedTokenExchange>,
    pub profiles: Arc<ScriptedProfileReader>,
    pub events: Arc<RecordingEvents>,
    /// What was published of what was measured.
    pub measured: Arc<RecordingMetrics>,
    pub services: Services,
}

impl Default for Fakes {
    /// At [`sample::NOW`]; Entra issues tokens for whoever asks, Graph answers with user 1's profile.
    fn default() -> Self {
        let clock = FixedClock::at(sample::NOW);
        let store = Arc::new(InMemoryAccountStore::with_clock(&clock));
        let exchange = Arc::new(ScriptedTokenExchange::default());
        let profiles = Arc::new(ScriptedProfileReader::default());
        let events = Arc::new(RecordingEvents::default());
        let measured = Arc::new(RecordingMetrics::default());
        let issuing = clock.clone();
        // Whose tokens they are, the caller knows: nobody here is a guest.
        exchange.respond_with(move |_| {
            Ok(IssuedTokens { home_account: None, ..sample::issued_tokens(1, issuing.now()) })
        });
        profiles.respond_with(|_| Ok(sample::fetched_profile(1)));
        let services = Services {
            store: store.clone(),
            sealer: Arc::new(PlainSealer),
            tokens: exchange.clone(),
            profiles: profiles.clone(),
            job: Arc::new(RefreshProfileSnapshot {
                profiles: profiles.clone(),
                store: store.clone(),
                clock: Arc::new(clock.clone()),
            }),
            events: events.clone(),
            queue: None,
            clock: Arc::new(clock.clone()),
            chance: Arc::new(SeededChance::new(7)),
            timer: Arc::new(clock.clone()),
            flights: Arc::default(),
            opened: Arc::new(OpenedBlobs::of_present_users()),
            brakes: Arc::default(),
            metrics: Arc::new(Metrics::new(Arc::new(clock.clone()), measured.clone())),
            settings: Arc::new(settings()),
        };
        Self { clock, store, exchange, profiles, events, measured, services }
    }
}

/// The documented defaults, with fewer shards and accounts in flight.
fn settings() -> Settings {
    Settings {
        client_id: sample::CLIENT,
        cache_environment: "login.windows.net".to_owned(),
        graph_scopes: sample::graph_scopes(),
        token_cache_ttl: sample::TTL,
        sweep: SweepSettings {
            idle: Duration::seconds(30),
            interval: Duration::hours(1),
            shards: Shards::first(InMemoryAccountStore::SHARDS),
            concurrency: 8,
            lease: Duration::minutes(2),
        },
        pseudonyms: Pseudonyms::new("salt"),
    }
}
