//! Getting a Graph token: from the cache, else from Entra; what Entra issues is cached before it is used.

use crate::account::AccountActivity;
use crate::caller::Caller;
use crate::error::TokenError;
use crate::services::Services;
use crate::token::AccessToken;
use crate::token_cache::{CacheError, CachedToken, GrantContext, OpenedAccount};
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

/// For a caller who is present: a cached token of this very assertion, else On-Behalf-Of.
pub async fn for_caller(
    services: &Services,
    opened: &mut OpenedAccount,
    caller: &Caller,
    begun_at: OffsetDateTime,
    cache_use: CacheUse,
) -> Result<ObtainedToken, ObtainTokenError> {
    let scopes = &services.settings.graph_scopes;
    let cached = match cache_use {
        CacheUse::Allowed => {
            opened.access_token(services, caller.tenant_id, scopes, Some(caller.assertion.hash()))
        }
        CacheUse::Bypassed => CachedToken::Missing,
    };
    let fallback = match cached {
        CachedToken::Fresh(token) => return Ok(from_cache(token)),
        CachedToken::RenewalDue(token) => Some(token),
        CachedToken::Missing => None,
    };
    let issued = match services.tokens.on_behalf_of(caller.tenant_id, &caller.assertion, scopes).await {
        Ok(issued) => issued,
        Err(error) => return still_good_or(fallback, error),
    };
    let refused = opened.record.tombstone.as_ref().is_some_and(|tombstone| {
        tombstone.refused_assertions.iter().any(|hash| hash == caller.assertion.hash())
    });
    let kept = if refused {
        false
    } else {
        let context = GrantContext {
            tenant_id: caller.tenant_id,
            object_id: caller.object_id,
            obtained_for: Some(caller.assertion.hash()),
            begun_at,
        };
        match opened.record_issued(services, &issued, &context).await {
            Ok(()) => true,
            Err(CacheError::Erased) => false,
            Err(error) => return Err(error.into()),
        }
    };
    Ok(ObtainedToken { token: issued.access_token, source: TokenSource::OnBehalfOf, kept })
}

/// For a user who is away: any cached token of the account, else its refresh token.
pub async fn silently(
    services: &Services,
    opened: &mut OpenedAccount,
    activity: &AccountActivity,
    begun_at: OffsetDateTime,
    cache_use: CacheUse,
) -> Result<ObtainedToken, ObtainTokenError> {
    let scopes = &services.settings.graph_scopes;
    let cached = match cache_use {
        CacheUse::Allowed => opened.access_token(services, activity.tenant_id, scopes, None),
        CacheUse::Bypassed => CachedToken::Missing,
    };
    let fallback = match cached {
        CachedToken::Fresh(token) => return Ok(from_cache(token)),
        CachedToken::RenewalDue(token) => Some(token),
        CachedToken::Missing => None,
    };
    let Some((refresh_token, owner)) = opened.refresh_token(services) else {
        return fallback.map(from_cache).ok_or(ObtainTokenError::MissingTokens);
    };
    let issued = match services.tokens.refresh(activity.tenant_id, owner, &refresh_token, scopes).await {
        Ok(issued) => issued,
        Err(error) => return still_good_or(fallback, error),
    };
    let context = GrantContext {
        tenant_id: activity.tenant_id,
        object_id: activity.object_id,
        obtained_for: None,
        begun_at,
    };
    opened.record_issued(services, &issued, &context).await?;
    Ok(ObtainedToken { token: issued.access_token, source: TokenSource::Refresh, kept: true })
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
