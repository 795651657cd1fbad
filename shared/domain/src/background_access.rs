//! Use cases: a user sees what is done for them while they are away, and ends it.

use crate::account::{AccountActivity, Tombstone};
use crate::caller::Caller;
use crate::error::StoreError;
use crate::identity::HomeAccountId;
use crate::profile::ProfileSnapshot;
use crate::services::Services;
use crate::stage::Stage;
use crate::token_cache::{CacheError, open_account};

/// What the sweep did for a user and what it needs from them; `activity` is `None` for a user it knows nothing of.
#[derive(Debug, Clone)]
pub struct BackgroundAccess {
    pub activity: Option<AccountActivity>,
    pub profile: Option<ProfileSnapshot>,
}

/// One read, no write: looking is not activity.
pub async fn see(services: &Services, caller: &Caller) -> Result<BackgroundAccess, StoreError> {
    let load = services.store.load(&caller.account);
    let record = services.metrics.time(Stage::Cache, load).await?;
    Ok(BackgroundAccess { activity: record.activity, profile: record.profile })
}

/// Erases tokens, activity and profile. The bearer tokens in use now do not bring them back; the next sign-in does.
pub async fn end(services: &Services, caller: &Caller) -> Result<(), CacheError> {
    erase(services, &caller.account, Some(caller.assertion.hash())).await
}

/// The same in the user's place, by an operator. Only the bearer tokens for which something is cached are known; one that
/// was never used here counts as a new sign-in.
pub async fn end_for(services: &Services, account: &HomeAccountId) -> Result<(), CacheError> {
    erase(services, account, None).await
}

async fn erase(
    services: &Services,
    account: &HomeAccountId,
    assertion_in_use: Option<&str>,
) -> Result<(), CacheError> {
    let opened = open_account(services, account).await?;
    let erased_at = services.clock.now();
    let mut refused_assertions = opened.assertion_hashes();
    if let Some(earlier) = &opened.record.tombstone {
        refused_assertions.extend(earlier.refused_assertions.iter().cloned());
    }
    refused_assertions.extend(assertion_in_use.map(str::to_owned));
    refused_assertions.sort();
    refused_assertions.dedup();
    let tombstone = Tombstone {
        erased_at,
        refused_assertions,
        expires_at: erased_at + services.settings.token_cache_ttl,
    };
    services.metrics.time(Stage::Store, services.store.erase(account, &tombstone)).await?;
    services.opened.forget(account);
    tracing::info!(event = "background_access.ended", account = services.settings.pseudonyms.of(account));
    Ok(())
}
