//! Bringing together two versions of one user's cache, so that neither writer's work is lost.

use crate::canonical::one_of_each;
use crate::document::UnifiedCache;
use crate::entity::Entity;
use crate::keys::{account_key, app_metadata_key, id_token_key};
use crate::refresh_tokens::{Owner, newer, owner};
use serde_json::{Map, Value};
use std::collections::HashMap;

impl UnifiedCache {
    /// Everything that either side has. Where both have the same thing: the longer-lived access token, the newest refresh
    /// token, and for the rest `other`, the later writer. Which tokens are kept does not depend on the order of merging.
    ///
    /// There is no clock here: write the result with [`UnifiedCache::to_bytes_at`], which drops what has expired.
    #[must_use]
    pub fn merge(self, other: Self) -> Self {
        Self {
            access_tokens: self.access_tokens.merge(other.access_tokens),
            refresh_tokens: newest_of_both(self.refresh_tokens, other.refresh_tokens),
            id_tokens: one_of_each(chain(self.id_tokens, other.id_tokens), id_token_key),
            accounts: one_of_each(chain(self.accounts, other.accounts), account_key),
            app_metadata: one_of_each(chain(self.app_metadata, other.app_metadata), app_metadata_key),
            unknown_sections: entries_of_both(self.unknown_sections, other.unknown_sections),
        }
    }
}

fn chain(mut left: Vec<Entity>, mut right: Vec<Entity>) -> Vec<Entity> {
    left.append(&mut right);
    left
}

fn newest_of_both(left: Vec<Entity>, right: Vec<Entity>) -> Vec<Entity> {
    let mut places: HashMap<Owner, usize> = HashMap::new();
    let mut merged: Vec<Entity> = Vec::new();
    for entity in chain(left, right) {
        let place = *places.entry(owner(&entity)).or_insert(merged.len());
        match merged.get_mut(place) {
            Some(present) => *present = newer(std::mem::replace(present, Entity::new()), entity),
            None => merged.push(entity),
        }
    }
    merged
}

/// A section that is not known is taken for a map like those that are: each side may have added to it.
fn entries_of_both(mut left: Map<String, Value>, right: Map<String, Value>) -> Map<String, Value> {
    for (name, section) in right {
        match (left.get_mut(&name), section) {
            (Some(Value::Object(ours)), Value::Object(theirs)) => ours.extend(theirs),
            (_, section) => {
                left.insert(name, section);
            }
        }
    }
    left
}
