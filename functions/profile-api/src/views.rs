//! What the answers look like, apart from how things are kept.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::account::{AccountActivity, AccountStatus, Failure, FailureClass, TurnOutcome};
use domain::background_access::BackgroundAccess;
use domain::profile::{Profile, ProfileSnapshot};
use serde::Serialize;
use time::OffsetDateTime;

/// The profile is answered as Graph words it.
pub(crate) type ProfileView = Profile;

#[derive(Serialize)]
pub(crate) struct Health {
    pub(crate) status: &'static str,
    pub(crate) version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BackgroundAccessView {
    status: &'static str,
    #[serde(with = "time::serde::rfc3339::option")]
    last_activity: Option<OffsetDateTime>,
    last_sweep: Option<LastSweepView>,
    #[serde(with = "time::serde::rfc3339::option")]
    next_sweep: Option<OffsetDateTime>,
    failure: Option<FailureView>,
    profile: Option<SnapshotView>,
}

#[derive(Serialize)]
struct LastSweepView {
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    outcome: TurnOutcome,
}

#[derive(Serialize)]
struct FailureView {
    class: FailureClass,
    code: Option<String>,
    suberror: Option<String>,
    message: &'static str,
    /// Base64 of the JSON, as in a claims challenge.
    claims: Option<String>,
    #[serde(with = "time::serde::rfc3339")]
    at: OffsetDateTime,
    attempts: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SnapshotView {
    #[serde(flatten)]
    profile: Profile,
    #[serde(with = "time::serde::rfc3339")]
    refreshed_at: OffsetDateTime,
}

impl From<BackgroundAccess> for BackgroundAccessView {
    fn from(access: BackgroundAccess) -> Self {
        let profile = access.profile.map(SnapshotView::from);
        let Some(activity) = access.activity else {
            return Self {
                status: "none",
                last_activity: None,
                last_sweep: None,
                next_sweep: None,
                failure: None,
                profile,
            };
        };
        let failure = activity.failure.as_ref().map(|failure| FailureView::new(failure, &activity));
        Self {
            status: match activity.status {
                AccountStatus::Active => "active",
                AccountStatus::Failing => "failing",
                AccountStatus::NeedsUser => "needs_user",
            },
            last_activity: Some(activity.last_activity),
            last_sweep: activity
                .last_sweep
                .map(|sweep| LastSweepView { at: sweep.at, outcome: sweep.outcome }),
            // A parked account may have a turn left that only gets an event out.
            next_sweep: activity.due_at.filter(|_| activity.status != AccountStatus::NeedsUser),
            failure,
            profile,
        }
    }
}

impl FailureView {
    fn new(failure: &Failure, activity: &AccountActivity) -> Self {
        Self {
            class: failure.class,
            code: failure.code.map(|code| format!("AADSTS{code}")),
            suberror: failure.suberror.clone(),
            message: message(failure.class),
            claims: failure.claims.as_ref().map(|claims| BASE64_STANDARD.encode(claims)),
            at: failure.at,
            attempts: activity.failure_count,
        }
    }
}

/// What a failure means for the user who reads it.
fn message(class: FailureClass) -> &'static str {
    match class {
        FailureClass::UserNeeded => "Microsoft asks you to sign in again before work can go on for you.",
        FailureClass::MissingTokens => {
            "There is no longer a permission to act for you. Sign in again to give it."
        }
        FailureClass::Throttled => "Microsoft asked to slow down. The next try comes by itself.",
        FailureClass::Unavailable => "A service did not answer. The next try comes by itself.",
        FailureClass::Refused => "Your organisation does not let this app read your profile.",
        FailureClass::ApplicationRejected => {
            "Microsoft rejected this app's own sign-in. Its operators must mend it."
        }
        FailureClass::ParkedByOperator => {
            "The operators of this app have stopped work for you. Sign in again to let it go on."
        }
    }
}

impl From<ProfileSnapshot> for SnapshotView {
    fn from(snapshot: ProfileSnapshot) -> Self {
        Self { profile: snapshot.profile, refreshed_at: snapshot.refreshed_at }
    }
}
