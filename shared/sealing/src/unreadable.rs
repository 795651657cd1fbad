//! Why a blob is no blob of ours, in words.

use domain::error::{SealingError, UnreadableCause};

/// A blob that no waiting opens. The caller treats it as a miss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Its bytes are not laid out as a blob; where they leave the layout.
    Malformed(&'static str),
    UnknownVersion,
    UnknownKey,
    NotAuthentic,
}

impl From<Unreadable> for SealingError {
    fn from(unreadable: Unreadable) -> Self {
        let (cause, detail) = match unreadable {
            Unreadable::Malformed(detail) => (UnreadableCause::Malformed, detail),
            Unreadable::UnknownVersion => (UnreadableCause::UnknownVersion, "its version is not known"),
            Unreadable::UnknownKey => (UnreadableCause::UnknownKey, "it was sealed under another key"),
            Unreadable::NotAuthentic => {
                (UnreadableCause::NotAuthentic, "it was changed, moved, or sealed under another key")
            }
        };
        Self::Unreadable { cause, detail }
    }
}
