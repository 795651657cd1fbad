//! Why a blob is no blob of ours.

/// A blob that no waiting opens. The caller treats it as a miss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Its bytes are not laid out as a blob; where they leave the layout.
    Malformed(&'static str),
    /// Written by a later program, or nothing of ours.
    UnknownVersion,
    /// It names a key that is not there: of another source, or deleted from the table.
    UnknownKey,
    /// Key and bytes do not belong together at this place: changed, moved, or sealed under another key.
    NotAuthentic,
}

impl Unreadable {
    /// A short name that does not change, for logs and counts.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::UnknownVersion => "unknown_version",
            Self::UnknownKey => "unknown_key",
            Self::NotAuthentic => "not_authentic",
        }
    }

    /// For people.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Malformed(text) => text,
            Self::UnknownVersion => "its version is not known",
            Self::UnknownKey => "it was sealed under another key",
            Self::NotAuthentic => "it was changed, moved, or sealed under another key",
        }
    }
}
