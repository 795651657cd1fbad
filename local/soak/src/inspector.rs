//! Looks into the table, past every fault.

use crate::error::{SoakError, cannot, promise};
use domain::account::AccountStatus;
use domain::identity::HomeAccountId;
use domain::services::Services;
use serde_json::Value;
use time::OffsetDateTime;

/// Reads accounts as they lie in the table.
#[derive(Clone)]
pub(crate) struct Inspector {
    services: Services,
}

/// What the table has of an account.
pub(crate) struct Condition {
    pub(crate) status: Option<AccountStatus>,
    /// `None`: there is no token item.
    pub(crate) tokens: Option<Tokens>,
}

/// An opened token item.
pub(crate) struct Tokens {
    /// Every entry of the `RefreshToken` section.
    pub(crate) refresh_tokens: Vec<String>,
    pub(crate) expires_at: OffsetDateTime,
}

impl Inspector {
    /// `services` must reach the table without faults.
    pub(crate) fn new(services: Services) -> Self {
        Self { services }
    }

    pub(crate) fn services(&self) -> &Services {
        &self.services
    }

    /// # Errors
    /// `Broken` when the token item does not open or is no MSAL cache.
    pub(crate) async fn look(&self, account: &HomeAccountId) -> Result<Condition, SoakError> {
        let record = self.services.store.load(account).await.map_err(cannot("read the table"))?;
        let status = record.activity.map(|activity| activity.status);
        let Some(stored) = record.tokens else { return Ok(Condition { status, tokens: None }) };
        let address = self.services.store.token_item(account);
        let json = self.services.sealer.open(&address, &stored.blob).await;
        let json =
            json.map_err(|error| SoakError::Broken(format!("the token item does not open: {error}")))?;
        let cache: Value = serde_json::from_slice(&json)
            .map_err(|error| SoakError::Broken(format!("the token item is not JSON: {error}")))?;
        let section = cache["RefreshToken"].as_object();
        let secrets = section.into_iter().flat_map(|section| section.values());
        let refresh_tokens =
            secrets.filter_map(|entry| entry["secret"].as_str().map(str::to_owned)).collect();
        Ok(Condition { status, tokens: Some(Tokens { refresh_tokens, expires_at: stored.expires_at }) })
    }
}

impl Condition {
    /// The account is not waiting for its user.
    pub(crate) fn not_parked(&self) -> Result<(), SoakError> {
        promise(self.status != Some(AccountStatus::NeedsUser), || "the account is parked".to_owned())
    }

    /// The one refresh token of the account.
    pub(crate) fn refresh_token(&self) -> Result<&str, SoakError> {
        let tokens = self.tokens.as_ref();
        let tokens = tokens.ok_or_else(|| SoakError::Broken("the token item is gone".to_owned()))?;
        match tokens.refresh_tokens.as_slice() {
            [one] => Ok(one),
            several => Err(SoakError::Broken(format!(
                "expected one refresh token in the item, found {}",
                several.len()
            ))),
        }
    }
}
