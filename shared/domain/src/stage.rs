//! The stages of a request or turn: what time is spent on.
//!
//! Each run of one is a span, for traces, and one value of the stage's metric. Spans have the stage's name and whether it
//! failed, and nothing about anybody.

use crate::metrics::Metric;
use tracing::Span;
use tracing::field::Empty;

/// The target of the stages' spans, by which a subscriber knows them.
pub const STAGE_TARGET: &str = "stage";

/// The field with the stage's name.
pub const STAGE_FIELD: &str = "stage";

/// The field that is true when the stage did not work.
pub const FAILED_FIELD: &str = "failed";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Validating the caller's token.
    Validate,
    /// Reading an account and opening its tokens.
    Cache,
    /// One request to Entra for tokens on behalf of a caller.
    OnBehalfOf,
    /// One request to Entra with a refresh token.
    Refresh,
    /// One request to Graph.
    Graph,
    /// One write to the table for an account: tokens, activity, profile, erasure, claim or end of a turn. Brakes and blobs in
    /// quarantine are not timed.
    Store,
}

impl Stage {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Validate => "validate",
            Self::Cache => "cache",
            Self::OnBehalfOf => "on_behalf_of",
            Self::Refresh => "refresh",
            Self::Graph => "graph",
            Self::Store => "store",
        }
    }

    pub const fn metric(self) -> Metric {
        match self {
            Self::Validate => Metric::ValidateMilliseconds,
            Self::Cache => Metric::CacheMilliseconds,
            Self::OnBehalfOf => Metric::OnBehalfOfMilliseconds,
            Self::Refresh => Metric::RefreshMilliseconds,
            Self::Graph => Metric::GraphMilliseconds,
            Self::Store => Metric::StoreMilliseconds,
        }
    }

    pub(crate) fn span(self) -> Span {
        tracing::info_span!(target: STAGE_TARGET, "stage", stage = self.name(), failed = Empty)
    }
}

pub(crate) fn mark_failed(span: &Span) {
    span.record(FAILED_FIELD, true);
}
