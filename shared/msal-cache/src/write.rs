//! Writing the document so that every MSAL library can go on with it.

use crate::document::{
    ACCESS_TOKEN, ACCOUNT, APP_METADATA, ID_TOKEN, REFRESH_TOKEN, SESSION_ACCESS_TOKEN, UnifiedCache,
};
use crate::entity::Entity;
use crate::keys;
use serde_json::{Map, Value};

impl UnifiedCache {
    /// The document as JSON, as it is stored: without the access tokens that have expired by `now` (seconds since the
    /// epoch) or have no readable expiry.
    pub fn to_bytes_at(&self, now: i64) -> Vec<u8> {
        let mut live = self.clone();
        live.access_tokens.drop_expired(now);
        live.to_bytes()
    }

    /// The document as JSON with all that is in it, also access tokens that have expired.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut access_tokens = section(&self.access_tokens.front, keys::access_token_key);
        for (key, entity) in &self.access_tokens.isolated {
            access_tokens.insert(key.clone(), Value::Object(entity.0.clone()));
        }
        let mut root = Map::new();
        let mut insert = |name: &str, section| root.insert(name.to_owned(), Value::Object(section));
        insert(ACCESS_TOKEN, access_tokens);
        insert(REFRESH_TOKEN, section(&self.refresh_tokens, keys::refresh_token_key));
        insert(ID_TOKEN, section(&self.id_tokens, keys::id_token_key));
        insert(ACCOUNT, section(&self.accounts, keys::account_key));
        insert(APP_METADATA, section(&self.app_metadata, keys::app_metadata_key));
        if !self.access_tokens.beside.is_empty() {
            insert(SESSION_ACCESS_TOKEN, section(&self.access_tokens.beside, keys::session_access_token_key));
        }
        root.extend(self.unknown_sections.clone());
        Value::Object(root).to_string().into_bytes()
    }
}

/// Entities under their keys. What is found by its fields loses nothing by another key, but would be lost by sharing one.
fn section(entities: &[Entity], key: impl Fn(&Entity) -> String) -> Map<String, Value> {
    let mut section = Map::new();
    for entity in entities {
        let mut key = key(entity);
        while section.contains_key(&key) {
            key.push('-');
        }
        section.insert(key, Value::Object(entity.0.clone()));
    }
    section
}
