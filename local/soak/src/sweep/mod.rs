//! Sweeps of many accounts by several worker processes over a queue, while workers are killed and every task is delivered
//! twice.
//!
//! In every turn each account must be acted for: by one worker at a time, and a second time only where a kill fell between
//! acting and recording it.

mod environment;
mod gate;
mod kills;
mod ledger;
mod pool;
mod population;

pub(crate) use environment::work;

use crate::error::{SoakError, cannot, promise};
use crate::progress::Progress;
use crate::tally::Tally;
use domain::account::DueAccount;
use domain::identity::Pseudonyms;
use domain::ports::Clock as _;
use domain::services::Services;
use domain::sweep_accounts::dry_run;
use kills::Kills;
use ledger::Ledger;
use pool::{Pool, Start};
use population::Population;
use serde_json::{Value, json};
use stack::{BusOptions, EventBus, Faults, Stack, StackOptions};
use std::sync::Arc;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

/// Accounts in a shard, about, while there are few: more than two pages of the index.
const SHARD_SIZE: u32 = 500;
const FEWEST_SHARDS: u32 = 4;
const MOST_SHARDS: u32 = 16;
/// Time between two turns of an account, in seconds: 9 hours. Tokens live for 24 and are to be renewed after 12, so that of
/// three turns one finds none, one takes what is there, and one renews it.
const INTERVAL_SECONDS: i64 = 9 * 3600;
/// Longer than a lease (2 minutes) and than the first pauses after failures.
const PAST_LEASES_SECONDS: i64 = 150;
/// Above the function's time limit, as SQS demands.
const VISIBILITY_FACTOR: i32 = 6;
/// How often a task is handed out. Workers are killed here every few seconds, so the template's 5 would not do.
const MOST_RECEIVES: u32 = 50;
/// Ticks of a round. After the first only what killed workers had is left.
const MOST_TICKS: u32 = 12;
/// How often the progress line is brought up to date.
const LOOK: Duration = Duration::from_millis(200);

/// What to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) accounts: u32,
    /// With kills and double delivery; a last one without follows.
    pub(crate) turns: u32,
    pub(crate) workers: u16,
    /// Accounts between two kills, on average; 0 is never.
    pub(crate) kill_every: u64,
    /// Turns that a worker has under way at once.
    pub(crate) concurrency: u16,
    /// Of one invocation.
    pub(crate) time_limit: Duration,
}

struct Run {
    options: Options,
    stack: Stack,
    bus: EventBus,
    pool: Arc<Pool>,
    ledger: Arc<Ledger>,
    kills: Arc<Kills>,
    population: Population,
    /// Ends the queue's work when it is dropped.
    _stop: watch::Sender<bool>,
}

/// Runs all turns; gives a table of what happened.
pub(crate) async fn run(options: Options, tally: &Arc<Tally>) -> Result<Vec<String>, SoakError> {
    let run = Run::start(options, tally.clone()).await?;
    run.seed().await?;
    let begun = Instant::now();
    let mut lines = Vec::new();
    for turn in 1..=options.turns {
        lines.push(run.turn(&format!("turn {turn}"), false).await?);
    }
    // A task that was handed on wrongly, or not at all, may be made good by its twin. Here it has none.
    lines.push(run.turn("a turn without faults", true).await?);
    let seconds = begun.elapsed().as_secs_f64();
    lines.extend(run.table(seconds));
    run.pool.close().await;
    run.stack.stop().await;
    Ok(lines)
}

impl Run {
    async fn start(options: Options, tally: Arc<Tally>) -> Result<Self, SoakError> {
        let mut environment = wiring::Environment::default();
        let shards = (options.accounts / SHARD_SIZE).clamp(FEWEST_SHARDS, MOST_SHARDS);
        environment.set("SWEEP_SHARDS", shards.to_string());
        environment.set("SWEEP_INTERVAL_SECONDS", INTERVAL_SECONDS.to_string());
        environment.set("SWEEP_CONCURRENCY", options.concurrency.to_string());
        let stack = Stack::start(StackOptions { environment, ..StackOptions::for_tests() })
            .await
            .map_err(cannot("start the stack"))?;
        let ledger = Ledger::new(options.concurrency.into());
        let kills = Arc::new(Kills::new(ledger.clone(), options.seed, options.kill_every));
        let visibility_timeout = options.time_limit.try_into().map_err(cannot("take this time limit"))?;
        let visibility_timeout: time::Duration = visibility_timeout;
        let bus_options = BusOptions {
            visibility_timeout: visibility_timeout * VISIBILITY_FACTOR,
            max_receive_count: MOST_RECEIVES,
            max_concurrency: options.workers.into(),
            ..BusOptions::default()
        };
        let bus = EventBus::new(&bus_options, stack.clock().clone(), Pseudonyms::new("soak"));
        let (listener, bus_address) = crate::world::listen().await?;
        crate::world::serve(listener, bus.router());
        let emulator = stack.emulator().ok_or_else(|| cannot("reach the emulator")("there is none"))?;
        let start = Start {
            program: std::env::current_exe().map_err(cannot("find this program"))?,
            variables: variables(stack.environment(), &bus_address),
            emulator: emulator.router(),
            clock: stack.clock().clone(),
            time_limit: options.time_limit,
        };
        let pool = Arc::new(Pool::new(start, options.workers.into(), ledger.clone(), kills.clone(), tally));
        let stop = watch::Sender::new(false);
        let function = {
            let pool = pool.clone();
            move |event: Value| {
                let pool = pool.clone();
                async move { pool.invoke(event).await }
            }
        };
        tokio::spawn(bus.clone().run(function, stop.subscribe()));
        let population = Population::plan(options.accounts, options.seed)?;
        Ok(Self { options, stack, bus, pool, ledger, kills, population, _stop: stop })
    }

    async fn seed(&self) -> Result<(), SoakError> {
        let total = u64::from(self.options.accounts);
        let progress = std::sync::Mutex::new(Progress::new("seeded", total));
        let hear = |done: u32| {
            progress.lock().unwrap_or_else(std::sync::PoisonError::into_inner).to(done.into());
        };
        self.population.seed(&self.stack, self.options.seed, &hear).await?;
        progress.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner).finish();
        println!("  {} accounts, of which to be parked: {}", total, self.population.parked());
        Ok(())
    }

    /// Lets every account have one turn. Gives a line about it.
    async fn turn(&self, name: &str, calm: bool) -> Result<String, SoakError> {
        let (begun, since) = (Instant::now(), self.now());
        let (kills, duplicates) = (self.kills.count(), self.ledger.duplicates());
        let deaths = self.ledger.deaths();
        self.bus.set_faults(Faults { deliver_twice: !calm, ..Faults::default() });
        self.kills.suspend(calm);
        self.ledger.begin_round();
        let mut progress = Progress::new("acted for", self.population.well());
        let mut ticks = 0;
        loop {
            self.tick().await?;
            self.drained(&mut progress).await?;
            ticks += 1;
            let due = self.due().await?;
            if due.is_empty() {
                break;
            }
            if ticks == 1 {
                self.only_the_dead_left_something(&due, self.ledger.deaths() - deaths).await?;
            }
            promise(ticks < MOST_TICKS, || {
                format!("after {ticks} ticks {} accounts are still due", due.len())
            })?;
            self.pass(PAST_LEASES_SECONDS)?;
        }
        progress.finish();
        let seconds = begun.elapsed().as_secs_f64();
        self.ledger.check_round(&self.population)?;
        self.population.check(self.services(), since).await?;
        let found = dry_run(self.services()).await.map_err(cannot("look what is due"))?;
        promise(found.lag.is_zero() && found.due.is_empty(), || {
            format!("the lag is {} and {:?} are due, after all had their turn", found.lag, found.due)
        })?;
        let dead = self.bus.state().dead_letters.len();
        promise(dead == 0, || format!("{dead} tasks were given up by the queue"))?;
        self.pass(INTERVAL_SECONDS)?;
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.population.well() as f64 / seconds;
        Ok(format!(
            "  {name:<22} {} acted for in {seconds:.0} s ({rate:.0} per second), {} kills, {} repeated after one, \
             {ticks} ticks, lag {} s",
            self.ledger.acted_in_round(),
            self.kills.count() - kills,
            self.ledger.duplicates() - duplicates,
            found.lag.whole_seconds(),
        ))
    }

    /// What EventBridge's schedule does, and twice, as it may.
    async fn tick(&self) -> Result<(), SoakError> {
        let time = self.now().format(&Rfc3339).map_err(cannot("write the time"))?;
        let event = json!({ "detail-type": "Scheduled Event", "source": "aws.events", "time": time });
        let first = self.pool.invoke(event.clone()).await.map_err(cannot("invoke the function"))?;
        promise(first["dispatched"].is_u64(), || {
            format!("expected a tick to make tasks, it answered {first}")
        })?;
        let second = self.pool.invoke(event).await.map_err(cannot("invoke the function"))?;
        promise(second["repeated"] == json!(true), || {
            format!("expected the second delivery of a tick to be known, it answered {second}")
        })
    }

    /// Until no task is left, those included that wait for the end of their visibility timeout.
    async fn drained(&self, progress: &mut Progress) -> Result<(), SoakError> {
        loop {
            let settled = self.bus.settled();
            tokio::pin!(settled);
            loop {
                tokio::select! {
                    () = &mut settled => break,
                    () = self.ledger.is_broken() => self.ledger.is_kept()?,
                    () = tokio::time::sleep(LOOK) => progress.to(self.ledger.acted_in_round()),
                }
            }
            let hidden = self.bus.state().hidden;
            if hidden == 0 {
                return Ok(());
            }
            // Nobody is at work: what a killed worker had comes back when its time is over.
            let seconds =
                self.options.time_limit.as_secs().saturating_mul(VISIBILITY_FACTOR.unsigned_abs().into());
            self.pass(i64::try_from(seconds).unwrap_or(i64::MAX))?;
        }
    }

    async fn due(&self) -> Result<Vec<DueAccount>, SoakError> {
        let (services, now) = (self.services(), self.now());
        let mut due = Vec::new();
        for shard in services.settings.sweep.shards.names() {
            let mut cursor = None;
            loop {
                let page = services.store.accounts_due(shard, now, 1000, cursor).await;
                let page = page.map_err(cannot("read what is due"))?;
                due.extend(page.accounts);
                cursor = page.next;
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(due)
    }

    /// One tick is enough for all accounts, except those that a dead worker had claimed: they wait for its leases.
    async fn only_the_dead_left_something(&self, due: &[DueAccount], deaths: u64) -> Result<(), SoakError> {
        let most = deaths * u64::from(self.options.concurrency);
        promise(due.len() as u64 <= most, || {
            format!(
                "after {deaths} workers died a tick left {} accounts without their turn, at most {most} can be excused",
                due.len()
            )
        })?;
        for DueAccount { account, .. } in due {
            let record = self.services().store.load(account).await.map_err(cannot("read an account"))?;
            let lease = record.activity.and_then(|activity| activity.lease);
            promise(lease.is_some(), || {
                format!(
                    "account {account} was due, nobody has claimed it, and the tick left it without its turn"
                )
            })?;
        }
        Ok(())
    }

    fn table(&self, seconds: f64) -> Vec<String> {
        let (acts, duplicates) = (self.ledger.acts(), self.ledger.duplicates());
        let (kills, deaths) = (self.kills.count(), self.ledger.deaths());
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = acts as f64 / seconds;
        let line = |name: &str, text: String| format!("  {name:<22} {text}");
        vec![
            line(
                "acted at Graph",
                format!("{acts} times in {seconds:.0} s, {rate:.0} per second with checks"),
            ),
            line(
                "killed",
                format!("{kills} workers; {} ended at their time limit", deaths.saturating_sub(kills)),
            ),
            line(
                "repeated after a kill",
                format!(
                    "{duplicates} turns, at most {} possible",
                    deaths * u64::from(self.options.concurrency)
                ),
            ),
            line("repeated otherwise", "none".to_owned()),
            line("handed on", format!("{} tasks", self.pool.handed_on())),
            line("memory of a worker", format!("{:.1} MB at most", mebibytes(self.kills.peak_kib()))),
        ]
    }

    fn services(&self) -> &Services {
        self.stack.sweeper().services()
    }

    fn now(&self) -> OffsetDateTime {
        self.stack.clock().now()
    }

    /// Only while no worker has anything to do: they hear of it with their next invocation.
    fn pass(&self, seconds: i64) -> Result<(), SoakError> {
        self.stack.clock().advance(seconds).map(|_| ()).map_err(cannot("move the clock"))
    }
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn mebibytes(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

/// What the functions of a stack get, with a bus besides.
fn variables(stack: &wiring::Environment, bus: &str) -> Vec<(String, String)> {
    const OF_THE_STACK: [&str; 13] = [
        "ENTRA_AUTHORITY_HOST",
        "ENTRA_TENANT_ID",
        "ENTRA_CLIENT_ID",
        "ENTRA_CLIENT_SECRET",
        "TABLE_NAME",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "SEALING_LOCAL_KEY",
        "SWEEP_SHARDS",
        "SWEEP_INTERVAL_SECONDS",
        "SWEEP_CONCURRENCY",
    ];
    let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    OF_THE_STACK
        .iter()
        .filter_map(|name| Some((*name, stack.get(name)?)))
        .chain([("EVENT_BUS_NAME", "local"), ("AWS_ENDPOINT_URL_EVENTBRIDGE", bus)])
        .map(own)
        .collect()
}
