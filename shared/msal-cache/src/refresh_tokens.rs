//! Which of several refresh tokens is the newest. A used-up one must never win: an authority may take each only once.

use crate::entity::{Entity, LAST_SECOND};
use std::collections::HashMap;

const MODIFIED: &str = "last_modification_time";

/// The time of a token of which nothing is known.
const UNKNOWN: i64 = 0;

/// User and client. Environment aliases, and what the token was first asked for, do not make two out of one.
pub(crate) type Owner = (String, String);

pub(crate) fn owner(entity: &Entity) -> Owner {
    let field = |name| entity.text(name).unwrap_or_default().to_ascii_lowercase();
    (field("home_account_id"), field("client_id"))
}

/// Of each owner's refresh tokens, as they stand in one file, the newest; its time is written down, so that it can be
/// compared with another file's.
///
/// Where a library that keeps no time (Node, .NET, Go, Java) stored a token, its place tells: one that stands after
/// others was added later. Alone in its file it is as old as the newest access token, because both come in one answer;
/// without one it is older than any that has a time.
pub(crate) fn newest_of_each_owner(in_file_order: Vec<Entity>, access_tokens: &[Entity]) -> Vec<Entity> {
    let mut answered: HashMap<Owner, i64> = HashMap::new();
    for (owner, cached_at) in
        access_tokens.iter().filter_map(|entity| Some((owner(entity), entity.seconds("cached_at")?)))
    {
        answered.entry(owner).and_modify(|latest| *latest = cached_at.max(*latest)).or_insert(cached_at);
    }
    let mut owners: Vec<(Owner, Vec<Entity>)> = Vec::new();
    let mut places: HashMap<Owner, usize> = HashMap::new();
    for entity in in_file_order {
        let owner = owner(&entity);
        let place = *places.entry(owner.clone()).or_insert(owners.len());
        match owners.get_mut(place) {
            Some((_, tokens)) => tokens.push(entity),
            None => owners.push((owner, vec![entity])),
        }
    }
    owners.into_iter().filter_map(|(owner, tokens)| newest(tokens, answered.get(&owner).copied())).collect()
}

fn newest(tokens: Vec<Entity>, answered: Option<i64>) -> Option<Entity> {
    let some_have_times = tokens.iter().any(|entity| entity.seconds(MODIFIED).is_some());
    let mut latest: Option<i64> = None;
    let mut best: Option<(i64, Entity)> = None;
    for entity in tokens {
        let time = entity.seconds(MODIFIED).unwrap_or_else(|| match latest {
            Some(before) => after(before).max(answered.unwrap_or(UNKNOWN)),
            None if some_have_times => UNKNOWN,
            None => answered.unwrap_or(UNKNOWN),
        });
        latest = latest.max(Some(time));
        let beats =
            |(best_time, best): &(i64, Entity)| (has_secret(&entity), time) >= (has_secret(best), *best_time);
        if best.as_ref().is_none_or(beats) {
            best = Some((time, entity));
        }
    }
    best.map(|(time, mut entity)| {
        entity.set(MODIFIED, time.to_string());
        entity
    })
}

/// Dates a token that takes the place of others: after them, even where the clock of the environment that stored them is
/// ahead or a second has not gone by. Of a chain of renewals the last one so wins every merge.
pub(crate) fn date<'a>(entity: &mut Entity, now: i64, replaced: impl Iterator<Item = &'a Entity>) {
    let time = replaced.filter_map(|old| old.seconds(MODIFIED)).map(after).fold(now, i64::max);
    entity.set(MODIFIED, time.to_string());
}

/// Of two versions of one owner's token the newer. At the same second the secret decides, so that the order of merging
/// does not. Two copies of one token become one with the fields of both.
pub(crate) fn newer(left: Entity, right: Entity) -> Entity {
    let (mut first, second) = if rank(&left) > rank(&right) { (right, left) } else { (left, right) };
    if has_secret(&second) && first.text("secret") == second.text("secret") {
        first.update(second);
        return first;
    }
    second
}

/// Greater for the newer.
fn rank(entity: &Entity) -> (bool, i64, Option<&str>) {
    (has_secret(entity), entity.seconds(MODIFIED).unwrap_or(UNKNOWN), entity.text("secret"))
}

fn has_secret(entity: &Entity) -> bool {
    entity.text("secret").is_some()
}

/// Just later, and still a time.
fn after(time: i64) -> i64 {
    time.saturating_add(1).min(LAST_SECOND)
}
