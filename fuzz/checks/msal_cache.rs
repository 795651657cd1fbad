//! What must hold for any bytes that are taken for a cache. The fuzz target runs it, and a test replays the corpus.

use msal_cache::{AccessTokenQuery, KEPT_ACCESS_TOKENS, TokenGrant, UnifiedCache};
use secrecy::ExposeSecret;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

const NOW: i64 = 1_800_000_000;
const LAST_SECOND: i64 = 99_999_999_999;

/// Up to three documents, divided by NUL, which stands in no JSON text.
///
/// # Panics
/// When something does not hold.
pub(crate) fn check(data: &[u8]) {
    let caches: Vec<UnifiedCache> =
        data.splitn(3, |&byte| byte == 0).filter_map(|text| UnifiedCache::parse(text).ok()).collect();
    for cache in &caches {
        what_is_written_is_read_again(cache);
        the_layout_is_ours(&document(cache));
        tokens_are_found(cache);
        expired_tokens_are_not_written(cache);
        what_is_recorded_wins(cache);
    }
    if let [first, second, ..] = caches.as_slice() {
        the_order_of_merging_does_not_matter(first, second, caches.last().unwrap_or(second));
    }
}

fn what_is_written_is_read_again(cache: &UnifiedCache) {
    let written = cache.to_bytes();
    let again = UnifiedCache::parse(&written).expect("what was written is a cache");
    assert!(again == *cache, "reading what was written changed it");
    assert_eq!(again.to_bytes(), written, "writing it again changed it");
    assert!(cache.clone().merge(cache.clone()) == *cache, "merging a cache with itself changed it");
}

fn the_layout_is_ours(document: &Value) {
    let mut owners = BTreeSet::new();
    for token in entities(document, "RefreshToken") {
        let owner = ["home_account_id", "client_id"].map(|field| text(token, field).to_ascii_lowercase());
        assert!(owners.insert(owner), "two refresh tokens of one user and client");
        assert!(time(token, "last_modification_time").is_some(), "a refresh token without a time");
        has_both_hashes(token);
    }
    let access_tokens = entities(document, "AccessToken").count();
    let session_access_tokens: Vec<_> = entities(document, "SessionAccessToken").collect();
    assert!(access_tokens + session_access_tokens.len() <= KEPT_ACCESS_TOKENS, "too many access tokens");
    session_access_tokens.into_iter().for_each(has_both_hashes);
    for section in ["RefreshToken", "SessionAccessToken", "IdToken", "Account", "AppMetadata"] {
        for entity in entities(document, section) {
            let environment = text(entity, "environment");
            assert!(!environment.eq_ignore_ascii_case("login.microsoftonline.com"), "an alias in {section}");
        }
    }
}

fn has_both_hashes(token: &Map<String, Value>) {
    let user = text(token, "home_account_id");
    if !user.is_empty() {
        assert_eq!(text(token, "user_assertion_hash"), user);
        assert_eq!(text(token, "userAssertionHash"), user);
    }
}

fn tokens_are_found(cache: &UnifiedCache) {
    let document = document(cache);
    for token in entities(&document, "RefreshToken").filter(|token| !text(token, "secret").is_empty()) {
        let client_id = text(token, "client_id");
        assert_eq!(cache.refresh_token(client_id).is_some(), !client_id.is_empty());
    }
    for token in entities(&document, "SessionAccessToken") {
        let scopes: Vec<String> = text(token, "target").split_whitespace().map(str::to_owned).collect();
        let query = AccessTokenQuery {
            client_id: text(token, "client_id"),
            realm: text(token, "realm"),
            scopes: &scopes,
            obtained_for: Some(text(token, "obtained_for_assertion")).filter(|hash| !hash.is_empty()),
        };
        let there = ["client_id", "realm", "secret"].into_iter().all(|field| !text(token, field).is_empty());
        if let Some(expires_on) = time(token, "expires_on").filter(|_| there) {
            let found = cache.access_token(&query).expect("a token that is there is found");
            assert!(found.expires_on >= expires_on, "a token that lives longer was passed over");
        }
    }
}

fn expired_tokens_are_not_written(cache: &UnifiedCache) {
    let written = UnifiedCache::parse(&cache.to_bytes_at(NOW)).expect("what was written is a cache");
    let document = document(&written);
    for token in entities(&document, "SessionAccessToken").chain(entities(&document, "AccessToken")) {
        assert!(time(token, "expires_on").is_none_or(|expires_on| expires_on > NOW), "an expired token");
    }
}

fn what_is_recorded_wins(before: &UnifiedCache) {
    let dated = document(before);
    let dated = entities(&dated, "RefreshToken").filter_map(|token| time(token, "last_modification_time"));
    if dated.max().is_some_and(|latest| latest >= LAST_SECOND) {
        // Nothing can be later.
        return;
    }
    let document = document(before);
    let client_id = entities(&document, "RefreshToken")
        .map(|token| text(token, "client_id"))
        .find(|client_id| !client_id.is_empty())
        .unwrap_or("client");
    let scopes = ["User.Read".to_owned()];
    let mut after = before.clone();
    after.record(&TokenGrant {
        home_account_id: "user.home",
        environment: "login.microsoftonline.com",
        client_id,
        realm: "home",
        local_account_id: "user",
        username: None,
        name: None,
        client_info: None,
        access_token: "issued",
        scopes: &scopes,
        cached_at: NOW,
        expires_on: NOW + 3600,
        extended_expires_on: NOW + 7200,
        refresh_on: None,
        refresh_token: Some("issued"),
        refresh_token_expires_on: None,
        id_token: Some("issued"),
        obtained_for: Some("session"),
    });
    what_is_written_is_read_again(&after);
    let issued = |cache: &UnifiedCache| secret(cache, client_id).as_deref() == Some("issued");
    assert!(issued(&after), "a recorded refresh token is not found");
    assert!(issued(&before.clone().merge(after.clone())), "the token from before wins a merge");
    assert!(issued(&after.merge(before.clone())), "the token from before wins a merge");
}

fn the_order_of_merging_does_not_matter(first: &UnifiedCache, second: &UnifiedCache, third: &UnifiedCache) {
    let (one_way, other_way) = (first.clone().merge(second.clone()), second.clone().merge(first.clone()));
    what_is_written_is_read_again(&one_way);
    let left = one_way.clone().merge(third.clone());
    let right = first.clone().merge(second.clone().merge(third.clone()));
    for cache in [first, second, third] {
        for token in entities(&document(cache), "RefreshToken") {
            let client_id = text(token, "client_id");
            assert_eq!(secret(&one_way, client_id), secret(&other_way, client_id), "another refresh token");
            assert_eq!(secret(&left, client_id), secret(&right, client_id), "another refresh token");
        }
    }
    assert_eq!(session_secrets(&one_way), session_secrets(&other_way), "other access tokens");
}

fn session_secrets(cache: &UnifiedCache) -> BTreeSet<String> {
    let document = document(cache);
    entities(&document, "SessionAccessToken").map(|token| text(token, "secret").to_owned()).collect()
}

fn secret(cache: &UnifiedCache, client_id: &str) -> Option<String> {
    cache.refresh_token(client_id).map(|token| token.secret.expose_secret().to_owned())
}

fn document(cache: &UnifiedCache) -> Value {
    serde_json::from_slice(&cache.to_bytes()).expect("what was written is JSON")
}

fn entities<'a>(document: &'a Value, section: &str) -> impl Iterator<Item = &'a Map<String, Value>> {
    document[section].as_object().into_iter().flat_map(Map::values).filter_map(Value::as_object)
}

fn text<'a>(entity: &'a Map<String, Value>, field: &str) -> &'a str {
    entity.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn time(entity: &Map<String, Value>, field: &str) -> Option<i64> {
    text(entity, field).parse().ok().filter(|seconds| (-LAST_SECOND..=LAST_SECOND).contains(seconds))
}
