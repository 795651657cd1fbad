//! A cache stays small, whatever is put into it.

use crate::{NOW, find, grant, refresh_secret, scopes, section, written};
use msal_cache::{KEPT_ACCESS_TOKEN_BYTES, KEPT_ACCESS_TOKENS, KEPT_SESSIONS, TokenGrant, UnifiedCache};

/// What the store takes.
const ITEM_BYTES: usize = 64 * 1024;

fn record(cache: &mut UnifiedCache, secret: &str, scope: &str, session: Option<&str>, at: i64) {
    cache.record(&TokenGrant {
        cached_at: at,
        expires_on: at + 3600,
        obtained_for: session,
        ..grant(&scopes(scope), secret, Some("rt"))
    });
}

#[test]
fn a_worker_with_many_scope_sets_leaves_the_newest() {
    let mut cache = UnifiedCache::default();
    for number in 0..100 {
        record(&mut cache, &format!("token-{number}"), &format!("Scope.{number}"), None, NOW + number);
    }
    assert_eq!(section(&written(&cache), "AccessToken").len(), KEPT_ACCESS_TOKENS);
    assert_eq!(find(&cache, &scopes("Scope.99"), None).as_deref(), Some("token-99"));
    assert_eq!(find(&cache, &scopes("Scope.83"), None), None);
    assert_eq!(refresh_secret(&cache).as_deref(), Some("rt"));
}

#[test]
fn tokens_of_any_size_leave_room_in_the_item() {
    for size in [2_000, 5_000, 12_000] {
        let mut cache = UnifiedCache::default();
        for number in 0..30 {
            let session = format!("session-{number}");
            let secret = format!("{number:02}{}", "x".repeat(size));
            record(&mut cache, &secret, "User.Read", Some(&session), NOW + number);
            assert!(cache.to_bytes().len() < ITEM_BYTES, "{size}: {}", cache.to_bytes().len());
            assert_eq!(find(&cache, &scopes("User.Read"), Some(&session)), Some(secret), "{size}");
        }
        assert!(cache.assertion_hashes().len() > 2, "{size}");
    }
}

#[test]
fn a_token_that_no_item_could_hold_is_left_out() {
    let mut cache = UnifiedCache::default();
    record(&mut cache, "small", "Mail.Read", None, NOW);
    record(&mut cache, &"x".repeat(KEPT_ACCESS_TOKEN_BYTES), "User.Read", None, NOW);
    assert_eq!(find(&cache, &scopes("User.Read"), None), None);
    assert_eq!(find(&cache, &scopes("Mail.Read"), None).as_deref(), Some("small"));
}

#[test]
fn a_new_session_has_its_token_although_others_live_longer() {
    let mut cache = UnifiedCache::default();
    for number in 0..30 {
        let name = format!("session-{number:02}");
        let cached_at = NOW + number;
        cache.record(&TokenGrant {
            cached_at,
            // Each shorter than the one before.
            expires_on: NOW + 5000 - 100 * number,
            obtained_for: Some(&name),
            ..grant(&scopes("User.Read"), &name, None)
        });
        assert_eq!(find(&cache, &scopes("User.Read"), Some(&name)), Some(name));
    }
    assert_eq!(cache.assertion_hashes().len(), KEPT_SESSIONS + 1);
}

#[test]
fn what_has_expired_is_not_written_though_a_merge_brought_it_back() {
    let (mut old, mut new) = (UnifiedCache::default(), UnifiedCache::default());
    record(&mut old, "old", "User.Read", None, NOW);
    record(&mut old, "old session's", "User.Read", Some("session"), NOW);
    record(&mut new, "new", "Mail.Read", None, NOW + 4000);
    let merged = new.merge(old);
    assert_eq!(section(&written(&merged), "AccessToken").len(), 2);
    let stored = UnifiedCache::parse(&merged.to_bytes_at(NOW + 4000)).unwrap();
    assert_eq!(find(&stored, &scopes("User.Read"), None), None);
    assert!(stored.assertion_hashes().is_empty());
    assert_eq!(find(&stored, &scopes("Mail.Read"), None).as_deref(), Some("new"));
    assert_eq!(refresh_secret(&stored).as_deref(), Some("rt"));
}

#[test]
fn when_the_one_in_front_expires_another_takes_its_place() {
    let mut cache = UnifiedCache::default();
    record(&mut cache, "first", "User.Read", Some("session-1"), NOW);
    let mut other = UnifiedCache::default();
    record(&mut other, "second", "User.Read", Some("session-2"), NOW + 60);
    let stored = UnifiedCache::parse(&cache.merge(other).to_bytes_at(NOW + 3600)).unwrap();
    let document = written(&stored);
    assert_eq!(crate::only(&document, "AccessToken")["secret"], "second");
    assert!(document.get("SessionAccessToken").is_none());
}
