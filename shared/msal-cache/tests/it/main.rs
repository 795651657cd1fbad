//! The unified cache as its callers and the other libraries see it.

#![cfg(test)]

mod bounds;
mod causal_order;
mod corpus;
mod foreign_writers;
mod format;
mod properties;

use msal_cache::{AccessTokenQuery, TokenGrant, UnifiedCache};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};

pub(crate) const CLIENT: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const HOME: &str = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa.bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";
pub(crate) const REALM: &str = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";
pub(crate) const NOW: i64 = 1_800_000_000;

pub(crate) fn grant<'a>(
    scopes: &'a [String],
    access_token: &'a str,
    refresh_token: Option<&'a str>,
) -> TokenGrant<'a> {
    TokenGrant {
        home_account_id: HOME,
        environment: "login.windows.net",
        client_id: CLIENT,
        realm: REALM,
        local_account_id: "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
        username: Some("ana@lakeside.example"),
        name: Some("Ana"),
        client_info: Some("eyJ1aWQiOiIifQ"),
        access_token,
        scopes,
        cached_at: NOW,
        expires_on: NOW + 3600,
        extended_expires_on: NOW + 7200,
        refresh_on: None,
        refresh_token,
        refresh_token_expires_on: None,
        id_token: Some("id-token"),
        obtained_for: Some("session-1"),
    }
}

pub(crate) fn scopes(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

pub(crate) fn find(cache: &UnifiedCache, wanted: &[String], obtained_for: Option<&str>) -> Option<String> {
    let query = AccessTokenQuery { client_id: CLIENT, realm: REALM, scopes: wanted, obtained_for };
    cache.access_token(&query).map(|token| token.secret.expose_secret().to_owned())
}

pub(crate) fn written(cache: &UnifiedCache) -> Value {
    serde_json::from_slice(&cache.to_bytes()).unwrap()
}

/// The entities of a written section.
pub(crate) fn section<'a>(document: &'a Value, name: &str) -> &'a Map<String, Value> {
    document[name].as_object().unwrap()
}

/// The only entity of a written section.
pub(crate) fn only<'a>(document: &'a Value, name: &str) -> &'a Value {
    let section = section(document, name);
    assert_eq!(section.len(), 1, "{name}: {:?}", section.keys().collect::<Vec<_>>());
    section.values().next().unwrap()
}

pub(crate) fn refresh_secret(cache: &UnifiedCache) -> Option<String> {
    cache.refresh_token(CLIENT).map(|token| token.secret.expose_secret().to_owned())
}

pub(crate) fn parse(document: &Value) -> UnifiedCache {
    UnifiedCache::parse(document.to_string().as_bytes()).unwrap()
}
