//! What is done for an absent user: a port, and the job that ships.

use crate::error::{GraphError, StoreError};
use crate::event::DomainEvent;
use crate::identity::HomeAccountId;
use crate::metrics::Metrics;
use crate::ports::{AccountStore, Clock, ProfileReader, Requester};
use crate::profile::ProfileSnapshot;
use crate::stage::Stage;
use crate::token::AccessToken;
use async_trait::async_trait;
use std::sync::{Arc, Mutex, PoisonError};
use time::{Duration, OffsetDateTime};

/// One turn of one account, as a job sees it.
pub struct Turn<'a> {
    pub account: HomeAccountId,
    pub token: &'a AccessToken,
    /// The same for a repetition of the same turn: acting is at least once, so hand it to whoever must not act twice.
    pub idempotency_key: &'a str,
    pub previous_profile: Option<&'a ProfileSnapshot>,
    /// Until when what the job keeps for this account may live.
    pub expires_at: OffsetDateTime,
    /// What others are to hear of. Published when the job is done, and by a later turn where that fails.
    pub outbox: &'a Outbox,
    /// For the time of what the job asks others for ([`Metrics::time`]).
    pub metrics: &'a Metrics,
}

impl Turn<'_> {
    /// This turn, as whoever is asked on its behalf is told.
    pub fn requester(&self) -> Requester<'_> {
        Requester::Turn { idempotency_key: self.idempotency_key }
    }
}

/// The events of a turn.
#[derive(Debug, Default)]
pub struct Outbox(Mutex<Vec<DomainEvent>>);

impl Outbox {
    pub fn add(&self, event: DomainEvent) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    pub(crate) fn into_events(self) -> Vec<DomainEvent> {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a job did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobOutcome {
    Acted,
    Unchanged,
}

/// Why a job did not get done.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A system that the job itself works with. The account is tried again after a back-off. `reason` is logged: no names,
    /// ids, tokens or addresses.
    #[error("{reason}")]
    Other {
        reason: String,
        retry_after: Option<Duration>,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

/// Work for an absent user. Called at least once per turn.
#[async_trait]
pub trait BackgroundJob: Send + Sync {
    async fn run(&self, turn: &Turn<'_>) -> Result<JobOutcome, JobError>;
}

/// Keeps the profile snapshot up to date and tells when it changed.
pub struct RefreshProfileSnapshot {
    pub profiles: Arc<dyn ProfileReader>,
    pub store: Arc<dyn AccountStore>,
    pub clock: Arc<dyn Clock>,
}

impl RefreshProfileSnapshot {
    /// A snapshot that stays the same is written anew when half its life is over, so that it lives as long as the account.
    async fn extend_life(&self, turn: &Turn<'_>, snapshot: &ProfileSnapshot) -> Result<(), StoreError> {
        let now = self.clock.now();
        if now - snapshot.refreshed_at < (turn.expires_at - now) / 2_i32 {
            return Ok(());
        }
        let snapshot = ProfileSnapshot { refreshed_at: now, ..snapshot.clone() };
        self.put(turn, &snapshot).await
    }

    async fn put(&self, turn: &Turn<'_>, snapshot: &ProfileSnapshot) -> Result<(), StoreError> {
        let put = self.store.put_profile(&turn.account, snapshot, turn.expires_at);
        turn.metrics.time(Stage::Store, put).await
    }
}

#[async_trait]
impl BackgroundJob for RefreshProfileSnapshot {
    async fn run(&self, turn: &Turn<'_>) -> Result<JobOutcome, JobError> {
        let me = self.profiles.me(turn.token, turn.requester());
        let fetched = turn.metrics.time(Stage::Graph, me).await?;
        let changed_fields = match turn.previous_profile {
            Some(previous) => {
                let changed = previous.profile.changed_fields(&fetched.profile);
                if changed.is_empty() {
                    self.extend_life(turn, previous).await?;
                    return Ok(JobOutcome::Unchanged);
                }
                changed
            }
            None => Vec::new(),
        };
        let snapshot =
            ProfileSnapshot { profile: fetched.profile, etag: fetched.etag, refreshed_at: self.clock.now() };
        self.put(turn, &snapshot).await?;
        if !changed_fields.is_empty() {
            turn.outbox.add(DomainEvent::ProfileChanged {
                account: turn.account,
                changed_fields: changed_fields.into_iter().map(str::to_owned).collect(),
                idempotency_key: turn.idempotency_key.to_owned(),
            });
        }
        Ok(JobOutcome::Acted)
    }
}
