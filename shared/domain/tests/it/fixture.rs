//! Services made of fakes that answer well until a test tells them otherwise.

use domain::account::AccountRecord;
use domain::background_job::RefreshProfileSnapshot;
use domain::caller::Caller;
use domain::identity::Pseudonyms;
use domain::ports::{AccountStore, Clock};
use domain::profile::Profile;
use domain::read_profile::{ReadProfileError, read_profile};
use domain::services::{Services, Settings, SweepSettings};
use domain::sweep_accounts::{SweepReport, TurnObserver, Worker, sweep_accounts};
use domain::turn::TurnReport;
use std::sync::{Arc, Mutex};
use test_support::{
    ExchangeCall, FixedClock, InMemoryAccountStore, PlainSealer, RecordingEvents, ScriptedProfileReader,
    ScriptedTokenExchange, SeededChance, sample,
};
use time::Duration;

pub(crate) const IDLE: Duration = Duration::seconds(30);
pub(crate) const INTERVAL: Duration = Duration::hours(1);

pub(crate) struct Fixture {
    pub(crate) clock: FixedClock,
    pub(crate) store: Arc<InMemoryAccountStore>,
    pub(crate) exchange: Arc<ScriptedTokenExchange>,
    pub(crate) profiles: Arc<ScriptedProfileReader>,
    pub(crate) events: Arc<RecordingEvents>,
    pub(crate) services: Services,
}

impl Fixture {
    /// Entra issues tokens for whoever asks, Graph answers with user 1's profile.
    pub(crate) fn new() -> Self {
        let clock = FixedClock::at(sample::NOW);
        let store = Arc::new(InMemoryAccountStore::with_clock(&clock));
        let exchange = Arc::new(ScriptedTokenExchange::default());
        let profiles = Arc::new(ScriptedProfileReader::default());
        let events = Arc::new(RecordingEvents::default());
        let issuing = clock.clone();
        exchange.respond_with(move |call| {
            let mut issued = sample::issued_tokens(1, issuing.now());
            if let ExchangeCall::Refresh { account, .. } = call {
                issued.home_account = Some(*account);
            }
            Ok(issued)
        });
        profiles.respond_with(|_| Ok(sample::fetched_profile(1)));
        let job = RefreshProfileSnapshot {
            profiles: profiles.clone(),
            store: store.clone(),
            events: events.clone(),
            clock: Arc::new(clock.clone()),
        };
        let services = Services {
            store: store.clone(),
            sealer: Arc::new(PlainSealer),
            tokens: exchange.clone(),
            profiles: profiles.clone(),
            job: Arc::new(job),
            events: events.clone(),
            clock: Arc::new(clock.clone()),
            chance: Arc::new(SeededChance::new(7)),
            settings: Arc::new(Settings {
                client_id: sample::CLIENT,
                cache_environment: "login.windows.net".to_owned(),
                graph_scopes: sample::graph_scopes(),
                token_cache_ttl: sample::TTL,
                sweep: SweepSettings {
                    idle: IDLE,
                    interval: INTERVAL,
                    shards: 4,
                    concurrency: 8,
                    lease: Duration::minutes(2),
                },
                pseudonyms: Pseudonyms::new("salt"),
            }),
        };
        Self { clock, store, exchange, profiles, events, services }
    }

    pub(crate) fn caller(&self, number: u32) -> Caller {
        sample::caller(number, self.clock.now())
    }

    pub(crate) async fn read_profile(&self, caller: &Caller) -> Result<Profile, ReadProfileError> {
        read_profile(&self.services, caller).await
    }

    /// The `number`th user signs in, reads their profile and goes away for longer than the idle threshold.
    pub(crate) async fn visit(&self, number: u32) {
        let caller = self.caller(number);
        self.read_profile(&caller).await.expect("a visit works");
    }

    pub(crate) fn go_away(&self) {
        self.clock.advance(IDLE + Duration::seconds(1));
    }

    pub(crate) async fn record(&self, number: u32) -> AccountRecord {
        self.store.load(&sample::account(number)).await.expect("the store answers")
    }

    pub(crate) fn worker() -> Worker {
        Worker { id: "worker".to_owned(), stop_at: None }
    }

    pub(crate) async fn sweep(&self) -> (SweepReport, Vec<TurnReport>) {
        let turns = Turns::default();
        let report =
            sweep_accounts(&self.services, &Self::worker(), &turns).await.expect("the due index can be read");
        (report, turns.0.into_inner().expect("no observer panicked"))
    }
}

/// Keeps the turns in the order in which they ended.
#[derive(Default)]
pub(crate) struct Turns(pub(crate) Mutex<Vec<TurnReport>>);

impl TurnObserver for Turns {
    fn turn_ended(&self, report: &TurnReport) {
        self.0.lock().expect("no observer panicked").push(report.clone());
    }
}
