//! Looking up tokens by what they are for.

use crate::document::UnifiedCache;
use crate::entity::is_reserved;
use crate::refresh_tokens::newer;
use secrecy::SecretString;

/// Which access token is wanted.
#[derive(Debug, Clone, Copy)]
pub struct AccessTokenQuery<'a> {
    pub client_id: &'a str,
    /// The resource tenant (`tid` of the caller's token); for a guest not the home tenant.
    pub realm: &'a str,
    /// All of these must be granted; compared as a set, without regard to case. Those that give no access (`openid` and
    /// the like) are not looked for.
    pub scopes: &'a [String],
    /// `Some`: only a token that was obtained for this assertion (the API, acting for a caller who is present).
    /// `None`: any token of the user (the sweep, which goes by account alone).
    pub obtained_for: Option<&'a str>,
}

/// An access token from the cache. `Debug` does not show the secret.
#[derive(Debug, Clone)]
pub struct CachedAccessToken {
    pub secret: SecretString,
    /// Granted scopes, lower-cased and sorted.
    pub scopes: Vec<String>,
    /// Seconds since the epoch.
    pub expires_on: i64,
    /// From when on Entra asks to renew it, although it is still good; seconds since the epoch.
    pub refresh_on: Option<i64>,
}

/// A refresh token from the cache. `Debug` does not show the secret.
#[derive(Debug, Clone)]
pub struct CachedRefreshToken {
    pub secret: SecretString,
    /// Whose it is: `uid.utid`, the user's home also where they are a guest.
    pub home_account_id: Option<String>,
    /// When it stops working, where the authority said so; seconds since the epoch.
    pub expires_on: Option<i64>,
}

impl UnifiedCache {
    /// The longest-lived matching access token, expired or not: the caller decides what is fresh enough.
    pub fn access_token(&self, query: &AccessTokenQuery<'_>) -> Option<CachedAccessToken> {
        let wanted: Vec<String> = query
            .scopes
            .iter()
            .filter(|scope| !is_reserved(scope))
            .map(|scope| scope.to_ascii_lowercase())
            .collect();
        self.access_tokens
            .plain()
            .filter(|entity| {
                entity.is("client_id", query.client_id)
                    && entity.is("realm", query.realm)
                    && query.obtained_for.is_none_or(|hash| entity.obtained_for() == Some(hash))
            })
            .filter_map(|entity| {
                let scopes = entity.scope_set();
                if !wanted.iter().all(|scope| scopes.contains(scope)) {
                    return None;
                }
                Some(CachedAccessToken {
                    secret: entity.text("secret")?.into(),
                    scopes,
                    expires_on: entity.seconds("expires_on")?,
                    refresh_on: entity.seconds("refresh_on"),
                })
            })
            .max_by_key(|token| token.expires_on)
    }

    /// The newest refresh token of this client.
    pub fn refresh_token(&self, client_id: &str) -> Option<CachedRefreshToken> {
        let of_client = self.refresh_tokens.iter().filter(|entity| entity.is("client_id", client_id));
        let entity = of_client.cloned().reduce(newer)?;
        Some(CachedRefreshToken {
            secret: entity.text("secret")?.into(),
            home_account_id: entity.text("home_account_id").map(str::to_owned),
            expires_on: entity.seconds("expires_on"),
        })
    }

    /// Hashes of the assertions for which access tokens are cached, each once.
    pub fn assertion_hashes(&self) -> Vec<String> {
        let mut hashes: Vec<String> = self
            .access_tokens
            .plain()
            .filter_map(|entity| entity.obtained_for().map(str::to_owned))
            .collect();
        hashes.sort();
        hashes.dedup();
        hashes
    }
}
