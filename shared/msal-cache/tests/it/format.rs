//! What the unified cache promises: it reads what others wrote, loses nothing, and writes what others can read.

use crate::{CLIENT, HOME, NOW, REALM, find, grant, scopes, written};
use msal_cache::{AccessTokenQuery, FormatError, KEPT_SESSIONS, TokenGrant, UnifiedCache};
use secrecy::ExposeSecret;
use serde_json::json;

#[test]
fn scopes_match_as_a_set_without_regard_to_case() {
    let mut cache = UnifiedCache::default();
    cache.record(&grant(&scopes("https://graph.microsoft.com/User.Read Mail.Read"), "at", None));
    assert!(find(&cache, &scopes("mail.read HTTPS://GRAPH.MICROSOFT.COM/user.read"), None).is_some());
    assert!(find(&cache, &scopes("Mail.Read"), None).is_some());
    assert!(find(&cache, &scopes("Mail.Read Mail.Send"), None).is_none());
}

#[test]
fn a_session_is_not_given_another_sessions_token() {
    let user_read = scopes("User.Read");
    let mut cache = UnifiedCache::default();
    cache.record(&grant(&user_read, "first", Some("rt")));
    cache.record(&TokenGrant { obtained_for: Some("session-2"), ..grant(&user_read, "second", None) });
    assert_eq!(find(&cache, &user_read, Some("session-1")).as_deref(), Some("first"));
    assert_eq!(find(&cache, &user_read, Some("session-2")).as_deref(), Some("second"));
    assert_eq!(find(&cache, &user_read, Some("session-3")), None);
    assert!(find(&cache, &user_read, None).is_some());
    assert_eq!(cache.assertion_hashes(), ["session-1", "session-2"]);
}

#[test]
fn other_libraries_see_one_access_token_per_scope_set() {
    let user_read = scopes("User.Read");
    let mut cache = UnifiedCache::default();
    for session in 0..5 {
        let session = format!("session-{session}");
        cache.record(&TokenGrant { obtained_for: Some(&session), ..grant(&user_read, &session, None) });
    }
    assert_eq!(written(&cache)["AccessToken"].as_object().unwrap().len(), 1);
}

#[test]
fn the_number_of_kept_sessions_is_bounded_and_the_longest_lived_stay() {
    let user_read = scopes("User.Read");
    let mut cache = UnifiedCache::default();
    for session in 0..30_i64 {
        let name = format!("session-{session:02}");
        let expires_on = NOW + 3600 + session;
        cache.record(&TokenGrant { obtained_for: Some(&name), expires_on, ..grant(&user_read, &name, None) });
    }
    assert_eq!(cache.assertion_hashes().len(), KEPT_SESSIONS + 1);
    assert!(cache.assertion_hashes().contains(&"session-28".to_owned()));
    assert!(!cache.assertion_hashes().contains(&"session-00".to_owned()));
}

#[test]
fn merging_keeps_the_sessions_of_both_sides() {
    let user_read = scopes("User.Read");
    let (mut ours, mut theirs) = (UnifiedCache::default(), UnifiedCache::default());
    ours.record(&grant(&user_read, "ours", None));
    theirs.record(&TokenGrant {
        obtained_for: Some("session-2"),
        expires_on: NOW + 4000,
        ..grant(&user_read, "theirs", None)
    });
    for merged in [ours.clone().merge(theirs.clone()), theirs.merge(ours)] {
        assert_eq!(find(&merged, &user_read, Some("session-1")).as_deref(), Some("ours"));
        assert_eq!(find(&merged, &user_read, Some("session-2")).as_deref(), Some("theirs"));
        let document = written(&merged);
        assert_eq!(document["AccessToken"].as_object().unwrap().len(), 1);
        assert_eq!(document["SessionAccessToken"].as_object().unwrap().len(), 1);
    }
}

#[test]
fn a_sweep_that_refreshes_leaves_the_sessions_their_tokens() {
    let user_read = scopes("User.Read");
    let mut cache = UnifiedCache::default();
    cache.record(&grant(&user_read, "session's", Some("rt-1")));
    cache.record(&TokenGrant { obtained_for: None, ..grant(&user_read, "sweep's", Some("rt-2")) });
    assert_eq!(find(&cache, &user_read, Some("session-1")).as_deref(), Some("session's"));
    assert_eq!(cache.refresh_token(CLIENT).unwrap().secret.expose_secret(), "rt-2");
}

#[test]
fn the_layout_is_the_one_that_every_library_accepts() {
    let mut cache = UnifiedCache::default();
    cache.record(&grant(&scopes("User.Read Mail.Read"), "at", Some("rt")));
    let document = written(&cache);
    let key = format!("{HOME}-login.windows.net-accesstoken-{CLIENT}-{REALM}-mail.read user.read");
    let token = &document["AccessToken"][&key];
    assert_eq!(token["target"], "Mail.Read User.Read");
    assert_eq!(token["expires_on"], (NOW + 3600).to_string());
    assert_eq!(token["user_assertion_hash"], HOME);
    assert_eq!(token["userAssertionHash"], HOME);
    let refresh_token =
        &document["RefreshToken"][format!("{HOME}-login.windows.net-refreshtoken-{CLIENT}--")];
    assert_eq!(refresh_token["secret"], "rt");
    assert_eq!(
        document["Account"][format!("{HOME}-login.windows.net-{REALM}")]["username"],
        "ana@lakeside.example"
    );
    assert_eq!(
        document["AppMetadata"][format!("appmetadata-login.windows.net-{CLIENT}")]["client_id"],
        CLIENT
    );
}

#[test]
fn a_foreign_writers_duplicate_refresh_tokens_become_one() {
    let stale = json!({"home_account_id": HOME, "environment": "login.windows.net", "client_id": CLIENT, "secret": "stale",
        "credential_type": "RefreshToken", "last_modification_time": "100"});
    let fresh = json!({"home_account_id": HOME, "environment": "login.microsoftonline.com", "client_id": CLIENT,
        "secret": "fresh", "credential_type": "RefreshToken", "last_modification_time": 200});
    let document = json!({"RefreshToken": {"b---": fresh, "a--": stale}});
    let cache = UnifiedCache::parse(document.to_string().as_bytes()).unwrap();
    assert_eq!(cache.refresh_token(CLIENT).unwrap().secret.expose_secret(), "fresh");
    let kept = written(&cache);
    let kept = kept["RefreshToken"].as_object().unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept.values().next().unwrap()["secret"], "fresh");
}

#[test]
fn without_times_the_last_refresh_token_in_the_file_wins() {
    let text = format!(
        r#"{{"RefreshToken": {{"z": {{"home_account_id": "{HOME}", "client_id": "{CLIENT}", "secret": "old"}},
            "a": {{"home_account_id": "{HOME}", "client_id": "{CLIENT}", "secret": "new"}}}}}}"#
    );
    let cache = UnifiedCache::parse(text.as_bytes()).unwrap();
    assert_eq!(cache.refresh_token(CLIENT).unwrap().secret.expose_secret(), "new");
}

#[test]
fn tokens_for_other_requests_do_not_answer_a_plain_one() {
    for (field, value) in [("token_type", "pop"), ("credential_type", "ATExt")] {
        let mut cache = UnifiedCache::default();
        cache.record(&grant(&scopes("User.Read"), "at", None));
        let mut document = written(&cache);
        for token in document["AccessToken"].as_object_mut().unwrap().values_mut() {
            token[field] = value.into();
        }
        let cache = UnifiedCache::parse(document.to_string().as_bytes()).unwrap();
        assert_eq!(find(&cache, &scopes("User.Read"), None), None, "{field}={value}");
    }
}

#[test]
fn expired_access_tokens_are_dropped_on_write_and_the_refresh_token_stays() {
    let mut cache = UnifiedCache::default();
    cache.record(&grant(&scopes("User.Read"), "old", Some("rt")));
    let later = NOW + 4000;
    cache.record(&TokenGrant {
        cached_at: later,
        expires_on: later + 3600,
        ..grant(&scopes("Mail.Read"), "new", None)
    });
    assert_eq!(find(&cache, &scopes("User.Read"), None), None);
    assert_eq!(find(&cache, &scopes("Mail.Read"), None).as_deref(), Some("new"));
    assert_eq!(cache.refresh_token(CLIENT).unwrap().secret.expose_secret(), "rt");
}

#[test]
fn unknown_sections_and_fields_survive() {
    let document = json!({
        "SomethingNew": {"a": [1, 2]},
        "RefreshToken": {"k": {"home_account_id": HOME, "client_id": CLIENT, "secret": "rt", "brand_new": {"x": 1}}},
    });
    let kept = written(&UnifiedCache::parse(document.to_string().as_bytes()).unwrap());
    assert_eq!(kept["SomethingNew"], document["SomethingNew"]);
    assert_eq!(
        kept["RefreshToken"].as_object().unwrap().values().next().unwrap()["brand_new"],
        json!({"x": 1})
    );
}

#[test]
fn what_is_not_a_cache_is_an_error_that_shows_nothing_of_it() {
    for text in [
        "{\"AccessToken\": \"secret-text\"}",
        "[\"secret-text\"]",
        "{\"Account\": {\"k\": \"secret-text\"}}",
        "secret-text",
    ] {
        let error = UnifiedCache::parse(text.as_bytes()).unwrap_err();
        assert!(!error.to_string().contains("secret-text"), "{error}");
    }
    assert!(matches!(UnifiedCache::parse(b"{"), Err(FormatError::NotJson { .. })));
    assert!(UnifiedCache::parse(b"").unwrap().is_empty());
}

#[test]
fn debug_shows_no_token() {
    let mut cache = UnifiedCache::default();
    cache.record(&grant(&scopes("User.Read"), "the-access-token", Some("the-refresh-token")));
    let query = AccessTokenQuery {
        client_id: CLIENT,
        realm: REALM,
        scopes: &scopes("User.Read"),
        obtained_for: None,
    };
    let shown = format!("{cache:?} {:?} {:?}", cache.access_token(&query), cache.refresh_token(CLIENT));
    assert!(!shown.contains("the-access-token") && !shown.contains("the-refresh-token"), "{shown}");
}
