//! What is kept of an account beside its tokens: when its user was last here, what the sweep did, what it needs.

use crate::event::DomainEvent;
use crate::identity::{HomeAccountId, ObjectId, TenantId, UserPrincipalName};
use crate::profile::ProfileSnapshot;
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// Everything kept of one account, from one read.
///
/// Parts past their time to live, and parts that an erasure outlawed, are already left out.
#[derive(Debug, Clone, Default)]
pub struct AccountRecord {
    pub tokens: Option<StoredTokens>,
    pub activity: Option<AccountActivity>,
    pub profile: Option<ProfileSnapshot>,
    /// The user ended background access.
    pub tombstone: Option<Tombstone>,
}

/// What is left after a user ended background access, so that late writers bring nothing back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Kept in milliseconds (attribute `erased_at`, epoch milliseconds).
    pub erased_at: OffsetDateTime,
    /// Hashes of the bearer tokens that were in use: with one of these nothing is kept again; a new sign-in brings others.
    pub refused_assertions: Vec<String>,
    pub expires_at: OffsetDateTime,
}

/// The sealed cache blob and the version that a writer must have seen to replace it.
#[derive(Clone)]
pub struct StoredTokens {
    pub blob: Vec<u8>,
    /// Starts at 1 and grows by 1 with each write.
    pub version: u64,
    pub expires_at: OffsetDateTime,
}

impl std::fmt::Debug for StoredTokens {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("StoredTokens")
            .field("bytes", &self.blob.len())
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The one account-activity item of a user.
#[derive(Debug, Clone, PartialEq)]
pub struct AccountActivity {
    pub tenant_id: TenantId,
    pub object_id: ObjectId,
    pub user_principal_name: Option<UserPrincipalName>,
    /// When the user themselves last called; the sweep never moves it.
    pub last_activity: OffsetDateTime,
    pub status: AccountStatus,
    pub failure: Option<Failure>,
    /// Transient failures in a row; 0 after a turn that worked.
    pub failure_count: u32,
    pub last_sweep: Option<LastSweep>,
    /// The next turn; `None` takes the account out of the due index until its user signs in again.
    pub due_at: Option<OffsetDateTime>,
    pub lease: Option<Lease>,
    /// Events of earlier turns that could not be published; the next turn tries again.
    pub unpublished: Vec<DomainEvent>,
    pub expires_at: OffsetDateTime,
}

/// Where an account stands with the sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountStatus {
    /// Has its turns.
    Active,
    /// Its last turns failed for reasons that pass; it is tried again, less often.
    Failing,
    /// Parked until its user signs in: only they can help, or an operator wants it so ([`FailureClass::ParkedByOperator`]).
    NeedsUser,
}

/// Why the last turn did not work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    pub class: FailureClass,
    /// The number of the AADSTS error, where Entra gave one.
    pub code: Option<u32>,
    /// Entra's `suberror`, for example `basic_action` or `consent_required`.
    pub suberror: Option<String>,
    /// A claims challenge as Entra sent it (JSON), to be passed on in the user's next sign-in.
    pub claims: Option<String>,
    #[serde(with = "time::serde::timestamp")]
    pub at: OffsetDateTime,
}

/// What kind of failure it was, and so who must act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The user must sign in, consent, or prove more.
    UserNeeded,
    /// There are no tokens to act with; the user's next sign-in brings new ones.
    MissingTokens,
    /// Microsoft asks to slow down.
    Throttled,
    /// Entra or Graph did not answer, or not in a way that can be used.
    Unavailable,
    /// The user's own access to the data was refused.
    Refused,
    /// Our registration or credential is wrong: an operator must act.
    ApplicationRejected,
    /// An operator took the account out of the sweep. Their release ends it, and so does the user's next sign-in.
    ParkedByOperator,
}

impl FailureClass {
    /// The stable name, as in items, answers and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UserNeeded => "user_needed",
            Self::MissingTokens => "missing_tokens",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Refused => "refused",
            Self::ApplicationRejected => "application_rejected",
            Self::ParkedByOperator => "parked_by_operator",
        }
    }
}

/// What the last turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSweep {
    #[serde(with = "time::serde::timestamp")]
    pub at: OffsetDateTime,
    pub outcome: TurnOutcome,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnOutcome {
    /// The job was done and changed something.
    Acted,
    /// The job was done; nothing had changed.
    Unchanged,
    /// Another worker has this account, or had its turn already.
    Skipped,
    Throttled,
    /// A failure that passes; tried again after a back-off.
    RetryLater,
    /// Parked until the user signs in.
    NeedsUser,
    /// Parked because there is nothing to act with.
    MissingTokens,
    /// The user ended background access.
    Ended,
    /// Our own credential was rejected; the whole sweep stops.
    CredentialFault,
}

impl TurnOutcome {
    /// The stable name, as in items, answers and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Acted => "acted",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Throttled => "throttled",
            Self::RetryLater => "retry_later",
            Self::NeedsUser => "needs_user",
            Self::MissingTokens => "missing_tokens",
            Self::Ended => "ended",
            Self::CredentialFault => "credential_fault",
        }
    }
}

/// A worker's claim on an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub owner: String,
    pub until: OffsetDateTime,
}

/// An entry of the due index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DueAccount {
    pub account: HomeAccountId,
    pub due_at: OffsetDateTime,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_code_and_in_json_are_the_same() {
        for outcome in [
            TurnOutcome::Acted,
            TurnOutcome::Unchanged,
            TurnOutcome::Skipped,
            TurnOutcome::Throttled,
            TurnOutcome::RetryLater,
            TurnOutcome::NeedsUser,
            TurnOutcome::MissingTokens,
            TurnOutcome::Ended,
            TurnOutcome::CredentialFault,
        ] {
            assert_eq!(serde_json::to_value(outcome).unwrap(), outcome.as_str());
        }
        for class in [
            FailureClass::UserNeeded,
            FailureClass::MissingTokens,
            FailureClass::Throttled,
            FailureClass::Unavailable,
            FailureClass::Refused,
            FailureClass::ApplicationRejected,
            FailureClass::ParkedByOperator,
        ] {
            assert_eq!(serde_json::to_value(class).unwrap(), class.as_str());
        }
    }
}
