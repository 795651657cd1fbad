//! Errors of the ports, shaped by what the caller does next. None carries a token, a body or a name.

use std::error::Error as StdError;
use time::Duration;

type Source = Box<dyn StdError + Send + Sync>;

/// Why the authority gave no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The user must sign in again, consent, or prove more. The API passes `claims` on; the sweep parks the account.
    #[error("Entra ID needs the user ({error}{})", aadsts(*code))]
    UserNeeded {
        /// OAuth 2.0 `error`, for example `invalid_grant` or `interaction_required`.
        error: String,
        code: Option<u32>,
        suberror: Option<String>,
        /// A claims challenge as Entra sent it (JSON).
        claims: Option<String>,
    },
    /// The caller's own token is expired or not good enough to trade in: it must send a fresh one.
    #[error("Entra ID refused the caller's token as stale{}", aadsts(*code))]
    StaleAssertion { code: Option<u32> },
    /// Our registration, permission or credential is wrong: an operator must act, and the sweep stops.
    #[error("Entra ID rejected this application ({error}{})", aadsts(*code))]
    ApplicationRejected { error: String, code: Option<u32> },
    /// Too many requests; nothing should be asked before `retry_after`.
    #[error("Entra ID asks to slow down{}", aadsts(*code))]
    Throttled { retry_after: Option<Duration>, code: Option<u32> },
    /// No answer, a 5xx, or an answer that cannot be used.
    #[error("Entra ID did not answer as expected: {expected}")]
    Unavailable {
        expected: &'static str,
        kind: UnavailableKind,
        retry_after: Option<Duration>,
        #[source]
        source: Option<Source>,
    },
}

fn aadsts(code: Option<u32>) -> String {
    code.map(|code| format!(", AADSTS{code}")).unwrap_or_default()
}

/// In which way a service did not answer; it decides between HTTP 502, 503 and 504.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnavailableKind {
    /// It answered something that is not an answer.
    BadAnswer,
    /// It said itself that it is not available, or could not be reached.
    Down,
    /// It took longer than it may.
    TimedOut,
}

/// Why Graph gave no data.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// The token is no longer accepted; with `claims` (JSON) the user must meet a challenge (continuous access evaluation).
    #[error("Graph no longer accepts the token")]
    Unauthorized { claims: Option<String> },
    #[error("Graph refused access to the user's data ({code})")]
    Forbidden { code: String },
    #[error("Graph asks to slow down")]
    Throttled { retry_after: Option<Duration> },
    #[error("Graph did not answer as expected: {expected}")]
    Unavailable {
        expected: &'static str,
        kind: UnavailableKind,
        retry_after: Option<Duration>,
        #[source]
        source: Option<Source>,
    },
}

/// Why the table could not be used. An error is never a miss.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Throttled, timed out or unreachable: safe to try again.
    #[error("the table did not answer ({operation})")]
    Unavailable {
        operation: &'static str,
        #[source]
        source: Option<Source>,
    },
    /// The table refused: a missing table, index or permission. An operator must act.
    #[error("the table refused {operation}: {reason}")]
    Rejected {
        operation: &'static str,
        reason: String,
        #[source]
        source: Option<Source>,
    },
    /// A place in the due index that it never gave out.
    #[error("expected a cursor that an earlier page of this shard gave out; {reason}")]
    SenselessCursor { reason: &'static str },
    /// More than the table takes; nothing was written.
    #[error("the token cache of this account has {bytes} bytes; at most {limit} are kept")]
    TooLarge { bytes: usize, limit: usize },
}

/// Why a blob could not be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// No waiting opens this blob with the keys there are. A miss.
    #[error("the sealed token cache cannot be opened: {detail}")]
    Unreadable {
        cause: UnreadableCause,
        /// For people.
        detail: &'static str,
    },
    /// More than is sealed.
    #[error("the token cache has {bytes} bytes; at most {limit} are sealed")]
    TooLarge { bytes: usize, limit: usize },
    /// The key cannot be had just now.
    #[error("the sealing key is not available")]
    Unavailable {
        #[source]
        source: Option<Source>,
    },
}

/// What is wrong with a blob that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnreadableCause {
    /// Cut, or not laid out as a blob.
    Malformed,
    /// Written by a later program, or nothing of ours.
    UnknownVersion,
    /// It names a key that is not there: of another source, or deleted from the table.
    UnknownKey,
    /// Key and bytes do not belong together at this place: changed, moved, or sealed under another key.
    NotAuthentic,
    /// It opened, and what was inside is not a token cache.
    NotACache,
}

impl UnreadableCause {
    /// A short name that does not change, for logs and counts.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownVersion => "unknown_version",
            Self::UnknownKey => "unknown_key",
            Self::NotAuthentic => "not_authentic",
            Self::NotACache => "not_a_cache",
        }
    }
}
