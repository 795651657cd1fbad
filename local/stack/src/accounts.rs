//! What the table holds of each account, without any token.

use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::account::{AccountRecord, AccountStatus, FailureClass, TurnOutcome};
use domain::error::StoreError;
use domain::identity::{HomeAccountId, UserPrincipalName};
use domain::services::Services;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
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

/// Items of one scan request, and the most requests for one page: an account has four items at the most.
const SCANNED_AT_ONCE: i32 = 200;
const MOST_SCANS: usize = 20;
/// Accounts read at once.
const LOADED_AT_ONCE: usize = 8;

/// A page of accounts.
#[derive(Debug, Clone)]
pub struct AccountsPage {
    pub accounts: Vec<AccountState>,
    pub next: Option<PageStart>,
}

/// The item after which a page begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageStart(String, String);

impl PageStart {
    fn of(item: &HashMap<String, AttributeValue>) -> Option<Self> {
        let part = |name: &str| item.get(name)?.as_s().ok().cloned();
        Some(Self(part("pk")?, part("sk")?))
    }

    fn key(&self) -> HashMap<String, AttributeValue> {
        let part = |name: &str, value: &str| (name.to_owned(), AttributeValue::S(value.to_owned()));
        HashMap::from([part("pk", &self.0), part("sk", &self.1)])
    }

    /// The account of an activity item.
    fn account(&self) -> Option<HomeAccountId> {
        (self.1 == "ACTIVITY").then(|| self.0.strip_prefix("ACCOUNT#")?.parse().ok())?
    }

    /// For an address; [`PageStart::read`] reads it again.
    pub(crate) fn to_text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(serde_json::json!([self.0, self.1]).to_string())
    }

    pub(crate) fn read(text: &str) -> Option<Self> {
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()
    }
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

    /// Some `wanted` accounts that have an activity item, in the table's own order, and where the next page begins. Reads a
    /// bounded part of the table, so that a page takes the same time in a large one as in a small one.
    pub async fn page(&self, from: Option<&PageStart>, wanted: usize) -> Result<AccountsPage, AccountsError> {
        let mut ids = Vec::with_capacity(wanted);
        let mut start = from.cloned();
        for _ in 0..MOST_SCANS {
            let page = self
                .client
                .scan()
                .table_name(&self.table)
                .projection_expression("pk, sk")
                .limit(SCANNED_AT_ONCE)
                .set_exclusive_start_key(start.as_ref().map(PageStart::key))
                .send()
                .await
                .map_err(|error| AccountsError::Scan { reason: DisplayErrorContext(error).to_string() })?;
            for place in page.items().iter().filter_map(PageStart::of) {
                if let Some(account) = place.account() {
                    ids.push(account);
                }
                start = Some(place);
                if ids.len() == wanted {
                    return Ok(AccountsPage { accounts: self.states(ids).await?, next: start });
                }
            }
            start = page.last_evaluated_key().and_then(PageStart::of);
            if start.is_none() {
                break;
            }
        }
        Ok(AccountsPage { accounts: self.states(ids).await?, next: start })
    }

    async fn states(&self, ids: Vec<HomeAccountId>) -> Result<Vec<AccountState>, AccountsError> {
        let states = stream::iter(ids).map(|id| async move { self.one(&id).await });
        states.buffered(LOADED_AT_ONCE).try_collect().await
    }

    /// The accounts of the user with this name or home account id.
    pub async fn find(&self, wanted: &str) -> Result<Vec<AccountState>, AccountsError> {
        let ids = match wanted.trim().to_lowercase().parse() {
            Ok(id) => vec![id],
            Err(_) => {
                self.services.store.find_by_user_principal_name(&UserPrincipalName::new(wanted)).await?
            }
        };
        let states = self.states(ids).await?;
        Ok(states.into_iter().filter(|state| state.status.is_some()).collect())
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
