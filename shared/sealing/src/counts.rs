//! How many blobs were opened and how many could not be, and why.

use crate::envelope::OpeningError;
use crate::unreadable::Unreadable;
use std::error::Error;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a sealer met since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SealingCounts {
    pub opened: u64,
    /// Cut, or not laid out as a blob.
    pub malformed: u64,
    pub unknown_version: u64,
    /// Sealed under a key of another source, or one that was deleted from the table.
    pub unknown_key: u64,
    /// Changed, moved to another place, or sealed under another key of the same name.
    pub not_authentic: u64,
    /// Not opened because the key could not be had; these may open later.
    pub unavailable: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counters {
    opened: AtomicU64,
    malformed: AtomicU64,
    unknown_version: AtomicU64,
    unknown_key: AtomicU64,
    not_authentic: AtomicU64,
    unavailable: AtomicU64,
}

impl Counters {
    /// Counts one opening and logs it: `sealing.opened`, or `sealing.unreadable` and `sealing.unavailable` with the reason.
    pub(crate) fn note(&self, outcome: &Result<Vec<u8>, OpeningError>) {
        match outcome {
            Ok(_) => tracing::debug!(event = "sealing.opened"),
            Err(OpeningError::Unreadable(reason)) => {
                tracing::warn!(event = "sealing.unreadable", reason = reason.name());
            }
            Err(OpeningError::NoBranchKey(error)) => {
                tracing::warn!(event = "sealing.unavailable", error = error as &dyn Error);
            }
            Err(OpeningError::NoItemKey) => {
                tracing::warn!(event = "sealing.unavailable", "the crypto library derived no item key");
            }
        }
        let counter = match outcome {
            Ok(_) => &self.opened,
            Err(OpeningError::Unreadable(Unreadable::Malformed(_))) => &self.malformed,
            Err(OpeningError::Unreadable(Unreadable::UnknownVersion)) => &self.unknown_version,
            Err(OpeningError::Unreadable(Unreadable::UnknownKey)) => &self.unknown_key,
            Err(OpeningError::Unreadable(Unreadable::NotAuthentic)) => &self.not_authentic,
            Err(OpeningError::NoBranchKey(_) | OpeningError::NoItemKey) => &self.unavailable,
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> SealingCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SealingCounts {
            opened: read(&self.opened),
            malformed: read(&self.malformed),
            unknown_version: read(&self.unknown_version),
            unknown_key: read(&self.unknown_key),
            not_authentic: read(&self.not_authentic),
            unavailable: read(&self.unavailable),
        }
    }
}
