//! What is kept of one account, and the rules by which it changes.

use domain::account::{
    AccountActivity, AccountRecord, AccountStatus, Failure, LastSweep, Lease, StoredTokens, Tombstone,
};
use domain::identity::UserPrincipalName;
use domain::ports::{ActivityUpdate, Claim, PutTokensError, QuarantinedBlob, TokenWrite, TurnEnd};
use domain::profile::ProfileSnapshot;
use domain::shard::ShardName;
use time::{Duration, OffsetDateTime};

#[derive(Default)]
pub(super) struct Account {
    pub(super) tokens: Option<Tokens>,
    activity: Option<Activity>,
    profile: Option<SnapshotUntil>,
    tombstone: Option<Tombstone>,
    pub(super) quarantined: Option<QuarantinedBlob>,
}

pub(super) struct Tokens {
    pub(super) stored: StoredTokens,
    begun_at: OffsetDateTime,
}

struct Activity {
    kept: AccountActivity,
    /// Where it was written to.
    shard: ShardName,
    /// Until when nobody gets a lease; later than the lease's own end when a sign-in took it from its owner.
    claimed_until: Option<OffsetDateTime>,
    begun_at: OffsetDateTime,
    /// The turn that the user's activity asked for since the last claim: it wins over the one that the turn's end names.
    moved_due_at: Option<OffsetDateTime>,
}

struct SnapshotUntil {
    snapshot: ProfileSnapshot,
    begun_at: OffsetDateTime,
    expires_at: OffsetDateTime,
}

/// Most times are kept in whole seconds.
pub(super) fn truncate_to_second(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_nanosecond(0).expect("0 is a nanosecond")
}

/// Times that an erasure is compared with are kept in milliseconds.
fn truncate_to_millisecond(time: OffsetDateTime) -> OffsetDateTime {
    time.replace_millisecond(time.millisecond()).expect("a time's own millisecond is one")
}

impl Account {
    pub(super) fn drop_expired(&mut self, now: OffsetDateTime) {
        self.tokens.take_if(|tokens| tokens.stored.expires_at <= now);
        self.activity.take_if(|activity| activity.kept.expires_at <= now);
        self.profile.take_if(|profile| profile.expires_at <= now);
        self.tombstone.take_if(|tombstone| tombstone.expires_at <= now);
        self.quarantined.take_if(|blob| blob.expires_at <= now);
    }

    pub(super) fn record(&self) -> AccountRecord {
        AccountRecord {
            tokens: self.tokens.as_ref().map(|tokens| tokens.stored.clone()),
            activity: self.activity.as_ref().map(|activity| activity.kept.clone()),
            profile: self.profile.as_ref().map(|profile| profile.snapshot.clone()),
            tombstone: self.tombstone.clone(),
        }
    }

    /// In which shard the account is listed, and from when on.
    pub(super) fn due(&self) -> Option<(ShardName, OffsetDateTime)> {
        let activity = self.activity.as_ref()?;
        Some((activity.shard, activity.kept.due_at?))
    }

    pub(super) fn is_named(&self, name: &UserPrincipalName) -> bool {
        self.activity
            .as_ref()
            .is_some_and(|activity| activity.kept.user_principal_name.as_ref() == Some(name))
    }

    fn outlaws(&self, begun_at: OffsetDateTime) -> bool {
        self.tombstone.as_ref().is_some_and(|tombstone| begun_at <= tombstone.erased_at)
    }

    pub(super) fn put_tokens(&mut self, write: TokenWrite) -> Result<u64, PutTokensError> {
        let begun_at = truncate_to_millisecond(write.begun_at);
        if self.outlaws(begun_at) {
            return Err(PutTokensError::Conflict(None));
        }
        let present = self.tokens.as_ref().map(|tokens| tokens.stored.version);
        if present != write.expected_version {
            return Err(PutTokensError::Conflict(self.tokens.as_ref().map(|tokens| tokens.stored.clone())));
        }
        let version = present.unwrap_or(0) + 1;
        let begun_at = self.tokens.as_ref().map_or(begun_at, |tokens| tokens.begun_at.max(begun_at));
        let expires_at = truncate_to_second(write.expires_at);
        let stored = StoredTokens { blob: write.sealed, version, expires_at };
        self.tokens = Some(Tokens { stored, begun_at });
        Ok(version)
    }

    pub(super) fn extend_tokens(&mut self, version: u64, expires_at: OffsetDateTime) -> bool {
        let Some(tokens) = self.tokens.as_mut().filter(|tokens| tokens.stored.version == version) else {
            return false;
        };
        tokens.stored.expires_at = truncate_to_second(expires_at);
        true
    }

    pub(super) fn quarantine(&mut self, blob: QuarantinedBlob) {
        if !self.outlaws(truncate_to_millisecond(blob.begun_at)) {
            self.quarantined = Some(blob);
        }
    }

    pub(super) fn record_activity(&mut self, update: &ActivityUpdate, shard: ShardName) {
        let begun_at = truncate_to_millisecond(update.last_activity);
        let last_activity = truncate_to_second(update.last_activity);
        let due_at = update.due_at.map(truncate_to_second);
        if self.outlaws(begun_at) {
            return;
        }
        let Some(activity) = &mut self.activity else {
            self.activity = Some(Activity::new(update, last_activity, begun_at, shard));
            return;
        };
        let late = activity.kept.last_activity > last_activity;
        if late && (!update.returned || activity.kept.status == AccountStatus::Active) {
            return;
        }
        if !late {
            activity.begun_at = begun_at;
            activity.kept.last_activity = last_activity;
            activity.kept.tenant_id = update.tenant_id;
            activity.kept.object_id = update.object_id;
            activity.kept.expires_at = truncate_to_second(update.expires_at);
            if update.user_principal_name.is_some() {
                activity.kept.user_principal_name.clone_from(&update.user_principal_name);
            }
        }
        if update.returned {
            activity.kept.status = AccountStatus::Active;
            activity.kept.failure = None;
            activity.kept.failure_count = 0;
            activity.kept.lease = None;
        }
        if due_at.is_some() && activity.kept.status != AccountStatus::NeedsUser {
            activity.kept.due_at = due_at;
            activity.moved_due_at = due_at;
            activity.shard = shard;
        }
    }

    pub(super) fn put_profile(&mut self, snapshot: &ProfileSnapshot, expires_at: OffsetDateTime) {
        let begun_at = truncate_to_millisecond(snapshot.refreshed_at);
        let newer = self.profile.as_ref().is_some_and(|profile| profile.begun_at > begun_at);
        if newer || self.outlaws(begun_at) {
            return;
        }
        let refreshed_at = truncate_to_second(snapshot.refreshed_at);
        let snapshot = ProfileSnapshot { refreshed_at, ..snapshot.clone() };
        let expires_at = truncate_to_second(expires_at);
        self.profile = Some(SnapshotUntil { snapshot, begun_at, expires_at });
    }

    pub(super) fn erase(&mut self, tombstone: &Tombstone) {
        let erased_at = truncate_to_millisecond(tombstone.erased_at);
        self.tokens.take_if(|tokens| tokens.begun_at <= erased_at);
        self.activity.take_if(|activity| activity.begun_at <= erased_at);
        self.profile.take_if(|profile| profile.begun_at <= erased_at);
        self.quarantined.take_if(|blob| truncate_to_millisecond(blob.begun_at) <= erased_at);
        if self.tombstone.as_ref().is_none_or(|present| present.erased_at <= erased_at) {
            let expires_at = truncate_to_second(tombstone.expires_at);
            self.tombstone = Some(Tombstone { erased_at, expires_at, ..tombstone.clone() });
        }
    }

    pub(super) fn claim(&mut self, due_at: OffsetDateTime, lease: Lease, now: OffsetDateTime) -> Claim {
        let Some(activity) = &mut self.activity else { return Claim::Lost };
        let held = activity.claimed_until.is_some_and(|until| until >= truncate_to_second(now));
        if activity.kept.due_at != Some(due_at) || held {
            return Claim::Lost;
        }
        activity.moved_due_at = None;
        let until = round_up_to_second(lease.until);
        activity.claimed_until = Some(until);
        activity.kept.lease = Some(Lease { until, ..lease });
        Claim::Taken(Box::new(activity.kept.clone()))
    }

    pub(super) fn finish_turn(&mut self, owner: &str, end: TurnEnd, shard: ShardName) -> bool {
        let Some(activity) = &mut self.activity else { return false };
        if activity.kept.lease.as_ref().is_none_or(|lease| lease.owner != owner) {
            return false;
        }
        activity.claimed_until = None;
        let moved = activity.moved_due_at.take();
        activity.shard = shard;
        let kept = &mut activity.kept;
        kept.lease = None;
        kept.status = end.status;
        kept.unpublished = end.unpublished;
        kept.failure_count = end.failure_count;
        kept.failure = end.failure.map(|failure| Failure { at: truncate_to_second(failure.at), ..failure });
        let last_sweep = LastSweep { at: truncate_to_second(end.last_sweep.at), ..end.last_sweep };
        kept.last_sweep = Some(last_sweep);
        kept.due_at = end.due_at.map(|due_at| moved.unwrap_or(truncate_to_second(due_at)));
        kept.expires_at = truncate_to_second(end.expires_at);
        true
    }
}

impl Activity {
    fn new(
        update: &ActivityUpdate,
        last_activity: OffsetDateTime,
        begun_at: OffsetDateTime,
        shard: ShardName,
    ) -> Self {
        let due_at = update.due_at.map(truncate_to_second);
        let kept = AccountActivity {
            tenant_id: update.tenant_id,
            object_id: update.object_id,
            user_principal_name: update.user_principal_name.clone(),
            last_activity,
            status: AccountStatus::Active,
            failure: None,
            failure_count: 0,
            last_sweep: None,
            due_at,
            lease: None,
            unpublished: Vec::new(),
            expires_at: truncate_to_second(update.expires_at),
        };
        Self { kept, shard, claimed_until: None, begun_at, moved_due_at: due_at }
    }
}

/// A lease must not end before the worker thinks it does.
pub(super) fn round_up_to_second(time: OffsetDateTime) -> OffsetDateTime {
    if time.nanosecond() == 0 { time } else { truncate_to_second(time) + Duration::SECOND }
}
