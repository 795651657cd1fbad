//! Writing the document so that every MSAL library can go on with it.

use crate::document::{
    ACCESS_TOKEN, ACCOUNT, APP_METADATA, ID_TOKEN, REFRESH_TOKEN, SESSION_ACCESS_TOKEN, UnifiedCache,
};
use crate::entity::Entity;
use crate::keys;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::collections::HashSet;

impl UnifiedCache {
    /// The document as JSON, as it is stored: without the access tokens that have expired by `now` (seconds since the
    /// epoch) or have no readable expiry.
    ///
    /// # Panics
    /// Never: as [`UnifiedCache::to_bytes`].
    pub fn to_bytes_at(&self, now: i64) -> Vec<u8> {
        if self.access_tokens.are_live(now) {
            return self.to_bytes();
        }
        let mut live = self.clone();
        live.access_tokens.drop_expired(now);
        live.to_bytes()
    }

    /// The document as JSON with all that is in it, also access tokens that have expired.
    ///
    /// # Panics
    /// Never: all names are texts, and all values were JSON.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&Document(self)).expect("texts and what was JSON can be written as JSON")
    }
}

/// Written from the entities as they are, without a copy.
struct Document<'c>(&'c UnifiedCache);

impl Serialize for Document<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let UnifiedCache {
            access_tokens,
            refresh_tokens,
            id_tokens,
            accounts,
            app_metadata,
            unknown_sections,
        } = self.0;
        let mut in_front = Section::of(&access_tokens.front, keys::access_token_key);
        in_front.0.extend(access_tokens.isolated.iter().map(|(key, entity)| (key.clone(), entity)));
        let mut root = serializer.serialize_map(None)?;
        root.serialize_entry(ACCESS_TOKEN, &in_front)?;
        root.serialize_entry(REFRESH_TOKEN, &Section::of(refresh_tokens, keys::refresh_token_key))?;
        root.serialize_entry(ID_TOKEN, &Section::of(id_tokens, keys::id_token_key))?;
        root.serialize_entry(ACCOUNT, &Section::of(accounts, keys::account_key))?;
        root.serialize_entry(APP_METADATA, &Section::of(app_metadata, keys::app_metadata_key))?;
        if !access_tokens.beside.is_empty() {
            let beside = Section::of(&access_tokens.beside, keys::session_access_token_key);
            root.serialize_entry(SESSION_ACCESS_TOKEN, &beside)?;
        }
        for (name, section) in unknown_sections {
            root.serialize_entry(name, section)?;
        }
        root.end()
    }
}

/// Entities under their keys. What is found by its fields loses nothing by another key, but would be lost by sharing one.
struct Section<'c>(Vec<(String, &'c Entity)>);

impl<'c> Section<'c> {
    fn of(entities: &'c [Entity], key: impl Fn(&Entity) -> String) -> Self {
        let mut taken = HashSet::new();
        let entries = entities.iter().map(|entity| {
            let mut key = key(entity);
            while !taken.insert(key.clone()) {
                key.push('-');
            }
            (key, entity)
        });
        Self(entries.collect())
    }
}

impl Serialize for Section<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, entity)| (key, &entity.0)))
    }
}
