//! Getting a Graph token: from the cache, else from Entra; what Entra issues is cached before it is used.

use crate::account::AccountActivity;
use crate::brake;
use crate::caller::Caller;
use crate::counters::Count;
use crate::error::TokenError;
use crate::identity::{HomeAccountId, TenantId};
use crate::ports::TokenRequirements;
use crate::retry::should_ask_again;
use crate::services::Services;
use crate::stage::Stage;
use crate::time_budget::TimeBudget;
use crate::token::{AccessToken, IssuedTokens, RefreshToken, UserAssertion};
use crate::token_cache::{CacheError, CachedToken, GrantContext, Miss, OpenedAccount, open_account};
use time::Duration;

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

impl ObtainTokenError {
    /// Names the claims with which an API refused the last token, where Entra, asked for a better one, named none.
    #[must_use]
    pub fn with_challenge(self, challenge: Option<&str>) -> Self {
        match self {
            Self::Token(TokenError::UserNeeded { error, code, suberror, claims: None }) => {
                let claims = challenge.map(str::to_owned);
                Self::Token(TokenError::UserNeeded { error, code, suberror, claims })
            }
            other => other,
        }
    }
}

/// Whether a cached token may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheUse<'a> {
    Allowed,
    /// The last token was just refused downstream, for want of these claims if it said so: a new one is needed.
    Bypassed {
        claims: Option<&'a str>,
    },
}

impl<'a> CacheUse<'a> {
    fn claims(self) -> Option<&'a str> {
        match self {
            Self::Allowed => None,
            Self::Bypassed { claims } => claims,
        }
    }
}

/// How often a refused refresh token is looked up again: each time somebody else has renewed it meanwhile, and they have a
/// lease to respect.
const RENEWALS: u32 = 3;

/// What the cache says to a wish.
enum Cached {
    Use(AccessToken),
    /// Ask Entra; if it cannot say just now, the old one may still be good.
    Ask {
        why: Count,
        still_good: Option<AccessToken>,
    },
}

/// For a caller who is present: a cached token of this very assertion, else On-Behalf-Of.
pub async fn for_caller(
    services: &Services,
    opened: &mut OpenedAccount,
    caller: &Caller,
    budget: TimeBudget,
    cache_use: CacheUse<'_>,
) -> Result<ObtainedToken, ObtainTokenError> {
    let obtained_for = Some(caller.assertion.hash());
    let look = |opened: &OpenedAccount| {
        look_into_cache(services, opened, caller.tenant_id, obtained_for, budget, cache_use)
    };
    let mut cached = look(opened);
    let mut flight = None;
    if let Cached::Ask { .. } = cached {
        let flight = flight.insert(services.flights.enter(caller.account).await);
        if flight.waited {
            *opened = open_account(services, &caller.account).await?;
            cached = look(opened);
        }
    }
    let still_good = match cached {
        Cached::Use(token) => return Ok(from_cache(services, token)),
        Cached::Ask { why, still_good } => {
            services.metrics.count(why);
            still_good
        }
    };
    let ask = Ask::TradeIn(&caller.assertion);
    let issued = match ask_entra(services, caller.tenant_id, ask, budget, cache_use.claims()).await {
        Ok(issued) => issued,
        Err(error) => return still_good_or(services, still_good, error),
    };
    services.metrics.count(Count::OnBehalfOf);
    let context = GrantContext {
        tenant_id: caller.tenant_id,
        object_id: caller.object_id,
        obtained_for,
        begun_at: budget.begun_at,
    };
    let kept = !is_refused(opened, caller) && keep(services, opened, &issued, &context).await?;
    Ok(ObtainedToken { token: issued.access_token, source: TokenSource::OnBehalfOf, kept })
}

/// For a user who is away: any cached token of the account, else its refresh token.
///
/// A refresh token that Entra refuses is no reason to need the user while somebody else has just renewed it: an authority
/// may take each only once.
pub async fn silently(
    services: &Services,
    opened: &mut OpenedAccount,
    activity: &AccountActivity,
    budget: TimeBudget,
    cache_use: CacheUse<'_>,
) -> Result<ObtainedToken, ObtainTokenError> {
    let _flight = services.flights.enter(opened.account).await;
    let claims = cache_use.claims();
    let mut cache_use = cache_use;
    let mut renewals = 0;
    loop {
        let still_good = match look_into_cache(services, opened, activity.tenant_id, None, budget, cache_use)
        {
            Cached::Use(token) => return Ok(from_cache(services, token)),
            Cached::Ask { why, still_good } => {
                services.metrics.count(why);
                still_good
            }
        };
        let Some((refresh_token, owner)) = opened.refresh_token(services) else {
            let still_good = still_good.map(|token| from_cache(services, token));
            return still_good.ok_or(ObtainTokenError::MissingTokens);
        };
        let ask = Ask::Renew { owner, refresh_token: &refresh_token };
        let issued = match ask_entra(services, activity.tenant_id, ask, budget, claims).await {
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
                services.metrics.count(Count::RenewedElsewhere);
                *opened = latest;
                cache_use = CacheUse::Allowed;
                continue;
            }
            // The sweep is to stop, and somebody to hear of it, also while old tokens would do for a while.
            Err(error @ TokenError::ApplicationRejected { .. }) => return Err(error.into()),
            Err(error) => return still_good_or(services, still_good, error),
        };
        services.metrics.count(Count::Refresh);
        let context = GrantContext {
            tenant_id: activity.tenant_id,
            object_id: activity.object_id,
            obtained_for: None,
            begun_at: budget.begun_at,
        };
        opened.record_issued(services, &issued, &context).await?;
        return Ok(ObtainedToken { token: issued.access_token, source: TokenSource::Refresh, kept: true });
    }
}

/// A token whose renewal Entra merely suggests is used as it is when there is no time for more.
fn look_into_cache(
    services: &Services,
    opened: &OpenedAccount,
    tenant: TenantId,
    obtained_for: Option<&str>,
    budget: TimeBudget,
    cache_use: CacheUse<'_>,
) -> Cached {
    if matches!(cache_use, CacheUse::Bypassed { .. }) {
        return Cached::Ask { why: Count::MissRefused, still_good: None };
    }
    match opened.access_token(services, tenant, &services.settings.graph_scopes, obtained_for) {
        CachedToken::RenewalDue(token)
            if budget.allows_token_request(services.clock.now(), Duration::ZERO) =>
        {
            Cached::Ask { why: Count::RenewalDue, still_good: Some(token) }
        }
        CachedToken::Fresh(token) | CachedToken::RenewalDue(token) => Cached::Use(token),
        CachedToken::Missing(miss) => Cached::Ask {
            why: match miss {
                Miss::Absent => Count::MissAbsent,
                Miss::Unreadable => Count::MissUnreadable,
                Miss::NoToken => Count::MissNoToken,
                Miss::Expired => Count::MissExpired,
                Miss::OtherSession => Count::MissOtherSession,
            },
            still_good: None,
        },
    }
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
    async fn send(
        &self,
        services: &Services,
        tenant: TenantId,
        claims: Option<&str>,
    ) -> Result<IssuedTokens, TokenError> {
        let required = TokenRequirements { scopes: &services.settings.graph_scopes, claims };
        match self {
            Self::TradeIn(assertion) => {
                let request = services.tokens.on_behalf_of(tenant, assertion, required);
                services.metrics.time(Stage::OnBehalfOf, request).await
            }
            Self::Renew { owner, refresh_token } => {
                let request = services.tokens.refresh(tenant, *owner, refresh_token, required);
                services.metrics.time(Stage::Refresh, request).await
            }
        }
    }

    /// What is counted when nobody but us or Entra is to blame that there are no tokens.
    fn failed(&self) -> Count {
        match self {
            Self::TradeIn(_) => Count::OnBehalfOfFailed,
            Self::Renew { .. } => Count::RefreshFailed,
        }
    }
}

/// Not while Entra wants a pause; once more when it fails in a way that passes; and what it says of pauses is heeded.
async fn ask_entra(
    services: &Services,
    tenant: TenantId,
    ask: Ask<'_>,
    budget: TimeBudget,
    claims: Option<&str>,
) -> Result<IssuedTokens, TokenError> {
    brake::check(services, tenant).await?;
    let mut answer = ask.send(services, tenant, claims).await;
    if should_ask_again(services, &answer, budget).await {
        answer = ask.send(services, tenant, claims).await;
    }
    if let Err(error) = &answer {
        if !matches!(error, TokenError::UserNeeded { .. } | TokenError::StaleAssertion { .. }) {
            services.metrics.count(ask.failed());
        }
        services.metrics.count(match error {
            TokenError::UserNeeded { .. } => Count::FailedUserNeeded,
            TokenError::StaleAssertion { .. } => Count::FailedStaleAssertion,
            TokenError::ApplicationRejected { .. } => Count::FailedApplicationRejected,
            TokenError::Throttled { .. } => Count::FailedThrottled,
            TokenError::Unavailable { .. } => Count::FailedUnavailable,
        });
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

fn from_cache(services: &Services, token: AccessToken) -> ObtainedToken {
    services.metrics.count(Count::Hit);
    ObtainedToken { token, source: TokenSource::Cache, kept: true }
}

/// A renewal that Entra merely suggested may fail; a refusal of the user counts at once.
fn still_good_or(
    services: &Services,
    still_good: Option<AccessToken>,
    error: TokenError,
) -> Result<ObtainedToken, ObtainTokenError> {
    match (still_good, error) {
        (None, error) | (_, error @ TokenError::UserNeeded { .. }) => Err(error.into()),
        (Some(token), error) => {
            services.metrics.count(Count::NotRenewed);
            tracing::warn!(event = "token.not_renewed", error = %error);
            Ok(from_cache(services, token))
        }
    }
}
