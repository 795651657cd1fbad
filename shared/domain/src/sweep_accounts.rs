//! Use cases: act for every account that is due, all at once or shard by shard, or for one by name. One bad account never
//! stops the rest.

use crate::account::{DueAccount, TurnOutcome};
use crate::error::StoreError;
use crate::event::DomainEvent;
use crate::identity::{HomeAccountId, UserPrincipalName};
use crate::ports::{DueCursor, PublishError};
use crate::services::Services;
use crate::shard::ShardName;
use crate::shard_task::{MOST_HOPS, ShardTask};
use crate::sweep_run::run;
use crate::turn::{TurnReport, take_turn};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use std::collections::BTreeMap;
use time::{Duration, OffsetDateTime};

/// How long a tick is remembered, so that its second delivery is known: a day.
const TICK_REMEMBERED: Duration = Duration::DAY;

/// A task of a tick that is older than this is left to the ticks that came after it: an hour.
const OLDEST_TASK: Duration = Duration::HOUR;

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
    /// For how long the account that waited longest had been due.
    pub lag: Duration,
    /// Accounts that were found due and had no turn here. They keep their place; another worker or the next tick comes to
    /// them. Where `stopped_early`, there may be more that were not read.
    pub remaining: u64,
}

impl SweepReport {
    pub(crate) fn count(&mut self, outcome: TurnOutcome) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    pub fn of(&self, outcome: TurnOutcome) -> u64 {
        self.outcomes.get(&outcome).copied().unwrap_or_default()
    }
}

/// What came of a tick.
#[derive(Debug, Clone)]
pub enum TickReport {
    /// There is no queue: everything was swept here.
    Swept(SweepReport),
    /// So many tasks were handed to the queue. `lag` is that of the account that waits longest; `None` when a part of the
    /// index could not be read.
    Dispatched { tasks: usize, lag: Option<Duration> },
    /// This tick was delivered before.
    Repeated,
}

/// Why a tick or a task was not done. Repeating it is harmless.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error("the accounts that are due could not all be read")]
    Store(#[from] StoreError),
    #[error("tasks could not be handed to the queue")]
    Publish(#[from] PublishError),
}

/// Which account to sweep by hand.
#[derive(Debug, Clone)]
pub enum AccountTarget {
    Id(HomeAccountId),
    Name(UserPrincipalName),
}

/// Once per tick, however often it is delivered: hands every shard to the queue, or sweeps them here where there is none.
pub async fn sweep_tick(
    services: &Services,
    worker: &Worker,
    tick: &str,
    observer: &dyn TurnObserver,
) -> Result<TickReport, SweepError> {
    let now = services.clock.now();
    if !services.store.begin_tick(tick, now + TICK_REMEMBERED).await? {
        return Ok(TickReport::Repeated);
    }
    let Some(queue) = &services.queue else {
        return Ok(TickReport::Swept(sweep_accounts(services, worker, observer).await?));
    };
    let task = |shard| ShardTask { shard, tick: tick.to_owned(), as_of: now, cursor: None, hop: 0 };
    let tasks: Vec<ShardTask> = services.settings.sweep.shards.names().map(task).collect();
    queue.send(&tasks).await?;
    Ok(TickReport::Dispatched { tasks: tasks.len(), lag: longest_lag(services, now).await })
}

/// Shards whose first account is looked up at once.
const LOOKS_AT_ONCE: usize = 16;

/// Pages of a shard that are looked through for its first account, and the size of those after the first one.
const MOST_LOOKS: u32 = 10;
const LOOK_SIZE: u32 = 100;

/// For how long the account that waits longest has been due. The tick tells it, because workers that do not run tell nothing.
async fn longest_lag(services: &Services, now: OffsetDateTime) -> Option<Duration> {
    let looks = stream::iter(services.settings.sweep.shards.names())
        .map(|shard| lag_of(services, shard, now))
        .buffer_unordered(LOOKS_AT_ONCE);
    let lag = looks.try_fold(Some(Duration::ZERO), async |longest, lag| {
        Ok(longest.zip(lag).map(|(longest, lag)| longest.max(lag)))
    });
    lag.await.inspect_err(|error| tracing::warn!(event = "sweep.lag_unread", error = %error)).ok().flatten()
}

/// Zero where nobody is due; `None` where there are only entries that cannot be read, as far as was looked.
async fn lag_of(
    services: &Services,
    shard: ShardName,
    now: OffsetDateTime,
) -> Result<Option<Duration>, StoreError> {
    let (mut size, mut cursor) = (1, None);
    for _ in 0..MOST_LOOKS {
        let page = services.store.accounts_due(shard, now, size, cursor).await?;
        if let Some(first) = page.accounts.first() {
            return Ok(Some(now - first.due_at));
        }
        // Entries that cannot be read are left out, so a page without accounts need not be the last one.
        if page.next.is_none() {
            return Ok(Some(Duration::ZERO));
        }
        (size, cursor) = (LOOK_SIZE, page.next);
    }
    tracing::warn!(event = "sweep.lag_unread", shard = %shard, "no entry at the head of the due index can be read");
    Ok(None)
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
    let shards: Vec<ShardName> = services.settings.sweep.shards.names().collect();
    let run = run(services, worker, shards, None, as_of, observer).await;
    tell_completed(services, &run.report).await;
    run.unread.map_or(Ok(run.report), Err)
}

/// What came of a task.
#[derive(Debug, Clone)]
pub enum TaskReport {
    Swept {
        report: SweepReport,
        /// The time was over, and the rest of the shard was handed to the queue.
        handed_on: bool,
    },
    /// Nobody can do this task; repeating it would not help, and the next tick sees to the accounts.
    Dropped(DroppedTask),
}

/// Why a task is not done by anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DroppedTask {
    #[error("this deployment has no such shard")]
    UnknownShard,
    #[error("its tick is too long ago")]
    Outdated,
    #[error("its cursor is none that a page of this shard gave out")]
    SenselessCursor,
    #[error("it was handed on too often")]
    TooManyHops,
}

/// Sweeps one shard, or the rest of it, and hands on what there is no time for.
pub async fn sweep_shard(
    services: &Services,
    worker: &Worker,
    task: &ShardTask,
    observer: &dyn TurnObserver,
) -> Result<TaskReport, SweepError> {
    if let Some(why) = not_to_be_done(services, task) {
        return Ok(TaskReport::Dropped(why));
    }
    let cursor = task.cursor.clone().map(DueCursor);
    let run = run(services, worker, vec![task.shard], cursor, task.as_of, observer).await;
    match run.unread {
        Some(StoreError::SenselessCursor { .. }) => {
            return Ok(TaskReport::Dropped(DroppedTask::SenselessCursor));
        }
        Some(error) => return Err(error.into()),
        None => {}
    }
    let handed_on = match (run.rest, &services.queue) {
        (Some(rest), Some(queue)) => {
            let cursor = rest.cursor.map(|cursor| cursor.0);
            let rest = ShardTask { cursor, hop: task.hop + 1, ..task.clone() };
            queue.send(std::slice::from_ref(&rest)).await?;
            true
        }
        _ => false,
    };
    if !handed_on {
        tell_completed(services, &run.report).await;
    }
    Ok(TaskReport::Swept { report: run.report, handed_on })
}

fn not_to_be_done(services: &Services, task: &ShardTask) -> Option<DroppedTask> {
    let age = services.clock.now() - task.as_of;
    if !services.settings.sweep.shards.include(task.shard) {
        Some(DroppedTask::UnknownShard)
    } else if age > OLDEST_TASK || age < -OLDEST_TASK {
        Some(DroppedTask::Outdated)
    } else if task.hop > MOST_HOPS {
        Some(DroppedTask::TooManyHops)
    } else {
        None
    }
}

async fn tell_completed(services: &Services, report: &SweepReport) {
    let event = DomainEvent::SweepCompleted {
        outcomes: report.outcomes.clone(),
        stopped_early: report.stopped_early,
    };
    if let Err(error) = services.events.publish(event).await {
        tracing::warn!(event = "event.unpublished", name = "SweepCompleted", error = %error);
    }
}

/// What a sweep would do.
#[derive(Debug, Clone, Default)]
pub struct DryRun {
    /// Accounts that are due, by shard; shards without any are left out.
    pub due: BTreeMap<ShardName, u64>,
    /// For how long the account that waits longest has been due.
    pub lag: Duration,
    /// More are due than were counted.
    pub cut: bool,
}

/// The most accounts that a dry run counts.
const MOST_COUNTED: u64 = 100_000;

/// Counts what is due now. Reads only.
pub async fn dry_run(services: &Services) -> Result<DryRun, StoreError> {
    let now = services.clock.now();
    let mut found = DryRun::default();
    let mut counted = 0;
    for shard in services.settings.sweep.shards.names() {
        let mut cursor = None;
        loop {
            let page = services.store.accounts_due(shard, now, 1000, cursor).await?;
            let number = u64::try_from(page.accounts.len()).unwrap_or(u64::MAX);
            if let Some(first) = page.accounts.first() {
                *found.due.entry(shard).or_default() += number;
                found.lag = found.lag.max(now - first.due_at);
            }
            counted += number;
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
            if counted >= MOST_COUNTED {
                found.cut = true;
                return Ok(found);
            }
        }
    }
    Ok(found)
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
