//! Caches in the shapes that the other libraries write: whole, and after each of them went on with one of ours.

use crate::{CLIENT, HOME, NOW, REALM, find, grant, only, parse, refresh_secret, scopes, section, written};
use msal_cache::{AccessTokenQuery, TokenGrant, UnifiedCache};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

/// A cache as each library writes it (MSAL.NET, Python, Node 7.2, Java, Go), and the name in its secrets.
const CACHES: [(&str, &str); 5] = [
    ("dotnet", include_str!("../caches/dotnet.json")),
    ("python", include_str!("../caches/python.json")),
    ("node", include_str!("../caches/node.json")),
    ("java", include_str!("../caches/java.json")),
    ("go", include_str!("../caches/go.json")),
];

/// base64url(SHA-256) of the assertion that those libraries, but for Python, note with their tokens.
const ASSERTION_HASH: &str = "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg";

const ALIAS: &str = "login.microsoftonline.com";
const CACHED_AS: &str = "login.windows.net";

fn read(text: &str) -> UnifiedCache {
    UnifiedCache::parse(text.as_bytes()).unwrap()
}

/// All names of the user's tokens, as our own writer leaves them.
fn assert_layout(document: &Value, context: &str) {
    let access_token = only(document, "AccessToken");
    let refresh_token = only(document, "RefreshToken");
    for token in [access_token, refresh_token] {
        assert_eq!(token["user_assertion_hash"], HOME, "{context}");
        assert_eq!(token["userAssertionHash"], HOME, "{context}");
    }
    for name in ["AccessToken", "RefreshToken", "IdToken", "Account", "AppMetadata"] {
        assert_eq!(only(document, name)["environment"], CACHED_AS, "{context}: {name}");
    }
    for field in ["cached_at", "expires_on", "extended_expires_on", "ext_expires_on"] {
        assert!(access_token[field].as_str().unwrap().parse::<i64>().is_ok(), "{context}: {field}");
    }
    assert_eq!(access_token["credential_type"], "AccessToken", "{context}");
    assert_eq!(refresh_token["credential_type"], "RefreshToken", "{context}");
    let keys = |name| section(document, name).keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys("RefreshToken"), [format!("{HOME}-{CACHED_AS}-refreshtoken-{CLIENT}--")], "{context}");
    assert_eq!(keys("IdToken"), [format!("{HOME}-{CACHED_AS}-idtoken-{CLIENT}-{REALM}-")], "{context}");
    assert_eq!(keys("Account"), [format!("{HOME}-{CACHED_AS}-{REALM}")], "{context}");
    assert_eq!(keys("AppMetadata"), [format!("appmetadata-{CACHED_AS}-{CLIENT}")], "{context}");
    let target = access_token["target"].as_str().unwrap();
    let key = format!("{HOME}-{CACHED_AS}-accesstoken-{CLIENT}-{REALM}-{}", target.to_ascii_lowercase());
    assert_eq!(keys("AccessToken"), [key], "{context}");
}

#[test]
fn tokens_of_every_library_are_found_and_written_in_our_layout() {
    for (library, text) in CACHES {
        let cache = read(text);
        assert_eq!(find(&cache, &scopes("mail.read User.Read"), None), Some(format!("{library}-access")));
        assert_eq!(refresh_secret(&cache), Some(format!("{library}-refresh")));
        let document = written(&cache);
        assert_layout(&document, library);
        assert!(
            ["Mail.Read User.Read", "Mail.Read openid profile User.Read"].contains(
                &document["AccessToken"].as_object().unwrap().values().next().unwrap()["target"]
                    .as_str()
                    .unwrap()
            ),
            "{library}"
        );
        assert_eq!(only(&document, "RefreshToken")["last_modification_time"], NOW.to_string(), "{library}");
    }
}

#[test]
fn all_about_an_access_token_is_read() {
    for (library, text) in CACHES {
        let cache = read(text);
        let wanted = scopes("Mail.Read");
        let query = AccessTokenQuery { client_id: CLIENT, realm: REALM, scopes: &wanted, obtained_for: None };
        let token = cache.access_token(&query).unwrap();
        assert_eq!(token.expires_on, NOW + 3600, "{library}");
        let refresh_on = (library != "python").then_some(NOW + 1800);
        assert_eq!(token.refresh_on, refresh_on, "{library}");
        assert_eq!(cache.refresh_token(CLIENT).unwrap().home_account_id.as_deref(), Some(HOME), "{library}");
    }
}

#[test]
fn a_token_that_a_library_obtained_for_an_assertion_serves_that_assertion_only() {
    for (library, text) in CACHES {
        let cache = read(text);
        let user_read = scopes("User.Read");
        let expected = (library != "python").then(|| format!("{library}-access"));
        assert_eq!(find(&cache, &user_read, Some(ASSERTION_HASH)), expected, "{library}");
        assert_eq!(find(&cache, &user_read, Some("another")), None, "{library}");
        assert_eq!(find(&cache, &user_read, Some(HOME)), None, "{library}");
    }
}

#[test]
fn a_session_key_that_is_no_hash_names_no_assertion() {
    let mut document: Value = serde_json::from_str(CACHES[0].1).unwrap();
    for token in document["AccessToken"].as_object_mut().unwrap().values_mut() {
        token["user_assertion_hash"] = "a key that the program chose".into();
    }
    let cache = parse(&document);
    assert!(cache.assertion_hashes().is_empty());
    assert_layout(&written(&cache), "session key");
}

#[test]
fn fields_and_sections_of_one_library_survive() {
    let dotnet = written(&read(CACHES[0].1));
    assert_eq!(dotnet["SomethingNew"], json!({"of a later version": [1, 2.5, null]}));
    assert_eq!(only(&dotnet, "Account")["wam_account_ids"], json!({}));
    let node = written(&read(CACHES[2].1));
    assert!(only(&node, "Account")["tenantProfiles"][0].as_str().unwrap().contains("isHomeTenant"));
    let python = written(&read(CACHES[1].1));
    assert_eq!(only(&python, "RefreshToken")["target"], "Mail.Read User.Read openid profile");
}

#[test]
fn a_renewal_is_recorded_over_each_librarys_cache() {
    for (library, text) in CACHES {
        let mut cache = read(text);
        let later = NOW + 1000;
        cache.record(&TokenGrant {
            cached_at: later,
            expires_on: later + 4000,
            obtained_for: None,
            ..grant(&scopes("User.Read Mail.Read"), "renewed", Some("renewed-refresh"))
        });
        assert_eq!(find(&cache, &scopes("User.Read"), None).as_deref(), Some("renewed"), "{library}");
        assert_eq!(refresh_secret(&cache).as_deref(), Some("renewed-refresh"), "{library}");
        assert_layout(&written(&cache), library);
        let stale = read(text);
        for merged in [cache.clone().merge(stale.clone()), stale.merge(cache)] {
            assert_eq!(refresh_secret(&merged).as_deref(), Some("renewed-refresh"), "{library}");
            assert_layout(&written(&merged), library);
        }
    }
}

#[test]
fn caches_of_all_libraries_merge_into_one_of_each() {
    let merged = CACHES.iter().fold(UnifiedCache::default(), |merged, (_, text)| merged.merge(read(text)));
    let document = written(&merged);
    assert_eq!(section(&document, "RefreshToken").len(), 1);
    let account = only(&document, "Account");
    assert_eq!(account["account_source"], "authorization_code");
    assert_eq!(account["name"], "Ana");
    assert!(account["client_info"].as_str().is_some_and(|text| !text.is_empty()));
    // Python's token stands for another set (`openid profile`), yet could answer the same requests.
    assert_eq!(section(&document, "AccessToken").len(), 1);
}

/// What our API wrote, as JSON to be changed by somebody else.
fn ours() -> Value {
    let mut cache = UnifiedCache::default();
    cache.record(&TokenGrant {
        refresh_token_expires_on: Some(NOW + 86_400),
        ..grant(&scopes("User.Read"), "ours", Some("ours-refresh"))
    });
    written(&cache)
}

fn put(document: &mut Value, section: &str, key: &str, entity: &Value) {
    document[section].as_object_mut().unwrap().insert(key.to_owned(), entity.clone());
}

#[test]
fn what_node_adds_beside_ours_is_the_newer() {
    let mut document = ours();
    put(
        &mut document,
        "RefreshToken",
        &format!("{HOME}-{CACHED_AS}-refreshtoken-{CLIENT}---"),
        &json!({
        "home_account_id": HOME, "environment": CACHED_AS, "credential_type": "RefreshToken",
        "client_id": CLIENT, "secret": "node-refresh"}),
    );
    put(
        &mut document,
        "AccessToken",
        &format!("{HOME}-{CACHED_AS}-accesstoken-{CLIENT}-{REALM}-user.read-"),
        &json!({
        "home_account_id": HOME, "environment": CACHED_AS, "credential_type": "AccessToken", "client_id": CLIENT,
        "secret": "node-access", "realm": REALM, "target": "User.Read", "cached_at": (NOW + 100).to_string(),
        "expires_on": (NOW + 5000).to_string(), "extended_expires_on": (NOW + 9000).to_string(), "token_type": "Bearer"}),
    );
    let cache = parse(&document);
    assert_eq!(refresh_secret(&cache).as_deref(), Some("node-refresh"));
    assert_eq!(find(&cache, &scopes("User.Read"), None).as_deref(), Some("node-access"));
    assert_eq!(find(&cache, &scopes("User.Read"), Some("session-1")).as_deref(), Some("ours"));
    let kept = written(&cache);
    assert_layout(&kept, "node");
    assert_eq!(only(&kept, "SessionAccessToken")["secret"], "ours");
    assert_eq!(only(&kept, "RefreshToken")["last_modification_time"], (NOW + 100).to_string());
}

#[test]
fn what_dotnet_puts_in_place_of_ours_beats_what_we_remember() {
    let remembered = parse(&ours());
    let mut document = ours();
    put(
        &mut document,
        "RefreshToken",
        &format!("{HOME}-{CACHED_AS}-refreshtoken-{CLIENT}--"),
        &json!({
        "home_account_id": HOME, "environment": CACHED_AS, "client_id": CLIENT, "secret": "dotnet-refresh",
        "credential_type": "RefreshToken"}),
    );
    put(
        &mut document,
        "AccessToken",
        &format!("{HOME}-{CACHED_AS}-accesstoken-{CLIENT}-{REALM}-user.read"),
        &json!({
        "home_account_id": HOME, "environment": CACHED_AS, "client_id": CLIENT, "secret": "dotnet-access",
        "credential_type": "AccessToken", "realm": REALM, "target": "User.Read",
        "cached_at": (NOW + 100).to_string(), "expires_on": (NOW + 5000).to_string(), "extended_expires_on": (NOW + 9000).to_string()}),
    );
    let theirs = parse(&document);
    assert_layout(&written(&theirs), "dotnet");
    for merged in [remembered.clone().merge(theirs.clone()), theirs.merge(remembered)] {
        assert_eq!(refresh_secret(&merged).as_deref(), Some("dotnet-refresh"));
    }
}

#[test]
fn what_python_adds_under_the_alias_becomes_one_with_ours() {
    let mut document = ours();
    let environment = ALIAS;
    put(
        &mut document,
        "RefreshToken",
        &format!("{HOME}-{ALIAS}-refreshtoken-{CLIENT}--user.read"),
        &json!({
        "home_account_id": HOME, "environment": environment, "client_id": CLIENT, "secret": "python-refresh",
        "credential_type": "RefreshToken", "target": "User.Read", "last_modification_time": (NOW + 100).to_string()}),
    );
    put(
        &mut document,
        "Account",
        &format!("{HOME}-{ALIAS}-{REALM}"),
        &json!({
        "home_account_id": HOME, "environment": environment, "realm": REALM, "local_account_id": "x",
        "username": "ana@lakeside.example", "authority_type": "MSSTS"}),
    );
    put(
        &mut document,
        "IdToken",
        &format!("{HOME}-{ALIAS}-idtoken-{CLIENT}-{REALM}-"),
        &json!({
        "home_account_id": HOME, "environment": environment, "realm": REALM, "client_id": CLIENT,
        "secret": "python-id", "credential_type": "IdToken"}),
    );
    put(
        &mut document,
        "AppMetadata",
        &format!("appmetadata-{ALIAS}-{CLIENT}"),
        &json!({
        "client_id": CLIENT, "environment": environment}),
    );
    let cache = parse(&document);
    assert_eq!(refresh_secret(&cache).as_deref(), Some("python-refresh"));
    let kept = written(&cache);
    assert_layout(&kept, "python");
    assert_eq!(only(&kept, "IdToken")["secret"], "python-id");
    assert_eq!(only(&kept, "Account")["client_info"], "eyJ1aWQiOiIifQ");
}

#[test]
fn other_clouds_and_hosts_keep_to_themselves() {
    for (host, cached_as) in [
        ("login.usgovcloudapi.net", "login.microsoftonline.us"),
        ("login.chinacloudapi.cn", "login.partner.microsoftonline.cn"),
        ("localhost:3002", "localhost:3002"),
    ] {
        let text = CACHES[1].1.replace(ALIAS, host);
        assert_eq!(only(&written(&read(&text)), "RefreshToken")["environment"], cached_as);
    }
}

#[test]
fn of_tokens_that_could_answer_one_request_others_see_only_the_longest_lived() {
    let entity = |secret: &str, target: &str, expires_on: i64| {
        json!({"home_account_id": HOME, "environment": CACHED_AS, "credential_type": "AccessToken",
            "client_id": CLIENT, "secret": secret, "realm": REALM, "target": target,
            "cached_at": NOW.to_string(), "expires_on": expires_on.to_string()})
    };
    let cache = parse(&json!({"AccessToken": {
        "a": entity("narrow", "User.Read", NOW + 100), "b": entity("wide", "user.read Mail.Read", NOW + 200),
        "c": entity("other", "Files.Read openid", NOW + 50)}}));
    let document = written(&cache);
    let mut seen: Vec<&str> =
        section(&document, "AccessToken").values().map(|token| token["secret"].as_str().unwrap()).collect();
    seen.sort_unstable();
    assert_eq!(seen, ["other", "wide"]);
    assert_eq!(only(&document, "SessionAccessToken")["secret"], "narrow");
}

#[test]
fn of_one_answer_stored_for_two_sets_of_scopes_the_same_stands_in_front_whoever_merges() {
    let cache = |target: &str| {
        parse(&json!({"AccessToken": {"a": {"home_account_id": HOME, "environment": CACHED_AS,
            "credential_type": "AccessToken", "client_id": CLIENT, "secret": "answered", "realm": REALM,
            "target": target, "cached_at": NOW.to_string(), "expires_on": (NOW + 100).to_string()}}}))
    };
    let (narrow, wide) = (cache("User.Read"), cache("Mail.Read User.Read"));
    let merged = narrow.clone().merge(wide.clone());
    assert_eq!(section(&written(&merged), "AccessToken").len(), 1);
    assert_eq!(section(&written(&merged), "SessionAccessToken").len(), 1);
    assert_eq!(written(&wide.merge(narrow)), written(&merged));
}

#[test]
fn tokens_isolated_by_their_request_stay_as_they_are_and_answer_no_plain_one() {
    let isolating = [
        ("credential_type", json!("ATExt")),
        ("credential_type", json!("atext")),
        ("credential_type", json!("AccessToken_With_AuthScheme")),
        ("token_type", json!("pop")),
        ("kid", json!("key")),
        ("key_id", json!("key")),
        ("keyid", json!("key")),
        ("ext_cache_key", json!("hash")),
        ("additionalCacheKeyComponents", json!({"fmi_path": "a"})),
        ("ext", json!({"fmi_path": "a"})),
    ];
    for (field, value) in isolating {
        let mut document: Value = serde_json::from_str(CACHES[1].1).unwrap();
        let (key, mut token) = document["AccessToken"]
            .as_object_mut()
            .unwrap()
            .shift_remove_entry(&format!(
                "{HOME}-{ALIAS}-accesstoken-{CLIENT}-{REALM}-mail.read openid profile user.read"
            ))
            .unwrap();
        token[field] = value;
        put(&mut document, "AccessToken", &key, &token);
        let mut cache = parse(&document);
        assert_eq!(find(&cache, &scopes("User.Read"), None), None, "{field}");
        cache.record(&grant(&scopes("User.Read"), "plain", None));
        assert_eq!(find(&cache, &scopes("User.Read"), None).as_deref(), Some("plain"), "{field}");
        let kept = written(&cache.clone().merge(cache));
        assert_eq!(kept["AccessToken"][&key], token, "{field}");
        assert_eq!(section(&kept, "AccessToken").len(), 2, "{field}");
    }
}

#[test]
fn a_family_is_null_empty_or_named_and_loses_no_token() {
    let token = |client: &str, family: Value| {
        json!({"home_account_id": HOME, "environment": CACHED_AS, "client_id": client, "secret": client,
            "credential_type": "RefreshToken", "family_id": family})
    };
    let document = json!({"RefreshToken": {"a": token("one", json!("1")), "b": token("two", json!("1")),
        "c": token("three", Value::Null), "d": token("four", json!(""))}});
    let cache = parse(&written(&parse(&document)));
    for client in ["one", "two", "three", "four"] {
        let found = cache.refresh_token(client).unwrap();
        assert_eq!(found.secret.expose_secret(), client);
    }
}

#[test]
fn times_are_read_in_every_shape_and_what_is_no_time_is_not_served() {
    let with_expiry = |expires_on: Value| {
        let mut document: Value = serde_json::from_str(CACHES[0].1).unwrap();
        for token in document["AccessToken"].as_object_mut().unwrap().values_mut() {
            token["expires_on"] = expires_on.clone();
        }
        parse(&document)
    };
    let wanted = scopes("User.Read");
    for good in [
        json!(NOW),
        json!(NOW.to_string()),
        json!(1_800_000_000.9),
        json!("1800000000.5"),
        json!(" 1800000000 "),
    ] {
        let cache = with_expiry(good.clone());
        let query = AccessTokenQuery { client_id: CLIENT, realm: REALM, scopes: &wanted, obtained_for: None };
        assert_eq!(cache.access_token(&query).unwrap().expires_on, NOW, "{good}");
        assert_eq!(only(&written(&cache), "AccessToken")["expires_on"], NOW.to_string(), "{good}");
    }
    // Milliseconds, or far beyond any token's life: at its word it would be preferred for ever.
    for bad in
        [json!(NOW * 1000), json!("soon"), json!(null), json!(true), json!(1e300), json!("inf"), json!("NaN")]
    {
        let cache = with_expiry(bad.clone());
        assert_eq!(find(&cache, &wanted, None), None, "{bad}");
        assert_eq!(only(&written(&cache), "AccessToken")["expires_on"], bad);
        assert!(section(&serde_json::from_slice(&cache.to_bytes_at(NOW)).unwrap(), "AccessToken").is_empty());
    }
}

#[test]
fn a_byte_order_mark_is_no_part_of_the_text() {
    let text = format!("\u{feff}{}", CACHES[0].1);
    assert!(read(&text) == read(CACHES[0].1));
}

#[test]
fn what_a_later_writer_leaves_blank_is_no_change() {
    let account = |username: Value, name: Value| {
        parse(&json!({"Account": {"k": {"home_account_id": HOME, "environment": ALIAS, "realm": REALM,
            "username": username, "name": name}}}))
    };
    let merged = account(json!("ana@lakeside.example"), json!("Ana")).merge(account(json!(""), Value::Null));
    let document = written(&merged);
    assert_eq!(only(&document, "Account")["username"], "ana@lakeside.example");
    assert_eq!(only(&document, "Account")["name"], "Ana");
}

#[test]
fn a_guest_has_an_account_in_each_tenant_and_one_refresh_token() {
    const VISITED: &str = "cccccccc-cccc-4ccc-8ccc-cccccccccccc";
    let mut cache = read(CACHES[2].1);
    cache.record(&TokenGrant {
        realm: VISITED,
        local_account_id: "dddddddd-dddd-4ddd-8ddd-dddddddddddd",
        ..grant(&scopes("User.Read"), "visited", Some("guest-refresh"))
    });
    let document = written(&cache);
    assert_eq!(section(&document, "Account").len(), 2);
    assert_eq!(section(&document, "IdToken").len(), 2);
    assert_eq!(section(&document, "AccessToken").len(), 2);
    assert_eq!(only(&document, "RefreshToken")["secret"], "guest-refresh");
    assert_eq!(find(&cache, &scopes("User.Read"), None).as_deref(), Some("node-access"));
    let wanted = scopes("User.Read");
    let there = AccessTokenQuery { client_id: CLIENT, realm: VISITED, scopes: &wanted, obtained_for: None };
    assert_eq!(cache.access_token(&there).unwrap().secret.expose_secret(), "visited");
}
