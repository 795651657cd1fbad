//! What others wrote, brought into the one form that all libraries accept. Nothing is lost but duplicates.

use crate::entity::{Entity, OBTAINED_FOR};
use crate::environment;
use std::collections::HashMap;

const ASSERTION_HASHES: [&str; 2] = ["user_assertion_hash", "userAssertionHash"];
const ACCESS_TOKEN_TIMES: [&str; 5] =
    ["cached_at", "expires_on", "extended_expires_on", "ext_expires_on", "refresh_on"];
const REFRESH_TOKEN_TIMES: [&str; 1] = ["expires_on"];
const EXTENDED_EXPIRY: [&str; 2] = ["extended_expires_on", "ext_expires_on"];

/// Characters of a SHA-256 in base64url without padding.
const HASH_LENGTH: usize = 43;

pub(crate) fn access_token(mut entity: Entity) -> Entity {
    credential(&mut entity, "AccessToken");
    times(&mut entity, &ACCESS_TOKEN_TIMES);
    // The schema's name and the one that older .NET libraries read.
    for (here, there) in [(0, 1), (1, 0)] {
        if !entity.0.contains_key(EXTENDED_EXPIRY[there]) {
            let value = entity.text(EXTENDED_EXPIRY[here]).map(str::to_owned);
            entity.set_some(EXTENDED_EXPIRY[there], value);
        }
    }
    if let Some(target) = entity.text("target").map(sorted_scopes) {
        entity.set("target", target);
    }
    adopt_assertion_hash(&mut entity);
    restore_assertion_hash(&mut entity);
    entity
}

pub(crate) fn refresh_token(mut entity: Entity) -> Entity {
    credential(&mut entity, "RefreshToken");
    times(&mut entity, &REFRESH_TOKEN_TIMES);
    restore_assertion_hash(&mut entity);
    entity
}

pub(crate) fn id_token(mut entity: Entity) -> Entity {
    credential(&mut entity, "IdToken");
    entity
}

pub(crate) fn in_cached_environment(mut entity: Entity) -> Entity {
    let renamed = entity.text("environment").and_then(|host| {
        let cached_as = environment::cached_as(host);
        (cached_as != host).then(|| cached_as.to_owned())
    });
    entity.set_some("environment", renamed);
    entity
}

fn credential(entity: &mut Entity, kind: &str) {
    *entity = in_cached_environment(std::mem::replace(entity, Entity::new()));
    if entity.text("credential_type").is_none_or(|present| present.eq_ignore_ascii_case(kind)) {
        entity.set("credential_type", kind);
    }
}

/// As strings, as the schema has them; what is no time stays as it is.
fn times(entity: &mut Entity, fields: &[&str]) {
    for field in fields {
        entity.set_some(field, entity.seconds(field).map(|at| at.to_string()));
    }
}

/// In the order that .NET and Python expect, each once.
pub(crate) fn sorted_scopes(target: &str) -> String {
    let mut scopes: Vec<&str> = target.split_whitespace().collect();
    scopes.sort_by_cached_key(|scope| (scope.to_ascii_lowercase(), (*scope).to_owned()));
    scopes.dedup_by(|one, other| one.eq_ignore_ascii_case(other));
    scopes.join(" ")
}

/// .NET, Node and Go name the assertion that obtained a token where our layout has the user. It goes where we keep it, or
/// a token of one session could be used by another.
fn adopt_assertion_hash(entity: &mut Entity) {
    if entity.obtained_for().is_some() {
        return;
    }
    let hash = ASSERTION_HASHES
        .iter()
        .filter_map(|field| entity.text(field))
        // Go pads.
        .map(|hash| hash.trim_end_matches('='))
        .find(|hash| hash.len() == HASH_LENGTH && hash.bytes().all(is_base64url))
        .map(str::to_owned);
    entity.set_some(OBTAINED_FOR, hash);
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// Both spellings, set to the home account id: .NET finds such entries by user as well as in long-running processes, and
/// Python and Node treat them as the user's own. A silent renewal by .NET leaves them out.
pub(crate) fn restore_assertion_hash(entity: &mut Entity) {
    if let Some(user) = entity.text("home_account_id").map(str::to_owned) {
        for field in ASSERTION_HASHES {
            entity.set(field, user.clone());
        }
    }
}

/// Entities with the same key become one: the fields of the last, and what only earlier ones had.
pub(crate) fn one_of_each(entities: Vec<Entity>, key: impl Fn(&Entity) -> String) -> Vec<Entity> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut unique: Vec<Entity> = Vec::new();
    for entity in entities {
        let place = *places.entry(key(&entity)).or_insert(unique.len());
        match unique.get_mut(place) {
            Some(present) => present.update(entity),
            None => unique.push(entity),
        }
    }
    unique
}
