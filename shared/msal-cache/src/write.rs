//! Recording what Entra issued, and writing the document so that every MSAL library can go on with it.

use crate::KEPT_SESSIONS;
use crate::document::{
    ACCESS_TOKEN, ACCOUNT, APP_METADATA, ID_TOKEN, REFRESH_TOKEN, SESSION_ACCESS_TOKEN, UnifiedCache,
};
use crate::entity::{Entity, OBTAINED_FOR};
use crate::read::newest_refresh_token;
use serde_json::{Map, Value};

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
    /// new refresh token replaces every other one of the user and client; without one the old is kept. Access tokens that
    /// expired before `cached_at` are dropped.
    pub fn record(&mut self, grant: &TokenGrant<'_>) {
        self.record_access_token(grant);
        if let Some(secret) = grant.refresh_token {
            self.refresh_tokens.retain(|entity| !entity.is("client_id", grant.client_id));
            self.refresh_tokens.push(refresh_token_entity(grant, secret));
        }
        if let Some(secret) = grant.id_token {
            self.id_tokens.retain(|entity| {
                !(entity.is("client_id", grant.client_id) && entity.is("realm", grant.realm))
            });
            self.id_tokens.push(id_token_entity(grant, secret));
        }
        self.record_account(grant);
        if !self.app_metadata.iter().any(|entity| entity.is("client_id", grant.client_id)) {
            let mut entity = Entity::new();
            entity.set("client_id", grant.client_id);
            entity.set("environment", grant.environment);
            self.app_metadata.push(entity);
        }
        self.drop_expired_access_tokens(grant.cached_at);
    }

    /// Drops access tokens that expired before `now` (seconds since the epoch) or that have no readable expiry.
    fn drop_expired_access_tokens(&mut self, now: i64) {
        let live = |entity: &Entity| entity.seconds("expires_on").is_some_and(|expires_on| expires_on > now);
        self.access_tokens.retain(live);
        self.session_access_tokens.retain(live);
    }

    /// The document as JSON, with exactly one refresh token per user and client.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut root = Map::new();
        root.insert(ACCESS_TOKEN.into(), section(&self.access_tokens, access_token_key));
        root.insert(REFRESH_TOKEN.into(), section(&self.one_refresh_token_per_client(), refresh_token_key));
        root.insert(ID_TOKEN.into(), section(&self.id_tokens, id_token_key));
        root.insert(ACCOUNT.into(), section(&self.accounts, account_key));
        root.insert(APP_METADATA.into(), section(&self.app_metadata, app_metadata_key));
        if !self.session_access_tokens.is_empty() {
            root.insert(
                SESSION_ACCESS_TOKEN.into(),
                section(&self.session_access_tokens, |entity| {
                    format!("{}-{}", access_token_key(entity), entity.obtained_for().unwrap_or_default())
                }),
            );
        }
        root.extend(self.unknown_sections.clone());
        Value::Object(root).to_string().into_bytes()
    }

    fn one_refresh_token_per_client(&self) -> Vec<Entity> {
        let mut kept: Vec<Entity> = Vec::new();
        for entity in &self.refresh_tokens {
            let owner = refresh_token_owner(entity);
            if kept.iter().any(|other| refresh_token_owner(other) == owner) {
                continue;
            }
            let same = self.refresh_tokens.iter().filter(|other| refresh_token_owner(other) == owner);
            kept.extend(newest_refresh_token(same).cloned());
        }
        kept
    }

    /// The newest token stands where MSAL looks for it; those of other sessions move beside it.
    fn record_access_token(&mut self, grant: &TokenGrant<'_>) {
        let entity = access_token_entity(grant);
        let scopes = entity.scope_set();
        let same_place = |other: &Entity| {
            other.is("client_id", grant.client_id)
                && other.is("realm", grant.realm)
                && other.scope_set().iter().any(|scope| scopes.contains(scope))
        };
        let (displaced, kept) = std::mem::take(&mut self.access_tokens).into_iter().partition(same_place);
        self.access_tokens = kept;
        self.access_tokens.push(entity);

        let displaced: Vec<Entity> = displaced;
        self.session_access_tokens
            .extend(displaced.into_iter().filter(|other| other.obtained_for().is_some()));
        self.session_access_tokens
            .retain(|other| !(same_place(other) && other.obtained_for() == grant.obtained_for));
        self.bound_sessions();
    }

    /// Keeps the longest-lived sessions when there are more than [`KEPT_SESSIONS`].
    pub(crate) fn bound_sessions(&mut self) {
        self.session_access_tokens
            .sort_by_key(|entity| std::cmp::Reverse(entity.seconds("expires_on").unwrap_or(i64::MIN)));
        self.session_access_tokens.truncate(KEPT_SESSIONS);
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
        entity.set("environment", grant.environment);
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
    entity.set("environment", grant.environment);
    entity.set_some("client_info", grant.client_info);
    entity.set("client_id", grant.client_id);
    entity.set("secret", secret);
    entity.set("credential_type", kind);
    entity
}

fn access_token_entity(grant: &TokenGrant<'_>) -> Entity {
    let mut scopes: Vec<&str> = grant.scopes.iter().map(String::as_str).collect();
    scopes.sort_by_key(|scope| scope.to_ascii_lowercase());
    let mut entity = credential(grant, "AccessToken", grant.access_token);
    entity.set("realm", grant.realm);
    entity.set("target", scopes.join(" "));
    entity.set("cached_at", grant.cached_at.to_string());
    entity.set("expires_on", grant.expires_on.to_string());
    entity.set("extended_expires_on", grant.extended_expires_on.to_string());
    entity.set("ext_expires_on", grant.extended_expires_on.to_string());
    entity.set_some("refresh_on", grant.refresh_on.map(|at| at.to_string()));
    set_assertion_hash(&mut entity, grant);
    entity.set_some(OBTAINED_FOR, grant.obtained_for);
    entity
}

fn refresh_token_entity(grant: &TokenGrant<'_>, secret: &str) -> Entity {
    let mut entity = credential(grant, "RefreshToken", secret);
    entity.set("last_modification_time", grant.cached_at.to_string());
    entity.set_some("expires_on", grant.refresh_token_expires_on.map(|at| at.to_string()));
    set_assertion_hash(&mut entity, grant);
    entity
}

fn id_token_entity(grant: &TokenGrant<'_>, secret: &str) -> Entity {
    let mut entity = credential(grant, "IdToken", secret);
    entity.set("realm", grant.realm);
    entity
}

/// Both spellings, set to the home account id: .NET finds such entries by user as well as in long-running processes, and
/// Python and Node treat them as the user's own.
fn set_assertion_hash(entity: &mut Entity, grant: &TokenGrant<'_>) {
    entity.set("user_assertion_hash", grant.home_account_id);
    entity.set("userAssertionHash", grant.home_account_id);
}

fn section(entities: &[Entity], key: impl Fn(&Entity) -> String) -> Value {
    Value::Object(entities.iter().map(|entity| (key(entity), Value::Object(entity.0.clone()))).collect())
}

fn field<'a>(entity: &'a Entity, name: &str) -> &'a str {
    entity.text(name).unwrap_or_default()
}

pub(crate) fn access_token_key(entity: &Entity) -> String {
    format!(
        "{}-{}-{}-{}-{}-{}",
        field(entity, "home_account_id"),
        field(entity, "environment"),
        entity.text("credential_type").unwrap_or("accesstoken"),
        field(entity, "client_id"),
        field(entity, "realm"),
        field(entity, "target")
    )
    .to_ascii_lowercase()
}

pub(crate) fn refresh_token_key(entity: &Entity) -> String {
    format!(
        "{}-{}-refreshtoken-{}--",
        field(entity, "home_account_id"),
        field(entity, "environment"),
        entity.text("family_id").unwrap_or_else(|| field(entity, "client_id"))
    )
    .to_ascii_lowercase()
}

/// Environment aliases do not make two refresh tokens out of one.
pub(crate) fn refresh_token_owner(entity: &Entity) -> (String, String) {
    (field(entity, "home_account_id").to_ascii_lowercase(), field(entity, "client_id").to_ascii_lowercase())
}

pub(crate) fn id_token_key(entity: &Entity) -> String {
    format!(
        "{}-{}-idtoken-{}-{}-",
        field(entity, "home_account_id"),
        field(entity, "environment"),
        field(entity, "client_id"),
        field(entity, "realm")
    )
    .to_ascii_lowercase()
}

pub(crate) fn account_key(entity: &Entity) -> String {
    format!(
        "{}-{}-{}",
        field(entity, "home_account_id"),
        field(entity, "environment"),
        field(entity, "realm")
    )
    .to_ascii_lowercase()
}

pub(crate) fn app_metadata_key(entity: &Entity) -> String {
    format!("appmetadata-{}-{}", field(entity, "environment"), field(entity, "client_id"))
        .to_ascii_lowercase()
}
