//! Recording what Entra issued.

use crate::canonical::{restore_assertion_hash, sorted_scopes};
use crate::document::UnifiedCache;
use crate::entity::{Entity, OBTAINED_FOR};
use crate::environment;
use crate::refresh_tokens;

/// One answer of the token endpoint, ready to be cached. All times are seconds since the epoch.
#[derive(Clone, Copy)]
pub struct TokenGrant<'a> {
    /// `uid.utid`: object id and tenant of the user's home.
    pub home_account_id: &'a str,
    /// Host name under which the cloud's entries are cached, for the public cloud `login.windows.net`.
    pub environment: &'a str,
    pub client_id: &'a str,
    /// The tenant that issued the tokens.
    pub realm: &'a str,
    /// Object id of the user in that tenant.
    pub local_account_id: &'a str,
    pub username: Option<&'a str>,
    pub name: Option<&'a str>,
    /// Base64url, as the token endpoint gave it.
    pub client_info: Option<&'a str>,
    pub access_token: &'a str,
    pub scopes: &'a [String],
    pub cached_at: i64,
    pub expires_on: i64,
    pub extended_expires_on: i64,
    pub refresh_on: Option<i64>,
    pub refresh_token: Option<&'a str>,
    pub refresh_token_expires_on: Option<i64>,
    pub id_token: Option<&'a str>,
    /// Hash of the bearer token that this grant was obtained for; `None` when the sweep obtained it.
    pub obtained_for: Option<&'a str>,
}

impl UnifiedCache {
    /// Takes in what Entra issued: the access token replaces older ones of the same client, realm, scopes and session; a
    /// new refresh token replaces every other one of the client and is dated after them; without one the old is kept.
    /// Access tokens that expired before `cached_at` are dropped.
    pub fn record(&mut self, grant: &TokenGrant<'_>) {
        self.record_access_token(grant);
        if let Some(secret) = grant.refresh_token {
            let mut entity = refresh_token_entity(grant, secret);
            let replaced = |other: &Entity| other.is("client_id", grant.client_id);
            refresh_tokens::date(
                &mut entity,
                grant.cached_at,
                self.refresh_tokens.iter().filter(|other| replaced(other)),
            );
            self.refresh_tokens.retain(|other| !replaced(other));
            self.refresh_tokens.push(entity);
        }
        if let Some(secret) = grant.id_token {
            self.id_tokens.retain(|entity| {
                !(entity.is("client_id", grant.client_id) && entity.is("realm", grant.realm))
            });
            let mut entity = credential(grant, "IdToken", secret);
            entity.set("realm", grant.realm);
            self.id_tokens.push(entity);
        }
        self.record_account(grant);
        if !self.app_metadata.iter().any(|entity| entity.is("client_id", grant.client_id)) {
            let mut entity = Entity::new();
            entity.set("client_id", grant.client_id);
            entity.set("environment", environment::cached_as(grant.environment));
            self.app_metadata.push(entity);
        }
        self.access_tokens.drop_expired(grant.cached_at);
    }

    fn record_access_token(&mut self, grant: &TokenGrant<'_>) {
        let entity = access_token_entity(grant);
        let outdated = |other: &Entity| {
            other.is("client_id", grant.client_id)
                && other.is("realm", grant.realm)
                && other.obtained_for() == grant.obtained_for
                && other.shares_scope_with(&entity)
        };
        self.access_tokens.replace(|other| !outdated(other), Some(entity.clone()));
    }

    fn record_account(&mut self, grant: &TokenGrant<'_>) {
        let mut entity = self
            .accounts
            .iter()
            .position(|entity| {
                entity.is("home_account_id", grant.home_account_id) && entity.is("realm", grant.realm)
            })
            .map_or_else(Entity::new, |position| self.accounts.remove(position));
        entity.set("home_account_id", grant.home_account_id);
        entity.set("environment", environment::cached_as(grant.environment));
        entity.set("realm", grant.realm);
        entity.set("local_account_id", grant.local_account_id);
        entity.set("authority_type", "MSSTS");
        entity.set_some("username", grant.username);
        entity.set_some("name", grant.name);
        entity.set_some("client_info", grant.client_info);
        self.accounts.push(entity);
    }
}

fn credential(grant: &TokenGrant<'_>, kind: &str, secret: &str) -> Entity {
    let mut entity = Entity::new();
    entity.set("home_account_id", grant.home_account_id);
    entity.set("environment", environment::cached_as(grant.environment));
    entity.set_some("client_info", grant.client_info);
    entity.set("client_id", grant.client_id);
    entity.set("secret", secret);
    entity.set("credential_type", kind);
    entity
}

fn access_token_entity(grant: &TokenGrant<'_>) -> Entity {
    let mut entity = credential(grant, "AccessToken", grant.access_token);
    entity.set("realm", grant.realm);
    entity.set("target", sorted_scopes(&grant.scopes.join(" ")));
    entity.set("cached_at", grant.cached_at.to_string());
    entity.set("expires_on", grant.expires_on.to_string());
    entity.set("extended_expires_on", grant.extended_expires_on.to_string());
    entity.set("ext_expires_on", grant.extended_expires_on.to_string());
    entity.set_some("refresh_on", grant.refresh_on.map(|at| at.to_string()));
    restore_assertion_hash(&mut entity);
    entity.set_some(OBTAINED_FOR, grant.obtained_for);
    entity
}

fn refresh_token_entity(grant: &TokenGrant<'_>, secret: &str) -> Entity {
    let mut entity = credential(grant, "RefreshToken", secret);
    entity.set_some("expires_on", grant.refresh_token_expires_on.map(|at| at.to_string()));
    restore_assertion_hash(&mut entity);
    entity
}
