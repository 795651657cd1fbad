//! One turn of one account: claim, token, job, record. Whatever goes wrong ends as an outcome of this account alone.

use crate::account::{
    AccountActivity, AccountStatus, DueAccount, Failure, FailureClass, LastSweep, Lease, TurnOutcome,
};
use crate::background_job::{JobError, JobOutcome, Outbox, Turn};
use crate::brake;
use crate::error::{GraphError, StoreError, TokenError, UnavailableKind};
use crate::event::DomainEvent;
use crate::identity::HomeAccountId;
use crate::obtain_token::{self, CacheUse, ObtainTokenError, TokenSource};
use crate::ports::{Claim, TurnEnd};
use crate::services::Services;
use crate::stage::Stage;
use crate::time_budget::TimeBudget;
use crate::token_cache::{CacheError, OpenedAccount, open_account};
use time::{Duration, OffsetDateTime};

/// What came of a turn, for logs and for whoever asked for it.
#[derive(Debug, Clone)]
pub struct TurnReport {
    pub account: HomeAccountId,
    pub outcome: TurnOutcome,
    pub token_source: Option<TokenSource>,
    pub failure: Option<Failure>,
    /// What went wrong, in words for the operator; without names, ids or tokens.
    pub reason: Option<String>,
    /// Transient failures in a row, this one included.
    pub attempt: u32,
    pub elapsed: Duration,
    /// Entra or Graph asked to slow down, or did not answer in time.
    pub under_pressure: bool,
}

/// When events that did not get out are tried again, of an account that has no other turn.
const PUBLISH_AGAIN: Duration = Duration::minutes(1);
/// The most events that wait on one item; the newest.
const MOST_UNPUBLISHED: usize = 20;
/// First pause after a transient failure; doubled with each further one.
const BACK_OFF: Duration = Duration::minutes(1);
/// Longest pause after transient failures.
const LONGEST_BACK_OFF: Duration = Duration::hours(6);

/// Gives one due account its turn, as `worker`. `deadline` is when the host ends the invocation, where that is known.
pub async fn take_turn(
    services: &Services,
    worker: &str,
    deadline: Option<OffsetDateTime>,
    due: DueAccount,
) -> TurnReport {
    let begun_at = services.clock.now();
    let budget = TimeBudget::new(begun_at, deadline);
    let lease = Lease { owner: worker.to_owned(), until: begun_at + services.settings.sweep.lease };
    let claim = services.store.claim(due, lease, begun_at);
    let mut report = match services.metrics.time(Stage::Store, claim).await {
        Ok(Claim::Lost) => TurnReport::new(due.account, TurnOutcome::Skipped),
        // Nothing was claimed, so there is nothing to record: the account keeps its place in the index.
        Err(error) => TurnReport::unrecorded(due.account, &error),
        Ok(Claim::Taken(activity)) => claimed_turn(services, worker, due, &activity, budget).await,
    };
    report.elapsed = services.clock.now() - begun_at;
    services.metrics.count(report.outcome.into());
    report
}

async fn claimed_turn(
    services: &Services,
    worker: &str,
    due: DueAccount,
    activity: &AccountActivity,
    budget: TimeBudget,
) -> TurnReport {
    if activity.status == AccountStatus::NeedsUser {
        return parked_turn(services, worker, due, activity).await;
    }
    let outbox = Outbox::default();
    let (result, token_source, expires_at) = match open_account(services, &due.account).await {
        Ok(mut opened) => {
            let (result, source) = act(services, &mut opened, due, activity, &outbox, budget).await;
            (result, source, opened.expires_at(services))
        }
        Err(error) => (Err(TurnFailure::from(ObtainTokenError::Cache(error))), None, activity.expires_at),
    };
    let mut report = TurnReport::new(due.account, TurnOutcome::Unchanged);
    report.token_source = token_source;
    let mut end = match result {
        Ok(outcome) => {
            report.outcome = outcome;
            finished_well(services, outcome, expires_at)
        }
        Err(failure) => failed(services, failure, activity, expires_at, &mut report),
    };
    let mut events = activity.unpublished.clone();
    // The user was there meanwhile.
    events.retain(|event| !matches!(event, DomainEvent::AccountNeedsUser { .. }));
    events.extend(outbox.into_events());
    if let Some(event) = needs_user(&report)
        && is_still_ours(services, worker, due.account).await
    {
        events.push(event);
    }
    end.unpublished = publish(services, events).await;
    record(services, worker, end, report).await
}

/// An account that is parked has turns only as long as there are events to get out.
async fn parked_turn(
    services: &Services,
    worker: &str,
    due: DueAccount,
    activity: &AccountActivity,
) -> TurnReport {
    let report = TurnReport {
        failure: activity.failure.clone(),
        reason: Some("parked until the user signs in".to_owned()),
        ..TurnReport::new(due.account, TurnOutcome::NeedsUser)
    };
    let now = services.clock.now();
    let end = TurnEnd {
        last_sweep: activity.last_sweep.unwrap_or(LastSweep { at: now, outcome: TurnOutcome::NeedsUser }),
        status: activity.status,
        failure: activity.failure.clone(),
        failure_count: activity.failure_count,
        due_at: None,
        unpublished: publish(services, activity.unpublished.clone()).await,
        expires_at: activity.expires_at,
    };
    record(services, worker, end, report).await
}

/// Events are published before the turn's end is recorded: a worker that is killed in between publishes them again, and none
/// is lost. Those that do not get out are kept on the item, and keep the account in the index.
async fn record(services: &Services, worker: &str, mut end: TurnEnd, mut report: TurnReport) -> TurnReport {
    if !end.unpublished.is_empty() && end.due_at.is_none() {
        end.due_at = Some(services.clock.now() + PUBLISH_AGAIN);
    }
    let finished = services.store.finish_turn(&report.account, worker, end);
    match services.metrics.time(Stage::Store, finished).await {
        Ok(true) => report,
        // The lease ended meanwhile and somebody else has the account, or the user erased it: theirs counts.
        Ok(false) => {
            report.reason = Some("the lease ended before the turn did".to_owned());
            report
        }
        // The lease ends by itself and the turn is repeated, with the same idempotency key.
        Err(error) => TurnReport::unrecorded(report.account, &error),
    }
}

/// Whether nobody took the lease: a user who has signed in meanwhile is not to be called back. Where the table does not say,
/// it is better to tell twice than not at all.
async fn is_still_ours(services: &Services, worker: &str, account: HomeAccountId) -> bool {
    let Ok(record) = services.store.load(&account).await else { return true };
    let lease = record.activity.and_then(|activity| activity.lease);
    lease.is_some_and(|lease| lease.owner == worker)
}

/// Those that did not get out.
async fn publish(services: &Services, events: Vec<DomainEvent>) -> Vec<DomainEvent> {
    let mut left = Vec::new();
    for event in events {
        if let Err(error) = services.events.publish(event.clone()).await {
            tracing::warn!(event = "event.unpublished", name = event.name(), error = %error);
            left.push(event);
        }
    }
    // What nobody takes for long must not fill the item.
    left.split_off(left.len().saturating_sub(MOST_UNPUBLISHED))
}

async fn act(
    services: &Services,
    opened: &mut OpenedAccount,
    due: DueAccount,
    activity: &AccountActivity,
    outbox: &Outbox,
    budget: TimeBudget,
) -> (Result<TurnOutcome, TurnFailure>, Option<TokenSource>) {
    if opened.record.tombstone.is_some() && opened.record.activity.is_none() {
        return (Ok(TurnOutcome::Ended), None);
    }
    let mut challenge: Option<Option<String>> = None;
    loop {
        let claims = challenge.as_ref().and_then(Option::as_deref);
        let cache_use = if challenge.is_some() { CacheUse::Bypassed { claims } } else { CacheUse::Allowed };
        let obtained = match obtain_token::silently(services, opened, activity, budget, cache_use).await {
            Ok(obtained) => obtained,
            Err(error) => return (Err(error.with_challenge(claims).into()), None),
        };
        if obtained.source == TokenSource::Cache {
            opened.extend_life(services).await;
        }
        let turn = Turn {
            account: due.account,
            token: &obtained.token,
            idempotency_key: &idempotency_key(due),
            previous_profile: opened.record.profile.as_ref(),
            expires_at: opened.expires_at(services),
            outbox,
            metrics: &services.metrics,
        };
        match services.job.run(&turn).await {
            // A token may have been outdated by a sign-out or a new policy, or lack claims. Whether the account is to blame,
            // the refresh token tells, and Entra's own reason says more than Graph's challenge.
            Err(JobError::Graph(GraphError::Unauthorized { claims }))
                if challenge.is_none() && (claims.is_some() || obtained.source == TokenSource::Cache) =>
            {
                challenge = Some(claims);
            }
            Err(error) => {
                if let JobError::Graph(GraphError::Throttled { retry_after }) = &error {
                    brake::heed_graph(services, activity.tenant_id, *retry_after);
                }
                return (Err(error.into()), Some(obtained.source));
            }
            Ok(JobOutcome::Acted) => return (Ok(TurnOutcome::Acted), Some(obtained.source)),
            Ok(JobOutcome::Unchanged) => return (Ok(TurnOutcome::Unchanged), Some(obtained.source)),
        }
    }
}

/// The same for every repetition of one turn.
fn idempotency_key(due: DueAccount) -> String {
    format!("{}@{}", due.account, due.due_at.unix_timestamp())
}

/// Why a turn did not work, and for how long to leave the account alone.
struct TurnFailure {
    outcome: TurnOutcome,
    class: FailureClass,
    code: Option<u32>,
    suberror: Option<String>,
    claims: Option<String>,
    retry_after: Option<Duration>,
    reason: String,
    under_pressure: bool,
}

impl TurnFailure {
    fn new(outcome: TurnOutcome, class: FailureClass, reason: String) -> Self {
        let under_pressure = outcome == TurnOutcome::Throttled;
        Self {
            outcome,
            class,
            code: None,
            suberror: None,
            claims: None,
            retry_after: None,
            reason,
            under_pressure,
        }
    }
}

impl From<ObtainTokenError> for TurnFailure {
    fn from(error: ObtainTokenError) -> Self {
        let reason = error.to_string();
        match error {
            ObtainTokenError::Token(TokenError::UserNeeded { code, suberror, claims, .. }) => Self {
                code,
                suberror,
                claims,
                ..Self::new(TurnOutcome::NeedsUser, FailureClass::UserNeeded, reason)
            },
            // There is no assertion in a refresh; Entra means the refresh token, which only the user can replace.
            ObtainTokenError::Token(TokenError::StaleAssertion { code }) => {
                Self { code, ..Self::new(TurnOutcome::NeedsUser, FailureClass::UserNeeded, reason) }
            }
            ObtainTokenError::Token(TokenError::ApplicationRejected { code, .. }) => Self {
                code,
                ..Self::new(TurnOutcome::CredentialFault, FailureClass::ApplicationRejected, reason)
            },
            ObtainTokenError::Token(TokenError::Throttled { retry_after, code }) => Self {
                code,
                retry_after,
                ..Self::new(TurnOutcome::Throttled, FailureClass::Throttled, reason)
            },
            ObtainTokenError::Token(TokenError::Unavailable { retry_after, kind, .. }) => {
                let under_pressure = kind == UnavailableKind::TimedOut;
                Self {
                    retry_after,
                    under_pressure,
                    ..Self::new(TurnOutcome::RetryLater, FailureClass::Unavailable, reason)
                }
            }
            ObtainTokenError::Cache(CacheError::Erased) => {
                Self::new(TurnOutcome::Ended, FailureClass::MissingTokens, reason)
            }
            ObtainTokenError::Cache(_) => {
                Self::new(TurnOutcome::RetryLater, FailureClass::Unavailable, reason)
            }
            ObtainTokenError::MissingTokens => {
                Self::new(TurnOutcome::MissingTokens, FailureClass::MissingTokens, reason)
            }
        }
    }
}

impl From<JobError> for TurnFailure {
    fn from(error: JobError) -> Self {
        let reason = error.to_string();
        match error {
            JobError::Graph(GraphError::Unauthorized { claims }) => {
                Self { claims, ..Self::new(TurnOutcome::NeedsUser, FailureClass::UserNeeded, reason) }
            }
            JobError::Graph(GraphError::Forbidden { .. }) => {
                Self::new(TurnOutcome::RetryLater, FailureClass::Refused, reason)
            }
            JobError::Graph(GraphError::Throttled { retry_after }) => {
                Self { retry_after, ..Self::new(TurnOutcome::Throttled, FailureClass::Throttled, reason) }
            }
            JobError::Graph(GraphError::Unavailable { retry_after, kind, .. }) => {
                let under_pressure = kind == UnavailableKind::TimedOut;
                Self {
                    retry_after,
                    under_pressure,
                    ..Self::new(TurnOutcome::RetryLater, FailureClass::Unavailable, reason)
                }
            }
            JobError::Other { retry_after, .. } => {
                Self { retry_after, ..Self::new(TurnOutcome::RetryLater, FailureClass::Unavailable, reason) }
            }
            JobError::Store(_) => Self::new(TurnOutcome::RetryLater, FailureClass::Unavailable, reason),
        }
    }
}

fn finished_well(services: &Services, outcome: TurnOutcome, expires_at: OffsetDateTime) -> TurnEnd {
    let now = services.clock.now();
    TurnEnd {
        last_sweep: LastSweep { at: now, outcome },
        status: AccountStatus::Active,
        failure: None,
        failure_count: 0,
        due_at: (outcome != TurnOutcome::Ended).then(|| now + services.settings.sweep.interval),
        unpublished: Vec::new(),
        expires_at,
    }
}

fn failed(
    services: &Services,
    failure: TurnFailure,
    activity: &AccountActivity,
    expires_at: OffsetDateTime,
    report: &mut TurnReport,
) -> TurnEnd {
    let now = services.clock.now();
    let kept = Failure {
        class: failure.class,
        code: failure.code,
        suberror: failure.suberror,
        claims: failure.claims,
        at: now,
    };
    report.outcome = failure.outcome;
    report.under_pressure = failure.under_pressure;
    report.reason = Some(failure.reason);
    report.failure = Some(kept.clone());
    let last_sweep = LastSweep { at: now, outcome: failure.outcome };
    let end = TurnEnd {
        last_sweep,
        status: AccountStatus::NeedsUser,
        failure: Some(kept),
        failure_count: 0,
        due_at: None,
        unpublished: Vec::new(),
        expires_at,
    };
    match failure.outcome {
        TurnOutcome::NeedsUser | TurnOutcome::MissingTokens | TurnOutcome::Ended => end,
        // Not the account's fault: it keeps its status and its count, and is due again at once when we are mended.
        TurnOutcome::CredentialFault => TurnEnd {
            status: activity.status,
            failure: activity.failure.clone(),
            failure_count: activity.failure_count,
            due_at: Some(now),
            ..end
        },
        _ => {
            let attempt = activity.failure_count.saturating_add(1);
            report.attempt = attempt;
            let pause = back_off(attempt, failure.retry_after, services.chance.fraction());
            TurnEnd {
                status: AccountStatus::Failing,
                failure_count: attempt,
                due_at: Some(now + pause),
                ..end
            }
        }
    }
}

/// Exponential with full jitter above half of it. Never shorter than what the other side asked for, and spread over as much
/// again, so that all who were told the same do not come back at the same moment.
fn back_off(attempt: u32, retry_after: Option<Duration>, fraction: f64) -> Duration {
    let doubled =
        BACK_OFF.saturating_mul(1_i32.checked_shl(attempt.saturating_sub(1).min(30)).unwrap_or(i32::MAX));
    let ceiling = doubled.min(LONGEST_BACK_OFF);
    let jittered = ceiling * (0.5 + fraction / 2.0);
    retry_after.map_or(jittered, |asked| asked + asked.min(ceiling) * fraction)
}

fn needs_user(report: &TurnReport) -> Option<DomainEvent> {
    let parked = matches!(report.outcome, TurnOutcome::NeedsUser | TurnOutcome::MissingTokens);
    let failure = report.failure.as_ref().filter(|_| parked)?;
    Some(DomainEvent::AccountNeedsUser {
        account: report.account,
        failure_class: failure.class,
        suberror: failure.suberror.clone(),
    })
}

impl TurnReport {
    pub(crate) fn new(account: HomeAccountId, outcome: TurnOutcome) -> Self {
        Self {
            account,
            outcome,
            token_source: None,
            failure: None,
            reason: None,
            attempt: 0,
            elapsed: Duration::ZERO,
            under_pressure: false,
        }
    }

    fn unrecorded(account: HomeAccountId, error: &StoreError) -> Self {
        Self { reason: Some(error.to_string()), ..Self::new(account, TurnOutcome::RetryLater) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_up_to_a_limit() {
        assert_eq!(back_off(1, None, 1.0), Duration::minutes(1));
        assert_eq!(back_off(3, None, 1.0), Duration::minutes(4));
        assert_eq!(back_off(3, None, 0.0), Duration::minutes(2));
        assert_eq!(back_off(u32::MAX, None, 1.0), LONGEST_BACK_OFF);
    }

    #[test]
    fn back_off_is_never_shorter_than_retry_after() {
        let asked = Duration::seconds(300);
        for attempt in 1..20 {
            assert!(back_off(attempt, Some(asked), 0.0) >= asked);
        }
    }

    #[test]
    fn those_who_were_told_the_same_do_not_come_back_together() {
        let asked = Duration::seconds(10);
        assert_eq!(back_off(1, Some(asked), 0.0), asked);
        assert_eq!(back_off(1, Some(asked), 0.5), Duration::seconds(15));
    }
}
