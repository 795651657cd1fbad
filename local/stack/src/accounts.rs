//! What the table holds of each account, without any token.

use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::AttributeValue;
use domain::account::{AccountRecord, AccountStatus, FailureClass, TurnOutcome};
use domain::error::StoreError;
use domain::identity::HomeAccountId;
use domain::services::Services;
use serde::Serialize;
use time::OffsetDateTime;

/// An account as the table has it now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountState {
    pub account: HomeAccountId,
    pub user_principal_name: Option<String>,
    pub status: Option<AccountStatus>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_activity: Option<OffsetDateTime>,
    pub last_outcome: Option<TurnOutcome>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_sweep: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub due_at: Option<OffsetDateTime>,
    pub failure_class: Option<FailureClass>,
    /// For example `AADSTS50173`.
    pub failure_code: Option<String>,
    pub token_version: Option<u64>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub profile_refreshed_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub erased_at: Option<OffsetDateTime>,
}

/// The accounts cannot be listed.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    #[error("the table cannot be scanned: {reason}")]
    Scan { reason: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Reads accounts of one table; a whole table only where it is small, as it is locally.
#[derive(Clone)]
pub struct Accounts {
    pub(crate) services: Services,
    pub(crate) client: aws_sdk_dynamodb::Client,
    pub(crate) table: String,
}

impl Accounts {
    /// Every account that has anything in the table, by home account id.
    pub async fn all(&self) -> Result<Vec<AccountState>, AccountsError> {
        let mut ids = std::collections::BTreeSet::new();
        let mut from = None;
        loop {
            let page = self
                .client
                .scan()
                .table_name(&self.table)
                .projection_expression("pk")
                .filter_expression("begins_with(pk, :prefix)")
                .expression_attribute_values(":prefix", AttributeValue::S("ACCOUNT#".to_owned()))
                .set_exclusive_start_key(from)
                .send()
                .await
                .map_err(|error| AccountsError::Scan { reason: DisplayErrorContext(error).to_string() })?;
            let keys = page.items().iter().filter_map(|item| item.get("pk")?.as_s().ok());
            ids.extend(keys.filter_map(|key| key.strip_prefix("ACCOUNT#")?.parse::<HomeAccountId>().ok()));
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        let mut states = Vec::with_capacity(ids.len());
        for id in ids {
            states.push(self.one(&id).await?);
        }
        Ok(states)
    }

    /// One account, known or not.
    pub async fn one(&self, account: &HomeAccountId) -> Result<AccountState, AccountsError> {
        let record = self.services.store.load(account).await?;
        Ok(AccountState::new(*account, &record))
    }
}

impl AccountState {
    fn new(account: HomeAccountId, record: &AccountRecord) -> Self {
        let activity = record.activity.as_ref();
        let failure = activity.and_then(|activity| activity.failure.as_ref());
        let last_sweep = activity.and_then(|activity| activity.last_sweep);
        Self {
            account,
            user_principal_name: activity
                .and_then(|activity| activity.user_principal_name.as_ref())
                .map(|name| name.as_str().to_owned()),
            status: activity.map(|activity| activity.status),
            last_activity: activity.map(|activity| activity.last_activity),
            last_outcome: last_sweep.map(|sweep| sweep.outcome),
            last_sweep: last_sweep.map(|sweep| sweep.at),
            due_at: activity.and_then(|activity| activity.due_at),
            failure_class: failure.map(|failure| failure.class),
            failure_code: failure.and_then(|failure| failure.code).map(|code| format!("AADSTS{code}")),
            token_version: record.tokens.as_ref().map(|tokens| tokens.version),
            profile_refreshed_at: record.profile.as_ref().map(|profile| profile.refreshed_at),
            erased_at: record.tombstone.as_ref().map(|tombstone| tombstone.erased_at),
        }
    }
}
