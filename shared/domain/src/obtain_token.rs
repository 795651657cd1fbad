//! Getting a Graph token: from the cache, else from Entra; what Entra issues is cached before it is used.

use crate::account::AccountActivity;
use crate::brake;
use crate::caller::Caller;
use crate::error::TokenError;
use crate::identity::{HomeAccountId, TenantId};
use crate::retry::should_ask_again;
use crate::services::Services;
use crate::token::{AccessToken, IssuedTokens, RefreshToken, UserAssertion};
use crate::token_cache::{CacheError, CachedToken, GrantContext, OpenedAccount, open_account};
use time::OffsetDateTime;

/// Where a token came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenSource {
    Cache,
    OnBehalfOf,
    Refresh,
}

/// A token that can be used now.
#[derive(Debug)]
pub struct ObtainedToken {
    pub token: AccessToken,
    pub source: TokenSource,
    /// Whether the tokens are in the cache now. Not so when the caller's bearer token is from before they ended background
    /// access: they are served, and nothing is kept.
    pub kept: bool,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum ObtainTokenError {
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// Neither a good access token nor a refresh token is cached.
    #[error("no tokens are cached for this account")]
    MissingTokens,
}

/// Whether a cached token may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheUse {
    Allowed,
    /// The cached token was just refused downstream: a new one is needed.
    Bypassed,
}

/// How often a refused refresh token is looked up again: each time somebody else has renewed it meanwhile, and they have a
/// lease to respect.
const RENEWALS: u32 = 3;

/// For a caller who is present: a cached token of this very assertion, else On-Behalf-Of.
pub async fn for_caller(
    services: &Services,
    opened: &mut OpenedAccount,
    caller: &Caller,
    begun_at: OffsetDateTime,
    cache_use: CacheUse,
) -> Result<ObtainedToken, ObtainTokenError> {
    let scopes = &services.settings.graph_scopes;
    let obtained_for = Some(caller.assertion.hash());
    let mut fallback = None;
    if cache_use == CacheUse::Allowed {
        match opened.access_token(services, caller.tenant_id, scopes, obtained_for) {
            CachedToken::Fresh(token) => return Ok(from_cache(token)),
            CachedToken::RenewalDue(token) => fallback = Some(token),
            CachedToken::Missing => {}
        }
    }
    let flight = services.flights.enter(caller.account).await;
    if flight.waited && cache_use == CacheUse::Allowed {
        *opened = open_account(services, &caller.account).await?;
        if let CachedToken::Fresh(token) =
            opened.access_token(services, caller.tenant_id, scopes, obtained_for)
        {
            return Ok(from_cache(token));
        }
    }
    let ask = Ask::TradeIn(&caller.assertion);
    let issued = match ask_entra(services, caller.tenant_id, ask, begun_at).await {
        Ok(issued) => issued,
        Err(error) => return still_good_or(fallback, error),
    };
    let context =
        GrantContext { tenant_id: caller.tenant_id, object_id: caller.object_id, obtained_for, begun_at };
    let kept = !is_refused(opened, caller) && keep(services, opened, &issued, &context).await?;
    Ok(ObtainedToken { token: issued.access_token, source: TokenSource::OnBehalfOf, kept })
}

/// What is handed to Entra for a new token.
enum Ask<'a> {
    /// On-Behalf-Of.
    TradeIn(&'a UserAssertion),
    Renew {
        owner: HomeAccountId,
        refresh_token: &'a RefreshToken,
    },
}

impl Ask<'_> {
    async fn send(&self, services: &Services, tenant: TenantId) -> Result<IssuedTokens, TokenError> {
        let scopes = &services.settings.graph_scopes;
        match self {
            Self::TradeIn(assertion) => services.tokens.on_behalf_of(tenant, assertion, scopes).await,
            Self::Renew { owner, refresh_token } => {
                services.tokens.refresh(tenant, *owner, refresh_token, scopes).await
            }
        }
    }
}

/// Not while Entra wants a pause; once more when it fails in a way that passes; and what it says of pauses is heeded.
async fn ask_entra(
    services: &Services,
    tenant: TenantId,
    ask: Ask<'_>,
    begun_at: OffsetDateTime,
) -> Result<IssuedTokens, TokenError> {
    brake::check(services, tenant).await?;
    let mut answer = ask.send(services, tenant).await;
    if should_ask_again(services, &answer, begun_at).await {
        answer = ask.send(services, tenant).await;
    }
    if let Err(error) = &answer {
        brake::heed(services, tenant, error).await;
    }
    answer
}

/// The bearer token was in use when its user ended background access: with it nothing is kept again.
fn is_refused(opened: &OpenedAccount, caller: &Caller) -> bool {
    let tombstone = opened.record.tombstone.as_ref();
    tombstone.is_some_and(|tombstone| {
        tombstone.refused_assertions.iter().any(|hash| hash == caller.assertion.hash())
    })
}

/// `false` when the user ended background access meanwhile.
async fn keep(
    services: &Services,
    opened: &mut OpenedAccount,
    issued: &IssuedTokens,
    context: &GrantContext<'_>,
) -> Result<bool, CacheError> {
    match opened.record_issued(services, issued, context).await {
        Ok(()) => Ok(true),
        Err(CacheError::Erased) => Ok(false),
        Err(error) => Err(error),
    }
}

/// For a user who is away: any cached token of the account, else its refresh token.
///
/// A refresh token that Entra refuses is no reason to need the user while somebody else has just renewed it: an authority
/// may take each only once.
pub async fn silently(
    services: &Services,
    opened: &mut OpenedAccount,
    activity: &AccountActivity,
    begun_at: OffsetDateTime,
    cache_use: CacheUse,
) -> Result<ObtainedToken, ObtainTokenError> {
    let scopes = &services.settings.graph_scopes;
    let _flight = services.flights.enter(opened.account).await;
    let mut cache_use = cache_use;
    let mut renewals = 0;
    loop {
        let mut fallback = None;
        if cache_use == CacheUse::Allowed {
            match opened.access_token(services, activity.tenant_id, scopes, None) {
                CachedToken::Fresh(token) => return Ok(from_cache(token)),
                CachedToken::RenewalDue(token) => fallback = Some(token),
                CachedToken::Missing => {}
            }
        }
        let Some((refresh_token, owner)) = opened.refresh_token(services) else {
            return fallback.map(from_cache).ok_or(ObtainTokenError::MissingTokens);
        };
        let ask = Ask::Renew { owner, refresh_token: &refresh_token };
        let issued = match ask_entra(services, activity.tenant_id, ask, begun_at).await {
            Ok(issued) => issued,
            Err(error @ (TokenError::UserNeeded { .. } | TokenError::StaleAssertion { .. })) => {
                let latest = open_account(services, &opened.account).await?;
                let renewed = latest
                    .refresh_token(services)
                    .is_some_and(|(token, _)| !token.is_same_as(&refresh_token));
                renewals += 1;
                if !renewed || renewals > RENEWALS {
                    return Err(error.into());
                }
                *opened = latest;
                cache_use = CacheUse::Allowed;
                continue;
            }
            Err(error) => return still_good_or(fallback, error),
        };
        let context = GrantContext {
            tenant_id: activity.tenant_id,
            object_id: activity.object_id,
            obtained_for: None,
            begun_at,
        };
        opened.record_issued(services, &issued, &context).await?;
        return Ok(ObtainedToken { token: issued.access_token, source: TokenSource::Refresh, kept: true });
    }
}

fn from_cache(token: AccessToken) -> ObtainedToken {
    ObtainedToken { token, source: TokenSource::Cache, kept: true }
}

/// A renewal that Entra merely suggested may fail for reasons that pass; a refusal of the user counts at once.
fn still_good_or(
    fallback: Option<AccessToken>,
    error: TokenError,
) -> Result<ObtainedToken, ObtainTokenError> {
    match (fallback, error) {
        (Some(token), TokenError::Throttled { .. } | TokenError::Unavailable { .. }) => Ok(from_cache(token)),
        (_, error) => Err(error.into()),
    }
}
