//! What happens in the token cache, as counts: how often it helped, why not, and what it took.
//!
//! The names are stable: they are what metrics are called. No count is about one user.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
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
        }
    };
}

counts! {
    /// A cached access token was used.
    Hit = "cache.hit",
    /// Nothing is cached for the account.
    MissAbsent = "cache.miss.absent",
    /// The blob could not be read.
    MissUnreadable = "cache.miss.unreadable",
    /// No token of these scopes in this tenant.
    MissNoToken = "cache.miss.no_token",
    /// The token has expired, or will within the margin.
    MissExpired = "cache.miss.expired",
    /// There is a good token, but it was obtained for another session.
    MissOtherSession = "cache.miss.other_session",
    /// The cached token was refused downstream.
    MissRefused = "cache.miss.refused",
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
    OnBehalfOf = "token.on_behalf_of",
    /// Entra issued tokens for a refresh token.
    Refresh = "token.refresh",
    /// Entra failed in a way that passes, and was asked once more.
    AskedAgain = "token.asked_again",
    /// A refused refresh token had been renewed by somebody else.
    RenewedElsewhere = "token.renewed_elsewhere",
    FailedUserNeeded = "token.failed.user_needed",
    FailedStaleAssertion = "token.failed.stale_assertion",
    FailedApplicationRejected = "token.failed.application_rejected",
    FailedThrottled = "token.failed.throttled",
    FailedUnavailable = "token.failed.unavailable",
    /// Entra asked the application to slow down, and everybody was told.
    BrakeOn = "brake.on",
    /// Graph asked the sweep to slow down.
    GraphBrakeOn = "brake.graph_on",
    /// A token request was held back by a brake.
    BrakeHeld = "brake.held",
}

/// The counts of one process.
#[derive(Debug)]
pub struct Counters(Vec<AtomicU64>);

impl Default for Counters {
    fn default() -> Self {
        Self(Count::ALL.iter().map(|_| AtomicU64::new(0)).collect())
    }
}

impl Counters {
    pub fn add(&self, count: Count) {
        self.0[count as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn of(&self, count: Count) -> u64 {
        self.0[count as usize].load(Ordering::Relaxed)
    }

    /// What was counted since the last call of this, without zeros: for whoever publishes it.
    pub fn take(&self) -> BTreeMap<&'static str, u64> {
        Count::ALL
            .iter()
            .map(|count| (count.name(), self.0[*count as usize].swap(0, Ordering::Relaxed)))
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
        assert_eq!(counters.take(), [("cache.hit", 2), ("brake.on", 1)].into());
        assert_eq!(counters.take(), BTreeMap::new());
    }
}
