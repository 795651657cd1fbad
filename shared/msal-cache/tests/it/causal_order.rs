//! Of a chain of renewals the last refresh token wins, whatever the clocks say.

use crate::{NOW, grant, only, parse, refresh_secret, scopes, written};
use msal_cache::{TokenGrant, UnifiedCache};

fn renewed(before: &UnifiedCache, secret: &str, at: i64) -> UnifiedCache {
    let mut after = before.clone();
    after.record(&TokenGrant {
        cached_at: at,
        expires_on: at + 3600,
        ..grant(&scopes("User.Read"), secret, Some(secret))
    });
    after
}

fn assert_wins(winner: &UnifiedCache, loser: &UnifiedCache, secret: &str) {
    for merged in [winner.clone().merge(loser.clone()), loser.clone().merge(winner.clone())] {
        assert_eq!(refresh_secret(&merged).as_deref(), Some(secret));
    }
}

#[test]
fn two_renewals_in_one_second_keep_their_order() {
    // By its letters, the used-up one would win the tie.
    let first = renewed(&UnifiedCache::default(), "z", NOW);
    let second = renewed(&first, "a", NOW);
    assert_wins(&second, &first, "a");
}

#[test]
fn an_environment_whose_clock_is_behind_still_replaces() {
    let ahead = renewed(&UnifiedCache::default(), "from the one ahead", NOW + 600);
    let behind = renewed(&ahead, "from the one behind", NOW);
    assert_wins(&behind, &ahead, "from the one behind");
    assert_eq!(only(&written(&behind), "RefreshToken")["last_modification_time"], (NOW + 601).to_string());
}

#[test]
fn a_long_chain_between_two_clocks_ends_with_its_last() {
    let mut versions = vec![UnifiedCache::default()];
    for number in 0..20_i64 {
        let at = NOW + if number % 2 == 0 { 300 } else { -300 };
        // Through the store.
        let next = renewed(versions.last().unwrap(), &format!("{:02}", 99 - number), at);
        versions.push(UnifiedCache::parse(&next.to_bytes()).unwrap());
    }
    let last = versions.pop().unwrap();
    for earlier in &versions {
        assert_wins(&last, earlier, "80");
    }
}

#[test]
fn a_renewal_replaces_also_a_token_without_a_time() {
    let document = serde_json::json!({"RefreshToken": {"k": {"client_id": crate::CLIENT, "home_account_id": crate::HOME, "secret": "z"}}});
    let before = parse(&document);
    assert_wins(&renewed(&before, "a", NOW), &before, "a");
}

#[test]
fn two_copies_of_one_token_keep_what_either_knows() {
    let mut ours = UnifiedCache::default();
    ours.record(&TokenGrant {
        refresh_token_expires_on: Some(NOW + 86_400),
        ..grant(&scopes("User.Read"), "at", Some("rt"))
    });
    let mut document = written(&ours);
    for token in document["RefreshToken"].as_object_mut().unwrap().values_mut() {
        token.as_object_mut().unwrap().shift_remove("expires_on");
        token["last_modification_time"] = (NOW + 5).into();
    }
    let theirs = parse(&document);
    for merged in [ours.clone().merge(theirs.clone()), theirs.merge(ours)] {
        assert_eq!(merged.refresh_token(crate::CLIENT).unwrap().expires_on, Some(NOW + 86_400));
    }
}
