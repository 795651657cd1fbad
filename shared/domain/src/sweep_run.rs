//! Turns for the accounts that are due: as many at once as is good, until the work or the time is over.

use crate::account::{DueAccount, TurnOutcome};
use crate::brake;
use crate::error::StoreError;
use crate::identity::TenantId;
use crate::pace::TurnNumber;
use crate::ports::DueCursor;
use crate::services::Services;
use crate::shard::ShardName;
use crate::sweep_accounts::{SweepReport, TurnObserver, Worker};
use crate::tenant_paces::{Gate, Pressure};
use crate::turn::{TurnReport, take_turn};
use crate::waiting::Waiting;
use futures::StreamExt as _;
use futures::future::{Either, pending, select};
use futures::stream::{self, BoxStream, FuturesUnordered};
use std::collections::HashMap;
use std::pin::pin;
use time::{Duration, OffsetDateTime};

/// Accounts read from the due index at once.
const PAGE: u32 = 200;

/// A brake that ends within this is waited for; accounts under a longer one are left to a later tick. Graph counts its limits
/// per 10 seconds.
const LONGEST_WAIT: Duration = Duration::seconds(10);

/// Accounts that wait in the worker for their tenants; the others wait in the index.
const MOST_WAITING: usize = 1_000;

/// Of these, accounts of one tenant: a worker reads on beyond further ones, and who comes after it begins there.
const MOST_WAITING_OF_A_TENANT: usize = 200;

/// Accounts that a worker reads beyond.
const MOST_PASSED_OVER: u64 = 1_000;

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) report: SweepReport,
    /// What the next worker goes on with; `None` when there is nothing left, or nothing is to be begun any more.
    pub(crate) rest: Option<Rest>,
    /// A part of the index that could not be read.
    pub(crate) unread: Option<StoreError>,
}

/// The rest of a shard.
#[derive(Debug)]
pub(crate) struct Rest {
    /// Where it begins; `None` for the beginning of the shard.
    pub(crate) cursor: Option<DueCursor>,
}

/// A due account and the shard it was found in.
type Found = (ShardName, DueAccount);

/// An account that waits for its tenant, and where it was found: how many were found before it, and which was the last of these.
#[derive(Clone, Copy)]
struct Place {
    account: DueAccount,
    number: u64,
    before: Option<Found>,
}

struct Sweep<'a> {
    services: &'a Services,
    worker: &'a Worker,
    waiting: Waiting<TenantId, Place>,
    /// Turns under way, by tenant.
    in_flight: HashMap<TenantId, usize>,
    found: u64,
    last_found: Option<Found>,
    passed_over: u64,
    first_passed_over: Option<Place>,
    run: Run,
    stopped: bool,
}

/// What happens next.
enum Next {
    Found(Option<Result<Found, StoreError>>),
    Ended(Option<(TurnNumber, TurnReport)>),
    Waited,
}

/// Gives the accounts of these shards their turns that were due at `as_of`; in the first of them from `cursor` on.
///
/// Always to the end of the turns that were begun: leaving would drop them, and their accounts would wait for their leases.
pub(crate) async fn run(
    services: &Services,
    worker: &Worker,
    shards: Vec<ShardName>,
    cursor: Option<DueCursor>,
    as_of: OffsetDateTime,
    observer: &dyn TurnObserver,
) -> Run {
    let mut sweep = Sweep {
        services,
        worker,
        waiting: Waiting::default(),
        in_flight: HashMap::new(),
        found: 0,
        last_found: None,
        passed_over: 0,
        first_passed_over: None,
        run: Run::default(),
        stopped: false,
    };
    let mut due = accounts_due(services, shards, cursor.clone(), as_of).fuse();
    let mut turns = FuturesUnordered::new();
    let mut exhausted = false;
    loop {
        sweep.stop_in_time();
        let may_begin =
            !sweep.stopped && brake::with_paces(services, |paces| paces.allow_one_more(turns.len()));
        if may_begin && let Some(account) = sweep.next_waiting() {
            turns.push(sweep.begin(account));
            continue;
        }
        let may_read = may_begin && !exhausted && sweep.has_room();
        let pause = if may_begin { sweep.pause() } else { None };
        if turns.is_empty() && !may_read && pause.is_none() {
            break;
        }
        let next = {
            let ended = pin!(async {
                if turns.is_empty() { pending().await } else { Next::Ended(turns.next().await) }
            });
            let read = pin!(async { if may_read { Next::Found(due.next().await) } else { pending().await } });
            let waited = pin!(async {
                let Some(pause) = pause else { pending().await };
                services.timer.wait(pause).await;
                Next::Waited
            });
            match select(ended, select(read, waited)).await {
                Either::Left((next, _))
                | Either::Right((Either::Left((next, _)) | Either::Right((next, _)), _)) => next,
            }
        };
        match next {
            Next::Found(Some(Ok((shard, account)))) => {
                if let Some(account) = sweep.found(shard, account, as_of) {
                    turns.push(sweep.begin(account));
                }
            }
            Next::Found(Some(Err(error))) => sweep.run.unread = Some(error),
            Next::Found(None) => exhausted = true,
            Next::Ended(Some((number, report))) => {
                observer.turn_ended(&report);
                sweep.ended(number, &report);
            }
            Next::Ended(None) | Next::Waited => {}
        }
    }
    sweep.finish(exhausted, cursor)
}

impl<'a> Sweep<'a> {
    fn stop_in_time(&mut self) {
        if self.worker.stop_at.is_some_and(|at| self.services.clock.now() >= at) {
            self.stopped = true;
        }
    }

    /// Whether a turn of this tenant may begin.
    fn gate(&self, tenant: TenantId) -> Gate {
        let now = self.services.clock.now();
        let in_flight = self.in_flight.get(&tenant).copied().unwrap_or_default();
        let gate = brake::with_paces(self.services, |paces| paces.gate(tenant, in_flight, now));
        match (brake::of_entra(self.services, tenant).filter(|until| *until > now), gate) {
            (Some(entra), Gate::Braked(graph)) => Gate::Braked(entra.max(graph)),
            (Some(entra), _) => Gate::Braked(entra),
            (None, gate) => gate,
        }
    }

    fn is_too_long(&self, until: OffsetDateTime) -> bool {
        until - self.services.clock.now() > LONGEST_WAIT
    }

    /// Whether one more may be read that perhaps has to wait.
    fn has_room(&self) -> bool {
        self.waiting.len() < MOST_WAITING && self.passed_over < MOST_PASSED_OVER
    }

    /// Who was found, if their turn is to begin now.
    fn found(&mut self, shard: ShardName, account: DueAccount, as_of: OffsetDateTime) -> Option<DueAccount> {
        let lag = (as_of - account.due_at).max(Duration::ZERO);
        self.run.report.lag = self.run.report.lag.max(lag);
        let before = self.last_found.replace((shard, account));
        self.found += 1;
        let place = Place { account, number: self.found, before };
        let tenant = account.account.tenant_id;
        match (self.waiting.of(tenant), self.gate(tenant)) {
            (_, Gate::Braked(until)) if self.is_too_long(until) => self.leave(),
            (0, Gate::Open) => return Some(account),
            (0, Gate::Braked(at) | Gate::Spaced(at)) => self.waiting.push(tenant, place, Some(at)),
            (0, Gate::Full) => self.waiting.push(tenant, place, None),
            (MOST_WAITING_OF_A_TENANT.., _) => {
                self.passed_over += 1;
                self.first_passed_over.get_or_insert(place);
            }
            // Behind the others; when to look at them is known.
            _ => self.waiting.push(tenant, place, None),
        }
        None
    }

    /// The account keeps its place in the index.
    fn leave(&mut self) {
        self.run.report.count(TurnOutcome::Throttled);
        self.services.metrics.count(TurnOutcome::Throttled.into());
        self.run.report.remaining += 1;
        self.run.report.stopped_early = true;
    }

    /// The first whose tenant may be asked again.
    fn next_waiting(&mut self) -> Option<DueAccount> {
        while let Some(tenant) = self.waiting.due(self.services.clock.now()) {
            match self.gate(tenant) {
                Gate::Open => return self.waiting.take(tenant).map(|place| place.account),
                // It may have grown since.
                Gate::Braked(until) if self.is_too_long(until) => {
                    for _ in self.waiting.take_all(tenant) {
                        self.leave();
                    }
                }
                Gate::Braked(at) | Gate::Spaced(at) => self.waiting.look_again(tenant, Some(at)),
                Gate::Full => self.waiting.look_again(tenant, None),
            }
        }
        None
    }

    /// Until a tenant is to be looked at, or no turn is to be begun any more; `None` when nobody waits for a moment.
    fn pause(&self) -> Option<Duration> {
        let look = self.waiting.next_look()?;
        let until = self.worker.stop_at.map_or(look, |stop_at| stop_at.min(look));
        Some((until - self.services.clock.now()).max(Duration::ZERO))
    }

    fn begin(
        &mut self,
        account: DueAccount,
    ) -> impl Future<Output = (TurnNumber, TurnReport)> + Send + use<'a> {
        let (services, worker, tenant) = (self.services, self.worker, account.account.tenant_id);
        let now = services.clock.now();
        let number = brake::with_paces(services, |paces| paces.begin(tenant, now));
        *self.in_flight.entry(tenant).or_default() += 1;
        async move { (number, take_turn(services, &worker.id, worker.deadline, account).await) }
    }

    fn ended(&mut self, turn: TurnNumber, report: &TurnReport) {
        self.run.report.count(report.outcome);
        if report.outcome == TurnOutcome::CredentialFault {
            // Every further account would fail alike, and Entra would count the attempts.
            self.stopped = true;
        }
        let (services, tenant, now) = (self.services, report.account.tenant_id, self.services.clock.now());
        let in_flight = self.in_flight.remove(&tenant).unwrap_or_default();
        if in_flight > 1 {
            self.in_flight.insert(tenant, in_flight - 1);
        }
        self.waiting.turn_ended(tenant, now);
        let of_one_user = brake::concerns_one_user(report.failure.as_ref().and_then(|failure| failure.code));
        let of_others =
            report.outcome == TurnOutcome::Throttled && brake::is_of_others(services, tenant, now);
        if report.under_pressure && of_others {
            // It was held back, and nobody was asked.
        } else if report.under_pressure && !of_one_user {
            let entra = brake::of_entra(services, tenant);
            brake::with_paces(services, |paces| {
                let until = entra.max(paces.braked_until(tenant)).unwrap_or(now);
                let pause_until = (report.outcome == TurnOutcome::Throttled).then_some(until.max(now));
                paces.pressed(tenant, Pressure { turn, in_flight, pause_until }, now);
            });
        } else if report.outcome != TurnOutcome::Skipped {
            brake::with_paces(services, |paces| paces.worked(tenant, turn, now));
        }
    }

    /// `begin` is where the run began.
    fn finish(mut self, exhausted: bool, begin: Option<DueCursor>) -> Run {
        let report = &mut self.run.report;
        let faulty = report.of(TurnOutcome::CredentialFault) > 0;
        let waiting = self.waiting.len();
        report.remaining += self.passed_over + u64::try_from(waiting).unwrap_or(u64::MAX);
        let unfinished = !exhausted || waiting > 0 || self.passed_over > 0;
        report.stopped_early |= faulty || unfinished;
        if unfinished && !faulty {
            let first = self.waiting.drain().chain(self.first_passed_over).min_by_key(|place| place.number);
            let before = first.map_or(self.last_found, |place| place.before);
            let cursor = before.map(|(shard, account)| self.services.store.due_cursor(shard, account));
            self.run.rest = Some(Rest { cursor: cursor.or(begin) });
        }
        self.run
    }
}

/// The due accounts of these shards, one shard after the other, read page by page as they are taken. A shard that cannot
/// be read gives one error and the next shard follows.
fn accounts_due(
    services: &Services,
    shards: Vec<ShardName>,
    cursor: Option<DueCursor>,
    as_of: OffsetDateTime,
) -> BoxStream<'_, Result<Found, StoreError>> {
    stream::unfold(
        (shards.into_iter(), None::<ShardName>, cursor),
        move |(mut rest, shard, cursor)| async move {
            let shard = match shard {
                Some(shard) => shard,
                None => rest.next()?,
            };
            Some(match services.store.accounts_due(shard, as_of, PAGE, cursor).await {
                Ok(page) => {
                    let found = page.accounts.into_iter().map(|account| Ok((shard, account)));
                    let next = page.next.map_or((None, None), |cursor| (Some(shard), Some(cursor)));
                    (found.collect::<Vec<_>>(), (rest, next.0, next.1))
                }
                Err(error) => (vec![Err(error)], (rest, None, None)),
            })
        },
    )
    .flat_map(stream::iter)
    .boxed()
}
