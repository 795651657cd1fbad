//! The shared token cache: one sealed blob per user, which the API and the sweep write without losing each other's work.

use crate::account::{AccountRecord, StoredTokens};
use crate::counters::Count;
use crate::error::{SealingError, StoreError, UnreadableCause};
use crate::identity::{HomeAccountId, ObjectId, TenantId};
use crate::metrics::Metric;
use crate::ports::{PutTokensError, QuarantinedBlob, TokenWrite};
use crate::retry::before_writing_again;
use crate::scope::ScopeSet;
use crate::services::Services;
use crate::stage::Stage;
use crate::token::{AccessToken, IssuedTokens, RefreshToken};
use msal_cache::{AccessTokenQuery, CachedAccessToken, TokenGrant, UnifiedCache};
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// How long before its expiry a cached access token is no longer served: 5 minutes, as in every MSAL library.
///
/// Keep it above the longest Graph timeout, or a token can expire in flight.
pub const EXPIRY_MARGIN: Duration = Duration::minutes(5);

/// How far from the time that Entra suggests a token is renewed, either way: 5 minutes, as in MSAL.
const RENEWAL_JITTER: Duration = Duration::minutes(5);

/// How often the life of tokens that are in use is extended, per life.
const EXTENSIONS_PER_LIFE: i32 = 10;

/// How often a write is tried, after somebody else wrote first or while the store is busy. Each attempt merges, so a few are
/// plenty: a user has a handful of writers at the most.
const WRITE_ATTEMPTS: u32 = 6;

/// An account as it was read, with its token blob opened.
#[derive(Debug)]
pub struct OpenedAccount {
    pub account: HomeAccountId,
    pub record: AccountRecord,
    tokens: Arc<UnifiedCache>,
    version: Option<u64>,
    /// What lies in the table in place of tokens that can be read.
    unreadable: Option<Unreadable>,
}

/// A blob that cannot be opened, and why.
#[derive(Debug, Clone)]
struct Unreadable {
    stored: StoredTokens,
    cause: UnreadableCause,
}

/// What the cache has for a wish.
#[derive(Debug)]
pub enum CachedToken {
    /// Good for longer than [`EXPIRY_MARGIN`].
    Fresh(AccessToken),
    /// Good, but Entra asked to renew it by now (`refresh_in`).
    RenewalDue(AccessToken),
    Missing(Miss),
}

/// Why the cache has nothing that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Miss {
    /// Nothing is cached for the account.
    Absent,
    /// What is cached cannot be opened or read.
    Unreadable,
    /// No token of these scopes in this tenant.
    NoToken,
    /// Past its expiry, or within [`EXPIRY_MARGIN`] of it.
    Expired,
    /// Good, but obtained for another session.
    OtherSession,
}

/// For whom and in which tenant tokens were issued.
#[derive(Debug, Clone)]
pub struct GrantContext<'a> {
    pub tenant_id: TenantId,
    pub object_id: ObjectId,
    /// Hash of the caller's bearer token; `None` for the sweep.
    pub obtained_for: Option<&'a str>,
    /// When the request or turn began: an erasure after it outlaws the write.
    pub begun_at: OffsetDateTime,
}

/// Why the cache could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The user ended background access after this work began.
    #[error("the user ended background access")]
    Erased,
}

/// Reads an account and opens its tokens. A blob that cannot be opened is a miss, counted, and put aside when the next
/// sign-in replaces it; a table or key that cannot be had is an error, because taking it for a miss would throw tokens away.
pub async fn open_account(services: &Services, account: &HomeAccountId) -> Result<OpenedAccount, CacheError> {
    let opened = services.metrics.time(Stage::Cache, open(services, account)).await?;
    if let Some(end) = opened.refresh_token_expires_at(services) {
        services.metrics.record_seconds(Metric::RefreshTokenLifeSeconds, end - services.clock.now());
    }
    Ok(opened)
}

async fn open(services: &Services, account: &HomeAccountId) -> Result<OpenedAccount, CacheError> {
    let record = services.store.load(account).await?;
    let mut opened =
        OpenedAccount { account: *account, record, tokens: Arc::default(), version: None, unreadable: None };
    if let Some(stored) = &opened.record.tokens {
        opened.version = Some(stored.version);
        match open_blob(services, account, stored).await? {
            Blob::Tokens(tokens) => opened.tokens = tokens,
            Blob::Unreadable(unreadable) => opened.unreadable = Some(unreadable),
        }
    } else {
        services.opened.forget(account);
    }
    Ok(opened)
}

impl OpenedAccount {
    /// The cached access token for these scopes in this tenant. With `obtained_for` only one that was obtained for that
    /// assertion: a session must not use another's tokens.
    pub fn access_token(
        &self,
        services: &Services,
        tenant: TenantId,
        scopes: &ScopeSet,
        obtained_for: Option<&str>,
    ) -> CachedToken {
        let wanted = scopes.without_reserved();
        let find = |obtained_for| {
            self.tokens.access_token(&AccessTokenQuery {
                client_id: &services.settings.client_id.to_string(),
                realm: &tenant.to_string(),
                scopes: wanted.as_slice(),
                obtained_for,
            })
        };
        let now = services.clock.now().unix_timestamp();
        let is_good = |token: &CachedAccessToken| token.expires_on > now + EXPIRY_MARGIN.whole_seconds();
        match find(obtained_for) {
            Some(token) if is_good(&token) => {
                let due = token
                    .refresh_on
                    .is_some_and(|refresh_on| refresh_on <= now + renewal_jitter(services).whole_seconds());
                let secret = AccessToken::new(token.secret);
                if due { CachedToken::RenewalDue(secret) } else { CachedToken::Fresh(secret) }
            }
            _ if self.unreadable.is_some() => CachedToken::Missing(Miss::Unreadable),
            _ if self.version.is_none() => CachedToken::Missing(Miss::Absent),
            _ if obtained_for.is_some() && find(None).is_some_and(|token| is_good(&token)) => {
                CachedToken::Missing(Miss::OtherSession)
            }
            Some(_) => CachedToken::Missing(Miss::Expired),
            None => CachedToken::Missing(Miss::NoToken),
        }
    }

    /// The refresh token, and the account that Entra issued it to: for a guest that of their home tenant.
    pub fn refresh_token(&self, services: &Services) -> Option<(RefreshToken, HomeAccountId)> {
        let token = self.tokens.refresh_token(&services.settings.client_id.to_string())?;
        let owner = token.home_account_id.and_then(|id| id.parse().ok()).unwrap_or(self.account);
        Some((RefreshToken::new(token.secret), owner))
    }

    /// Hashes of the bearer tokens for which access tokens are cached.
    pub fn assertion_hashes(&self) -> Vec<String> {
        self.tokens.assertion_hashes()
    }

    /// The cache as MSAL's unified JSON, tokens and all.
    pub fn to_json(&self) -> Vec<u8> {
        self.tokens.to_bytes()
    }

    /// Takes in what Entra issued and writes it, merged with whatever others wrote meanwhile.
    ///
    /// # Errors
    /// `Erased` when the user ended background access after `context.begun_at`: nothing is kept then.
    pub async fn record_issued(
        &mut self,
        services: &Services,
        issued: &IssuedTokens,
        context: &GrantContext<'_>,
    ) -> Result<(), CacheError> {
        apply(Arc::make_mut(&mut self.tokens), self.account, services, issued, context);
        self.write(services, context.begun_at).await
    }

    /// Puts a whole cache in place of what is there, merged with it (import of another program's cache file).
    pub async fn import(&mut self, services: &Services, tokens: UnifiedCache) -> Result<(), CacheError> {
        self.tokens = Arc::new(Arc::unwrap_or_clone(std::mem::take(&mut self.tokens)).merge(tokens));
        self.write(services, services.clock.now()).await
    }

    async fn write(&mut self, services: &Services, begun_at: OffsetDateTime) -> Result<(), CacheError> {
        let address = services.store.token_item(&self.account);
        for attempt in 0..WRITE_ATTEMPTS {
            if let Some(unreadable) = self.unreadable.take() {
                self.put_aside(services, unreadable, begun_at).await;
            }
            let tokens = self.tokens.to_bytes_at(services.clock.now().unix_timestamp());
            let sealed = services.sealer.seal(&address, &tokens).await;
            let sealed = sealed.map_err(|error| sealing_failed(services, error))?;
            let write = TokenWrite {
                sealed,
                expected_version: self.version,
                begun_at,
                expires_at: self.expires_at(services),
            };
            let written = services.store.put_tokens(&self.account, write);
            match services.metrics.time(Stage::Store, written).await {
                Ok(version) => {
                    services.metrics.count(Count::Write);
                    self.version = Some(version);
                    return Ok(());
                }
                // What Entra issued must not be lost to a store that is busy for a moment: an authority may take the
                // refresh token that it came from only once.
                Err(PutTokensError::Store(StoreError::Unavailable { .. }))
                    if attempt + 1 < WRITE_ATTEMPTS =>
                {
                    before_writing_again(services, attempt).await;
                }
                Err(PutTokensError::Store(error)) => {
                    services.metrics.count(match error {
                        StoreError::TooLarge { .. } => Count::TooLarge,
                        _ => Count::Unwritten,
                    });
                    return Err(error.into());
                }
                Err(PutTokensError::Conflict(Some(theirs))) => {
                    services.metrics.count(Count::Conflict);
                    self.version = Some(theirs.version);
                    match open_blob(services, &self.account, &theirs).await? {
                        Blob::Tokens(present) => {
                            services.metrics.count(Count::Merge);
                            let ours = Arc::unwrap_or_clone(std::mem::take(&mut self.tokens));
                            self.tokens = Arc::new(Arc::unwrap_or_clone(present).merge(ours));
                        }
                        Blob::Unreadable(unreadable) => self.unreadable = Some(unreadable),
                    }
                }
                Err(PutTokensError::Conflict(None)) => {
                    services.metrics.count(Count::Conflict);
                    let record = services.store.load(&self.account).await?;
                    if record.tombstone.as_ref().is_some_and(|tombstone| tombstone.erased_at >= begun_at) {
                        services.metrics.count(Count::Erased);
                        return Err(CacheError::Erased);
                    }
                    self.version = record.tokens.as_ref().map(|stored| stored.version);
                }
            }
        }
        services.metrics.count(Count::Unwritten);
        Err(CacheError::Store(StoreError::Unavailable {
            operation: "put_tokens: too many conflicts",
            source: None,
        }))
    }

    /// Keeps what cannot be opened for an operator to look into. That this fails is no reason to send the user away.
    async fn put_aside(&self, services: &Services, unreadable: Unreadable, begun_at: OffsetDateTime) {
        let found_at = services.clock.now();
        let blob = QuarantinedBlob {
            sealed: unreadable.stored.blob,
            version: unreadable.stored.version,
            cause: unreadable.cause,
            found_at,
            begun_at,
            expires_at: found_at + services.settings.token_cache_ttl,
        };
        match services.store.quarantine(&self.account, blob).await {
            Ok(()) => services.metrics.count(Count::Quarantined),
            Err(error) => tracing::error!(
                event = "token_cache.not_quarantined",
                account = services.settings.pseudonyms.of(&self.account),
                error = %error,
                "tokens that cannot be read are replaced without a copy"
            ),
        }
    }

    /// Lets the tokens live on because they are in use. Written at most once per tenth of their life; that it fails is no
    /// reason to stop, because the next use tries again.
    pub async fn extend_life(&self, services: &Services) {
        let (Some(version), Some(stored)) = (self.version, &self.record.tokens) else { return };
        let expires_at = self.expires_at(services);
        if expires_at - stored.expires_at < services.settings.token_cache_ttl / EXTENSIONS_PER_LIFE {
            return;
        }
        let extended = services.store.extend_tokens(&self.account, version, expires_at);
        match services.metrics.time(Stage::Store, extended).await {
            Ok(true) => services.metrics.count(Count::Extended),
            // Somebody has just written them, with a life of its own.
            Ok(false) => {}
            Err(error) => tracing::warn!(event = "token_cache.not_extended", error = %error),
        }
    }

    /// The sliding life, but never beyond the refresh token's own: after that the item is of no use.
    pub fn expires_at(&self, services: &Services) -> OffsetDateTime {
        let sliding = services.clock.now() + services.settings.token_cache_ttl;
        self.refresh_token_expires_at(services).map_or(sliding, |end| end.min(sliding))
    }

    /// Where Entra told it.
    fn refresh_token_expires_at(&self, services: &Services) -> Option<OffsetDateTime> {
        let token = self.tokens.refresh_token(&services.settings.client_id.to_string())?;
        OffsetDateTime::from_unix_timestamp(token.expires_on?).ok()
    }
}

/// What lies in the table.
enum Blob {
    Tokens(Arc<UnifiedCache>),
    Unreadable(Unreadable),
}

async fn open_blob(
    services: &Services,
    account: &HomeAccountId,
    stored: &StoredTokens,
) -> Result<Blob, CacheError> {
    let now = services.clock.now();
    if let Some(tokens) = services.opened.get(account, &stored.blob, now) {
        return Ok(Blob::Tokens(tokens));
    }
    let address = services.store.token_item(account);
    let cause = match services.sealer.open(&address, &stored.blob).await {
        Ok(plaintext) => match UnifiedCache::parse(&plaintext) {
            Ok(tokens) => {
                let tokens = Arc::new(tokens);
                services.opened.remember(*account, &stored.blob, tokens.clone(), now);
                return Ok(Blob::Tokens(tokens));
            }
            Err(_) => UnreadableCause::NotACache,
        },
        Err(SealingError::Unreadable { cause, .. }) => cause,
        Err(error) => return Err(sealing_failed(services, error)),
    };
    services.metrics.count(match cause {
        UnreadableCause::Malformed => Count::UnreadableMalformed,
        UnreadableCause::UnknownVersion => Count::UnreadableUnknownVersion,
        UnreadableCause::UnknownKey => Count::UnreadableUnknownKey,
        UnreadableCause::NotAuthentic => Count::UnreadableNotAuthentic,
        UnreadableCause::NotACache => Count::UnreadableNotACache,
    });
    tracing::warn!(
        event = "token_cache.unreadable",
        account = services.settings.pseudonyms.of(account),
        cause = cause.name(),
        "the cached tokens cannot be read and are treated as absent"
    );
    Ok(Blob::Unreadable(Unreadable { stored: stored.clone(), cause }))
}

fn sealing_failed(services: &Services, error: SealingError) -> CacheError {
    services.metrics.count(match error {
        SealingError::TooLarge { .. } => Count::TooLarge,
        SealingError::Unavailable { .. } | SealingError::Unreadable { .. } => Count::SealingUnavailable,
    });
    tracing::warn!(event = "sealing.failed", error = &error as &dyn std::error::Error);
    error.into()
}

/// Environments should not all renew a token at the same moment: up to five minutes around the time that Entra names.
fn renewal_jitter(services: &Services) -> Duration {
    RENEWAL_JITTER * (2.0 * services.chance.fraction() - 1.0)
}

fn apply(
    tokens: &mut UnifiedCache,
    account: HomeAccountId,
    services: &Services,
    issued: &IssuedTokens,
    context: &GrantContext<'_>,
) {
    let home_account_id = issued.home_account.unwrap_or(account).to_string();
    tokens.record(&TokenGrant {
        home_account_id: &home_account_id,
        environment: &services.settings.cache_environment,
        client_id: &services.settings.client_id.to_string(),
        realm: &context.tenant_id.to_string(),
        local_account_id: &context.object_id.to_string(),
        username: issued.username.as_deref(),
        name: issued.name.as_deref(),
        client_info: issued.client_info.as_deref(),
        access_token: issued.access_token.expose(),
        scopes: issued.scopes.without_reserved().as_slice(),
        cached_at: issued.issued_at.unix_timestamp(),
        expires_on: issued.expires_at.unix_timestamp(),
        extended_expires_on: issued.extended_expires_at.unix_timestamp(),
        refresh_on: issued.refresh_at.map(OffsetDateTime::unix_timestamp),
        refresh_token: issued.refresh_token.as_ref().map(RefreshToken::expose),
        refresh_token_expires_on: issued.refresh_token_expires_at.map(OffsetDateTime::unix_timestamp),
        id_token: issued.id_token.as_ref().map(crate::token::IdToken::expose),
        obtained_for: context.obtained_for,
    });
}
