//! What happens, as counts: how often the token cache helped, why not, what it took, and how requests and turns ended.
//!
//! The names are stable: they are in each line of metrics (`counts`). Some are also added up to a [`Metric`]. No count is
//! about one user.

use crate::account::TurnOutcome;
use crate::metrics::Metric;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($(#[$doc:meta])* $variant:ident = $name:literal $(=> $metric:ident)?,)*) => {
        /// Something that is counted.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Count {
            $($(#[$doc])* $variant,)*
        }

        impl Count {
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Stable, with a dot between the thing and what happened to it.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The metric that it is a part of; `None` for a detail.
            pub fn metric(self) -> Option<Metric> {
                match self {
                    $($(Self::$variant => Some(Metric::$metric),)?)*
                    _ => None,
                }
            }
        }
    };
}

counts! {
    /// A cached access token was used.
    Hit = "cache.hit" => CacheHit,
    /// Nothing is cached for the account.
    MissAbsent = "cache.miss.absent" => CacheMiss,
    /// The blob could not be read.
    MissUnreadable = "cache.miss.unreadable" => CacheMiss,
    /// No token of these scopes in this tenant.
    MissNoToken = "cache.miss.no_token" => CacheMiss,
    /// The token has expired, or will within the margin.
    MissExpired = "cache.miss.expired" => CacheMiss,
    /// There is a good token, but it was obtained for another session.
    MissOtherSession = "cache.miss.other_session" => CacheMiss,
    /// The cached token was refused downstream.
    MissRefused = "cache.miss.refused" => CacheMiss,
    /// Entra suggested to renew a token that is still good (`refresh_in`), and was asked to.
    RenewalDue = "cache.renewal_due",
    /// That failed, and the token that is still good was used.
    NotRenewed = "cache.not_renewed",
    /// The cache was written.
    Write = "cache.write",
    /// Somebody else wrote first.
    Conflict = "cache.conflict",
    /// Theirs and ours were brought together.
    Merge = "cache.merge",
    /// The table was busy, and the write was tried again.
    WriteRepeated = "cache.write_repeated",
    /// All attempts to write failed.
    Unwritten = "cache.unwritten",
    /// The cache is larger than is kept.
    TooLarge = "cache.too_large",
    /// The user had ended background access meanwhile.
    Erased = "cache.erased",
    UnreadableMalformed = "cache.unreadable.malformed",
    UnreadableUnknownVersion = "cache.unreadable.unknown_version",
    UnreadableUnknownKey = "cache.unreadable.unknown_key",
    UnreadableNotAuthentic = "cache.unreadable.not_authentic",
    UnreadableNotACache = "cache.unreadable.not_a_cache",
    /// Such a blob was put aside before it was replaced.
    Quarantined = "cache.quarantined",
    /// The life of the items was extended.
    Extended = "cache.extended",
    /// The sealing key could not be had.
    SealingUnavailable = "sealing.unavailable",
    /// Entra issued tokens for an assertion.
    OnBehalfOf = "token.on_behalf_of" => OnBehalfOfIssued,
    /// Entra issued tokens for a refresh token.
    Refresh = "token.refresh" => TokenRefreshed,
    /// Entra failed in a way that passes, and was asked once more.
    AskedAgain = "token.asked_again",
    /// A refused refresh token had been renewed by somebody else.
    RenewedElsewhere = "token.renewed_elsewhere",
    FailedUserNeeded = "token.failed.user_needed",
    FailedStaleAssertion = "token.failed.stale_assertion",
    FailedApplicationRejected = "token.failed.application_rejected" => CredentialFault,
    FailedThrottled = "token.failed.throttled",
    FailedUnavailable = "token.failed.unavailable",
    /// A refresh did not work, and its user cannot help: Entra unavailable, too busy, or rejecting our application.
    RefreshFailed = "token.refresh_failed" => TokenRefreshFailed,
    /// Likewise, On-Behalf-Of.
    OnBehalfOfFailed = "token.on_behalf_of_failed" => OnBehalfOfFailed,
    /// Entra asked the application to slow down, and everybody was told.
    BrakeOn = "brake.on",
    /// Graph asked the sweep to slow down.
    GraphBrakeOn = "brake.graph_on",
    /// A token request was held back by a brake.
    BrakeHeld = "brake.held",
    /// A turn of an account ended so, or did not begin because of a brake (`throttled`).
    AccountActed = "account.acted" => AccountActed,
    AccountUnchanged = "account.unchanged" => AccountUnchanged,
    AccountSkipped = "account.skipped" => AccountSkipped,
    AccountThrottled = "account.throttled" => AccountThrottled,
    AccountRetryLater = "account.retry_later" => AccountRetryLater,
    AccountNeedsUser = "account.needs_user" => AccountNeedsUser,
    AccountMissingTokens = "account.missing_tokens" => AccountMissingTokens,
    AccountEnded = "account.ended" => AccountEnded,
    /// Its cause is counted as [`Self::FailedApplicationRejected`].
    AccountCredentialFault = "account.credential_fault",
    /// The API answered with a status below 400.
    Answered2xx = "request.2xx" => Answered2xx,
    Answered4xx = "request.4xx" => Answered4xx,
    Answered5xx = "request.5xx" => Answered5xx,
}

impl From<TurnOutcome> for Count {
    fn from(outcome: TurnOutcome) -> Self {
        match outcome {
            TurnOutcome::Acted => Self::AccountActed,
            TurnOutcome::Unchanged => Self::AccountUnchanged,
            TurnOutcome::Skipped => Self::AccountSkipped,
            TurnOutcome::Throttled => Self::AccountThrottled,
            TurnOutcome::RetryLater => Self::AccountRetryLater,
            TurnOutcome::NeedsUser => Self::AccountNeedsUser,
            TurnOutcome::MissingTokens => Self::AccountMissingTokens,
            TurnOutcome::Ended => Self::AccountEnded,
            TurnOutcome::CredentialFault => Self::AccountCredentialFault,
        }
    }
}

/// The counts of one process.
#[derive(Debug)]
pub(crate) struct Counters(Vec<AtomicU64>);

impl Default for Counters {
    fn default() -> Self {
        Self(Count::ALL.iter().map(|_| AtomicU64::new(0)).collect())
    }
}

impl Counters {
    pub(crate) fn add(&self, count: Count) {
        self.0[count as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn of(&self, count: Count) -> u64 {
        self.0[count as usize].load(Ordering::Relaxed)
    }

    /// What was counted since the last call of this, without zeros.
    pub(crate) fn take(&self) -> Vec<(Count, u64)> {
        Count::ALL
            .iter()
            .map(|count| (*count, self.0[*count as usize].swap(0, Ordering::Relaxed)))
            .filter(|(_, number)| *number > 0)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_count_has_a_place_and_a_name_of_its_own() {
        let names: BTreeSet<_> = Count::ALL.iter().map(|count| count.name()).collect();
        assert_eq!(names.len(), Count::ALL.len());
        for (place, count) in Count::ALL.iter().enumerate() {
            assert_eq!(*count as usize, place);
        }
    }

    #[test]
    fn what_was_taken_is_not_given_again() {
        let counters = Counters::default();
        counters.add(Count::Hit);
        counters.add(Count::Hit);
        counters.add(Count::BrakeOn);
        assert_eq!(counters.of(Count::Hit), 2);
        assert_eq!(counters.take(), [(Count::Hit, 2), (Count::BrakeOn, 1)]);
        assert_eq!(counters.take(), []);
    }
}
