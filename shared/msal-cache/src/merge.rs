//! Bringing together two versions of one user's cache, so that neither writer's work is lost.

use crate::document::UnifiedCache;
use crate::entity::Entity;
use crate::write::{access_token_key, account_key, app_metadata_key, id_token_key, refresh_token_owner};

impl UnifiedCache {
    /// Everything that either side has. Where both have the same thing: the longer-lived access token, the newest refresh
    /// token, and for the rest `other`, the later writer.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        let session = |entity: &Entity| (access_token_key(entity), entity.obtained_for().map(str::to_owned));
        self.access_tokens.append(&mut self.session_access_tokens);
        let theirs = other.access_tokens.into_iter().chain(other.session_access_tokens).collect();
        let (access_tokens, session_access_tokens) =
            one_in_front(union(self.access_tokens, theirs, session, longest_lived));
        let mut merged = Self {
            access_tokens,
            session_access_tokens,
            refresh_tokens: union(self.refresh_tokens, other.refresh_tokens, refresh_token_owner, newest),
            id_tokens: union(self.id_tokens, other.id_tokens, id_token_key, |_, right| right),
            accounts: union(self.accounts, other.accounts, account_key, |_, right| right),
            app_metadata: union(self.app_metadata, other.app_metadata, app_metadata_key, |_, right| right),
            unknown_sections: self.unknown_sections,
        };
        merged.unknown_sections.extend(other.unknown_sections);
        merged.bound_sessions();
        merged
    }
}

/// Of the access tokens with one MSAL key the longest-lived stands where MSAL looks for it, and those of other sessions
/// beside it.
fn one_in_front(access_tokens: Vec<Entity>) -> (Vec<Entity>, Vec<Entity>) {
    let mut front: Vec<Entity> = Vec::new();
    let mut beside = Vec::new();
    for entity in access_tokens {
        let key = access_token_key(&entity);
        match front.iter_mut().find(|present| access_token_key(present) == key) {
            None => front.push(entity),
            Some(present) => {
                let (first, second) =
                    in_order(std::mem::replace(present, Entity::new()), entity, "expires_on");
                *present = second;
                beside.push(first);
            }
        }
    }
    beside.retain(|entity| entity.obtained_for().is_some());
    (front, beside)
}

fn union<K: PartialEq>(
    left: Vec<Entity>,
    right: Vec<Entity>,
    key: impl Fn(&Entity) -> K,
    choose: impl Fn(Entity, Entity) -> Entity,
) -> Vec<Entity> {
    let mut merged = left;
    for entity in right {
        match merged.iter().position(|present| key(present) == key(&entity)) {
            Some(position) => {
                let present = merged.remove(position);
                merged.insert(position, choose(present, entity));
            }
            None => merged.push(entity),
        }
    }
    merged
}

fn longest_lived(left: Entity, right: Entity) -> Entity {
    later(left, right, "expires_on")
}

fn newest(left: Entity, right: Entity) -> Entity {
    later(left, right, "last_modification_time")
}

fn later(left: Entity, right: Entity, field: &str) -> Entity {
    in_order(left, right, field).1
}

/// The earlier first. At the same second the secret decides, so that the order of merging does not.
fn in_order(left: Entity, right: Entity, field: &str) -> (Entity, Entity) {
    let rank = |entity: &Entity| {
        (entity.seconds(field).unwrap_or(i64::MIN), entity.text("secret").map(str::to_owned))
    };
    if rank(&left) > rank(&right) { (right, left) } else { (left, right) }
}
