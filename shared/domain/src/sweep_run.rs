//! Turns for the accounts that are due: as many at once as is good, until the work or the time is over.

use crate::account::{DueAccount, TurnOutcome};
use crate::brake;
use crate::error::StoreError;
use crate::pace::{Pace, TurnNumber};
use crate::ports::DueCursor;
use crate::services::Services;
use crate::shard::ShardName;
use crate::sweep_accounts::{SweepReport, TurnObserver, Worker};
use crate::turn::{TurnReport, take_turn};
use futures::StreamExt as _;
use futures::future::{Either, select};
use futures::stream::{self, BoxStream, FuturesUnordered};
use std::collections::VecDeque;
use time::{Duration, OffsetDateTime};

/// Accounts read from the due index at once.
const PAGE: u32 = 200;

/// A brake that ends within this is waited for; accounts under a longer one are left to a later tick. Graph counts its limits
/// per 10 seconds.
const LONGEST_WAIT: Duration = Duration::seconds(10);

/// Accounts that wait in the worker for the end of their tenant's brake; the others wait in the index.
const MOST_DEFERRED: usize = 1_000;

/// What came of a run.
#[derive(Debug, Default)]
pub(crate) struct Run {
    pub(crate) report: SweepReport,
    /// Where the next worker goes on; `None` when the end was reached, or nothing is to be begun any more.
    pub(crate) rest: Option<DueCursor>,
    /// A part of the index that could not be read.
    pub(crate) unread: Option<StoreError>,
}

/// A due account and the shard it was found in.
type Found = (ShardName, DueAccount);

struct Sweep<'a> {
    services: &'a Services,
    worker: &'a Worker,
    pace: Pace,
    /// No turn is begun before this.
    resting_until: OffsetDateTime,
    /// Accounts of tenants with a brake on.
    deferred: VecDeque<DueAccount>,
    last_taken: Option<Found>,
    run: Run,
    stopped: bool,
}

/// What happens next.
enum Next {
    Found(Option<Result<Found, StoreError>>),
    Ended(Option<(TurnNumber, TurnReport)>),
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
    let now = services.clock.now();
    let mut sweep = Sweep {
        services,
        worker,
        pace: Pace::new(services.settings.sweep.concurrency),
        resting_until: now,
        deferred: VecDeque::new(),
        last_taken: None,
        run: Run::default(),
        stopped: false,
    };
    let mut found = accounts_due(services, shards, cursor, as_of).fuse();
    let mut in_flight = FuturesUnordered::new();
    let mut exhausted = false;
    loop {
        sweep.stop_in_time();
        let may_begin = !sweep.stopped && sweep.pace.allows_one_more(in_flight.len()) && !sweep.is_resting();
        if may_begin && let Some(account) = sweep.next_deferred() {
            in_flight.push(sweep.begin(account));
            continue;
        }
        let may_read = may_begin && !exhausted && sweep.deferred.len() < MOST_DEFERRED;
        let next = match (may_read, in_flight.is_empty()) {
            (true, true) => Next::Found(found.next().await),
            (true, false) => match select(found.next(), in_flight.next()).await {
                Either::Left((account, _)) => Next::Found(account),
                Either::Right((ended, _)) => Next::Ended(ended),
            },
            (false, false) => Next::Ended(in_flight.next().await),
            (false, true) if sweep.stopped => break,
            (false, true) => {
                if !sweep.wait(exhausted).await {
                    break;
                }
                continue;
            }
        };
        match next {
            Next::Found(Some(Ok((shard, account)))) => {
                sweep.note_lag(account, as_of);
                sweep.last_taken = Some((shard, account));
                match sweep.braked_for(account) {
                    None => in_flight.push(sweep.begin(account)),
                    Some(pause) if pause <= LONGEST_WAIT => sweep.deferred.push_back(account),
                    Some(_) => sweep.leave(),
                }
            }
            Next::Found(Some(Err(error))) => sweep.run.unread = Some(error),
            Next::Found(None) => exhausted = true,
            Next::Ended(Some((number, report))) => {
                observer.turn_ended(&report);
                sweep.ended(number, &report);
            }
            Next::Ended(None) => {}
        }
    }
    sweep.finish(exhausted)
}

impl<'a> Sweep<'a> {
    fn stop_in_time(&mut self) {
        if self.worker.stop_at.is_some_and(|at| self.services.clock.now() >= at) {
            self.stopped = true;
        }
    }

    fn is_resting(&self) -> bool {
        self.services.clock.now() < self.resting_until
    }

    /// For how long nobody is to ask for this account's tenant.
    fn braked_for(&self, account: DueAccount) -> Option<Duration> {
        let until = brake::until(self.services, account.account.tenant_id)?;
        Some(until - self.services.clock.now()).filter(|pause| pause.is_positive())
    }

    /// The account keeps its place in the index.
    fn leave(&mut self) {
        self.run.report.count(TurnOutcome::Throttled);
        self.run.report.stopped_early = true;
    }

    /// The first whose tenant has no brake on any more.
    fn next_deferred(&mut self) -> Option<DueAccount> {
        let place = self.deferred.iter().position(|account| self.braked_for(*account).is_none())?;
        self.deferred.remove(place)
    }

    fn begin(
        &mut self,
        account: DueAccount,
    ) -> impl Future<Output = (TurnNumber, TurnReport)> + Send + use<'a> {
        let number = self.pace.begin();
        let (services, worker) = (self.services, self.worker);
        async move { (number, take_turn(services, &worker.id, worker.deadline, account).await) }
    }

    fn ended(&mut self, number: TurnNumber, report: &TurnReport) {
        self.run.report.count(report.outcome);
        if report.outcome == TurnOutcome::CredentialFault {
            // Every further account would fail alike, and Entra would count the attempts.
            self.stopped = true;
        }
        if report.under_pressure {
            self.pace.refused(number);
        } else {
            self.pace.worked();
        }
        self.resting_until = self.services.clock.now() + self.pace.rest(report.elapsed);
    }

    /// Until the rest or the first brake is over; `false` when there is nothing to wait for.
    async fn wait(&mut self, exhausted: bool) -> bool {
        let now = self.services.clock.now();
        let brake = self.deferred.iter().filter_map(|account| self.braked_for(*account)).min();
        let pause = match brake {
            _ if self.is_resting() => self.resting_until - now,
            // It may have grown since.
            Some(pause) if pause <= LONGEST_WAIT => pause,
            Some(_) => {
                for _ in std::mem::take(&mut self.deferred) {
                    self.leave();
                }
                return true;
            }
            None => return !exhausted,
        };
        let left = self.worker.stop_at.map_or(pause, |stop_at| stop_at - now);
        self.services.timer.wait(pause.min(left).max(Duration::ZERO)).await;
        true
    }

    fn note_lag(&mut self, account: DueAccount, as_of: OffsetDateTime) {
        let lag = (as_of - account.due_at).max(Duration::ZERO);
        self.run.report.lag = self.run.report.lag.max(lag);
    }

    fn finish(mut self, exhausted: bool) -> Run {
        let faulty = self.run.report.of(TurnOutcome::CredentialFault) > 0;
        let unfinished = self.stopped && !exhausted;
        self.run.report.stopped_early |= faulty || unfinished || !self.deferred.is_empty();
        if unfinished && !faulty {
            self.run.rest =
                self.last_taken.map(|(shard, account)| self.services.store.due_cursor(shard, account));
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
