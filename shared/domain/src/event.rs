//! What happened, for anyone who subscribes. Account ids only: no names, addresses or tokens.

use crate::identity::HomeAccountId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Each kind has fields that no other has, so that one that was kept can be read again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum DomainEvent {
    /// The sweep parked an account: only its user can help.
    AccountNeedsUser {
        account: HomeAccountId,
        failure_class: crate::account::FailureClass,
        suberror: Option<String>,
    },
    /// The profile differs from the last snapshot; field names, not values.
    ProfileChanged { account: HomeAccountId, changed_fields: Vec<String>, idempotency_key: String },
    /// A worker came to the end of what was due.
    SweepCompleted { outcomes: BTreeMap<crate::account::TurnOutcome, u64>, stopped_early: bool },
}

impl DomainEvent {
    /// EventBridge's `detail-type`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AccountNeedsUser { .. } => "AccountNeedsUser",
            Self::ProfileChanged { .. } => "ProfileChanged",
            Self::SweepCompleted { .. } => "SweepCompleted",
        }
    }
}
