//! Which access tokens are kept, and where they stand.

use crate::entity::Entity;
use crate::keys::access_token_key;
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

/// How many sessions' access tokens (per client, realm and scope set) are kept beside the one that other libraries see: 8,
/// the newest.
///
/// A session is one bearer token of the caller. The bound keeps one user's item small however many browsers are open.
pub const KEPT_SESSIONS: usize = 8;

/// How many access tokens are kept in all: 16, the newest. More than that only a program leaves behind that asks for a new
/// set of scopes each time.
pub const KEPT_ACCESS_TOKENS: usize = 16;

/// How much room the access tokens may take, as JSON: 40 KiB, so that an item stays below its 64 KiB also where a token
/// has a claim for each of a user's many groups. The newest that fit are kept.
pub const KEPT_ACCESS_TOKEN_BYTES: usize = 40 * 1024;

/// The access tokens of a cache, each in its place.
#[derive(Clone, Default, PartialEq)]
pub(crate) struct AccessTokens {
    /// Where MSAL looks. No two of them could answer the same request: .NET refuses to choose between two, and Node
    /// deletes both.
    pub(crate) front: Vec<Entity>,
    /// Those of the user's other sessions, in a section of our own.
    pub(crate) beside: Vec<Entity>,
    /// Tokens that answer no plain request, untouched, with the key that they were found under.
    pub(crate) isolated: Vec<(String, Entity)>,
}

impl AccessTokens {
    /// Puts each in its place. Of those that are for the same (scopes and session) the longest-lived is kept; of those that
    /// could answer the same request the longest-lived stands in front. The result does not depend on the order.
    pub(crate) fn arrange(mut plain: Vec<Entity>, isolated: Vec<(String, Entity)>) -> Self {
        plain.sort_by(|one, other| preferred_first(one, other, life));
        let mut seen = HashSet::new();
        plain.retain(|entity| {
            seen.insert((access_token_key(entity), entity.obtained_for().map(str::to_owned)))
        });
        let mut room = Room::default();
        let plain = room.newest_that_fit(plain, |entity| entity);

        let (mut front, mut beside): (Vec<Entity>, Vec<Entity>) = (Vec::new(), Vec::new());
        for entity in plain {
            if front.iter().any(|other| compete(&entity, other)) {
                beside.push(entity);
            } else {
                front.push(entity);
            }
        }
        let mut keys: HashSet<String> = front.iter().map(access_token_key).collect();
        let mut isolated = room.newest_that_fit(isolated, |(_, entity)| entity);
        for (key, _) in &mut isolated {
            // Found by fields, so a key is good as long as it is not taken.
            while !keys.insert(key.clone()) {
                key.push('-');
            }
        }
        Self { front, beside, isolated }
    }

    pub(crate) fn plain(&self) -> impl Iterator<Item = &Entity> {
        self.front.iter().chain(&self.beside)
    }

    pub(crate) fn len(&self) -> usize {
        self.front.len() + self.beside.len() + self.isolated.len()
    }

    /// Takes out what `keep` refuses, then puts `more` in.
    pub(crate) fn replace(&mut self, keep: impl Fn(&Entity) -> bool, more: Option<Entity>) {
        let Self { front, beside, isolated } = std::mem::take(self);
        let plain = front.into_iter().chain(beside).filter(&keep).chain(more).collect();
        *self = Self::arrange(plain, isolated);
    }

    /// Drops what expired before `now`, or has no readable expiry and so is served by nobody.
    pub(crate) fn drop_expired(&mut self, now: i64) {
        if self.are_live(now) {
            return;
        }
        self.isolated.retain(|(_, entity)| is_live(entity, now));
        self.replace(|entity| is_live(entity, now), None);
    }

    /// Whether there is nothing to drop.
    pub(crate) fn are_live(&self, now: i64) -> bool {
        self.plain().chain(self.isolated.iter().map(|(_, entity)| entity)).all(|entity| is_live(entity, now))
    }

    pub(crate) fn merge(self, other: Self) -> Self {
        let plain = [self.front, self.beside, other.front, other.beside].into_iter().flatten().collect();
        let mut isolated = self.isolated;
        for (key, entity) in other.isolated {
            match isolated.iter_mut().find(|(present, _)| *present == key) {
                Some((_, present)) if life(present) <= life(&entity) => *present = entity,
                Some(_) => {}
                None => isolated.push((key, entity)),
            }
        }
        Self::arrange(plain, isolated)
    }
}

fn is_live(entity: &Entity, now: i64) -> bool {
    entity.seconds("expires_on").is_some_and(|expires_on| expires_on > now)
}

/// What is left of the bounds.
struct Room {
    tokens: usize,
    bytes: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { tokens: KEPT_ACCESS_TOKENS, bytes: KEPT_ACCESS_TOKEN_BYTES }
    }
}

impl Room {
    /// The newest, not the longest-lived, or a session could find no room for a token that it just obtained: how long
    /// Entra's tokens live differs by half an hour and more. They stay in the order in which they came.
    fn newest_that_fit<T>(&mut self, tokens: Vec<T>, entity: impl Fn(&T) -> &Entity) -> Vec<T> {
        let mut by_age: Vec<usize> = (0..tokens.len()).collect();
        by_age.sort_by(|&one, &other| preferred_first(entity(&tokens[one]), entity(&tokens[other]), age));
        let mut sessions: HashMap<String, usize> = HashMap::new();
        let mut kept = vec![false; tokens.len()];
        for index in by_age {
            if self.tokens == 0 {
                break;
            }
            let token = entity(&tokens[index]);
            let key = access_token_key(token);
            let bytes = size(token, &key);
            let same = sessions.entry(key).or_default();
            if *same <= KEPT_SESSIONS && bytes <= self.bytes {
                *same += 1;
                self.bytes -= bytes;
                self.tokens -= 1;
                kept[index] = true;
            }
        }
        tokens.into_iter().zip(kept).filter_map(|(token, kept)| kept.then_some(token)).collect()
    }
}

/// Whether some request could be answered with either.
fn compete(one: &Entity, other: &Entity) -> bool {
    let same = |field| match (one.text(field), other.text(field)) {
        (Some(one), Some(other)) => one.eq_ignore_ascii_case(other),
        (one, other) => one == other,
    };
    let place = ["home_account_id", "environment", "client_id", "realm"].into_iter().all(same);
    place && (one.shares_scope_with(other) || access_token_key(one) == access_token_key(other))
}

/// The token of the greater rank first. Between equals, which a library makes that stores one answer under two sets of
/// scopes, the key decides, so that the order of merging does not.
fn preferred_first(one: &Entity, other: &Entity, rank: fn(&Entity) -> Rank<'_>) -> Ordering {
    let by_rank = rank(other).cmp(&rank(one));
    by_rank.then_with(|| access_token_key(one).cmp(&access_token_key(other)))
}

type Rank<'e> = (bool, i64, i64, Option<&'e str>, Option<&'e str>);

/// Greater for the token to be preferred. The secret decides between equals, so that the order of merging does not.
fn life(entity: &Entity) -> Rank<'_> {
    rank(entity, "expires_on", "cached_at")
}

fn age(entity: &Entity) -> Rank<'_> {
    rank(entity, "cached_at", "expires_on")
}

fn rank<'e>(entity: &'e Entity, first: &str, second: &str) -> Rank<'e> {
    let seconds = |field| entity.seconds(field).unwrap_or(i64::MIN);
    let secret = entity.text("secret");
    (secret.is_some(), seconds(first), seconds(second), secret, entity.obtained_for())
}

/// Bytes of JSON, with a key of the usual length.
fn size(entity: &Entity, key: &str) -> usize {
    let fields: usize = entity.0.iter().map(|(name, value)| name.len() + json_bytes(value) + 4).sum();
    fields + 2 * key.len()
}

/// Bytes of a value as JSON. Almost all are texts in which nothing is escaped, as long as they are with their quotes.
fn json_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) if text.bytes().all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\') => {
            text.len() + 2
        }
        other => other.to_string().len(),
    }
}
