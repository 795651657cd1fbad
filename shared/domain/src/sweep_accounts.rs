//! Use cases: act for every account that is due, or for one by name. One bad account never stops the rest.

use crate::account::{DueAccount, TurnOutcome};
use crate::error::StoreError;
use crate::event::DomainEvent;
use crate::identity::{HomeAccountId, UserPrincipalName};
use crate::ports::DueCursor;
use crate::services::Services;
use crate::turn::{TurnReport, take_turn};
use futures::FutureExt as _;
use futures::stream::{self, BoxStream, StreamExt as _};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use time::OffsetDateTime;

/// Accounts read from the due index at once.
const PAGE: u32 = 200;

/// Who sweeps, and until when.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Unique per invocation; it owns the leases.
    pub id: String,
    /// No turn is begun after this moment; `None` when the host's deadline is not known.
    pub stop_at: Option<OffsetDateTime>,
    /// When the host ends the invocation; later than `stop_at`, and `None` likewise.
    pub deadline: Option<OffsetDateTime>,
}

/// Hears of each turn as it ends, for a line per account.
pub trait TurnObserver: Send + Sync {
    fn turn_ended(&self, report: &TurnReport);
}

/// What a sweep did.
#[derive(Debug, Clone, Default)]
pub struct SweepReport {
    pub outcomes: BTreeMap<TurnOutcome, u64>,
    /// There was not time for all that was due, or our credential was rejected; the rest has its turn at the next tick.
    pub stopped_early: bool,
}

impl SweepReport {
    fn count(&mut self, outcome: TurnOutcome) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    pub fn of(&self, outcome: TurnOutcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or_default()
    }
}

/// Which account to sweep by hand.
#[derive(Debug, Clone)]
pub enum AccountTarget {
    Id(HomeAccountId),
    Name(UserPrincipalName),
}

/// Gives every due account of every shard its turn, a bounded number at a time.
///
/// # Errors
/// Only when a part of the due index could not be read; the other parts were swept. Failures of single accounts are
/// outcomes.
pub async fn sweep_accounts(
    services: &Services,
    worker: &Worker,
    observer: &dyn TurnObserver,
) -> Result<SweepReport, StoreError> {
    let as_of = services.clock.now();
    let stop = AtomicBool::new(false);
    let mut report = SweepReport::default();
    let turns = accounts_due(services, as_of, &stop)
        .map(|due| turn_unless_stopped(services, worker, due, &stop).boxed())
        .buffer_unordered(services.settings.sweep.concurrency.max(1));
    let mut turns = std::pin::pin!(turns);
    let mut unread = None;
    // Always to the end: leaving would drop turns that are under way, and their accounts would wait for their leases.
    while let Some(turn) = turns.next().await {
        match turn {
            Ok(Some(turn)) => {
                observer.turn_ended(&turn);
                report.count(turn.outcome);
                if turn.outcome == TurnOutcome::CredentialFault {
                    // Every further account would fail alike, and Entra would count the attempts.
                    stop.store(true, Ordering::Relaxed);
                }
            }
            Ok(None) => {}
            Err(error) => unread = Some(error),
        }
    }
    if let Some(error) = unread {
        return Err(error);
    }
    report.stopped_early = stop.load(Ordering::Relaxed);
    let event = DomainEvent::SweepCompleted {
        outcomes: report.outcomes.clone(),
        stopped_early: report.stopped_early,
    };
    if let Err(error) = services.events.publish(event).await {
        tracing::warn!(event = "event.unpublished", name = "SweepCompleted", error = %error);
    }
    Ok(report)
}

/// Sweeps one user now, whenever their turn would be. A parked account is reported with its reason and left alone; an
/// unknown one gives an empty list.
pub async fn sweep_one(
    services: &Services,
    worker: &Worker,
    target: &AccountTarget,
) -> Result<Vec<TurnReport>, StoreError> {
    let accounts = match target {
        AccountTarget::Id(account) => vec![*account],
        AccountTarget::Name(name) => services.store.find_by_user_principal_name(name).await?,
    };
    let mut reports = Vec::new();
    for account in accounts {
        let Some(activity) = services.store.load(&account).await?.activity else { continue };
        reports.push(match activity.due_at {
            Some(due_at) => {
                take_turn(services, &worker.id, worker.deadline, DueAccount { account, due_at }).await
            }
            None => TurnReport {
                failure: activity.failure.clone(),
                reason: Some("parked until the user signs in".to_owned()),
                ..TurnReport::new(account, TurnOutcome::NeedsUser)
            },
        });
    }
    Ok(reports)
}

/// `None` when no more turns are to be begun.
async fn turn_unless_stopped(
    services: &Services,
    worker: &Worker,
    due: Result<DueAccount, StoreError>,
    stop: &AtomicBool,
) -> Result<Option<TurnReport>, StoreError> {
    if worker.stop_at.is_some_and(|at| services.clock.now() >= at) {
        stop.store(true, Ordering::Relaxed);
    }
    if stop.load(Ordering::Relaxed) {
        return Ok(None);
    }
    Ok(Some(take_turn(services, &worker.id, worker.deadline, due?).await))
}

/// The due accounts of all shards, one shard after the other, read page by page as they are taken. A shard that cannot be
/// read gives one error and the next shard follows.
fn accounts_due<'a>(
    services: &'a Services,
    as_of: OffsetDateTime,
    stop: &'a AtomicBool,
) -> BoxStream<'a, Result<DueAccount, StoreError>> {
    stream::unfold((0_u32, None::<DueCursor>), move |(shard, cursor)| async move {
        if shard >= services.settings.sweep.shards || stop.load(Ordering::Relaxed) {
            return None;
        }
        Some(match services.store.accounts_due(shard, as_of, PAGE, cursor).await {
            Ok(page) => {
                let next = page.next.map_or((shard + 1, None), |cursor| (shard, Some(cursor)));
                (page.accounts.into_iter().map(Ok).collect::<Vec<_>>(), next)
            }
            Err(error) => (vec![Err(error)], (shard + 1, None)),
        })
    })
    .flat_map(stream::iter)
    .boxed()
}
