//! What users and workers do, in one line each.

use domain::account::AccountRecord;
use domain::caller::Caller;
use domain::ports::{AccountStore, Clock};
use domain::profile::Profile;
use domain::read_profile::{ReadProfileError, read_profile};
use domain::sweep_accounts::{SweepReport, TurnObserver, Worker, sweep_accounts};
use domain::turn::TurnReport;
use std::ops::Deref;
use std::sync::Mutex;
use test_support::{Fakes, sample};
use time::{Duration, OffsetDateTime};
use tokio::task::JoinHandle;

pub(crate) const IDLE: Duration = Duration::seconds(30);
pub(crate) const INTERVAL: Duration = Duration::hours(1);

/// The fakes, and what users and workers do with them.
#[derive(Default)]
pub(crate) struct Fixture(Fakes);

impl Deref for Fixture {
    type Target = Fakes;

    fn deref(&self) -> &Fakes {
        &self.0
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn now(&self) -> OffsetDateTime {
        self.clock.now()
    }

    pub(crate) fn caller(&self, number: u32) -> Caller {
        sample::caller(number, self.clock.now())
    }

    pub(crate) async fn read_profile(&self, caller: &Caller) -> Result<Profile, ReadProfileError> {
        read_profile(&self.services, caller, None).await
    }

    /// The `number`th user signs in and reads their profile.
    pub(crate) async fn visit(&self, number: u32) {
        let caller = self.caller(number);
        self.read_profile(&caller).await.expect("a visit works");
    }

    /// Everybody stays away for longer than the idle threshold.
    pub(crate) fn go_away(&self) {
        self.clock.advance(IDLE + Duration::seconds(1));
    }

    pub(crate) async fn record(&self, number: u32) -> AccountRecord {
        self.store.load(&sample::account(number)).await.expect("the store answers")
    }

    /// A request that goes on while the test does something else.
    pub(crate) fn start_reading(&self, caller: &Caller) -> JoinHandle<Result<Profile, ReadProfileError>> {
        let (services, caller) = (self.services.clone(), caller.clone());
        tokio::spawn(async move { read_profile(&services, &caller, None).await })
    }

    /// A sweep by another worker that goes on while the test does something else.
    pub(crate) fn start_sweep(&self) -> JoinHandle<SweepReport> {
        let services = self.services.clone();
        tokio::spawn(async move {
            let worker = Worker { id: "another worker".to_owned(), stop_at: None, deadline: None };
            let swept = sweep_accounts(&services, &worker, &Turns::default()).await;
            swept.expect("the due index can be read")
        })
    }

    pub(crate) fn worker() -> Worker {
        Worker { id: "worker".to_owned(), stop_at: None, deadline: None }
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
