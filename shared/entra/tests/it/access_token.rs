//! One test per way in which a token can be wrong, each on a token that is right in every other way.

use crate::support::{CLIENT, FIRST_KEY, FakeEntra, SECOND_KEY, TENANT, Token, authority, policy};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::caller::{CallerAuthenticator as _, Refusal};
use domain::identity::{ClientId, TenantId};
use entra::{AccessPolicy, Allowed, TokenRefused, TokenVersion};
use serde_json::{Value, json};
use test_support::sample;
use time::Duration;

/// The outcome for a token that was changed from a good one: `ok`, or the refusal's code.
async fn outcome(change: impl FnOnce(Token) -> Token) -> &'static str {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let token = change(Token::v2(&entra.authority));
    code(entra.validator().validate(Some(&token.bearer())).await)
}

fn code<T>(result: Result<T, TokenRefused>) -> &'static str {
    result.map_or_else(|refused| refused.code(), |_| "ok")
}

#[tokio::test]
async fn a_good_v2_token_makes_a_caller() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let token = Token::v2(&entra.authority).sign(&FIRST_KEY);
    let caller = entra.validator().validate(Some(&format!("Bearer {token}"))).await.unwrap();
    assert_eq!(caller.account, sample::account(1));
    assert_eq!((caller.tenant_id, caller.object_id), (TENANT, sample::account(1).object_id));
    assert_eq!(caller.client_id, sample::SPA_CLIENT);
    assert_eq!(caller.scopes.to_string(), "Profile.Read Profile.ReadWrite");
    assert_eq!(caller.user_principal_name, Some(sample::user_principal_name(1)));
    assert_eq!(caller.assertion.expose(), token);
    assert_eq!((caller.issued_at, caller.expires_at), (sample::NOW, sample::NOW + Duration::hours(1)));
    assert!(!format!("{caller:?}").contains(&token));
}

#[tokio::test]
async fn a_good_v1_token_makes_the_same_caller() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let caller = entra.validator().validate(Some(&Token::v1(&entra.authority).bearer())).await.unwrap();
    assert_eq!((caller.account, caller.client_id), (sample::account(1), sample::SPA_CLIENT));
    assert_eq!(caller.user_principal_name, Some(sample::user_principal_name(1)));
}

#[tokio::test]
async fn a_token_without_a_name_still_makes_a_caller() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let token = Token::v2(&entra.authority).without("preferred_username").without("name");
    let caller = entra.validator().validate(Some(&token.bearer())).await.unwrap();
    assert_eq!(caller.user_principal_name, None);
}

#[tokio::test]
async fn missing_and_unreadable_headers_ask_for_no_keys() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let validator = entra.validator();
    assert_eq!(code(validator.validate(None).await), "missing_token");
    assert_eq!(code(validator.validate(Some("Basic dTpw")).await), "missing_token");
    assert_eq!(code(validator.validate(Some("Bearer nonsense")).await), "malformed_token");
    assert_eq!(entra.requests().await.len(), 0);
}

#[tokio::test]
async fn an_unsigned_token_is_refused() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let claims = Value::Object(Token::v2(&entra.authority).claims).to_string();
    let header = json!({"typ": "JWT", "alg": "none", "kid": FIRST_KEY.key_id}).to_string();
    let [header, claims] = [header, claims].map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let refused = entra.validator().validate(Some(&format!("Bearer {header}.{claims}."))).await;
    assert_eq!(code(refused), "unsupported_algorithm");
}

#[tokio::test]
async fn a_token_signed_with_the_public_key_as_a_shared_secret_is_refused() {
    // The classic confusion: HS256 with the published modulus as the key. The algorithm alone rules it out.
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let modulus = FIRST_KEY.jwk()["n"].as_str().unwrap().to_owned();
    let mut header = jsonwebtoken::Header::new(jsonwebtoken::Algorithm::HS256);
    header.kid = Some(FIRST_KEY.key_id.to_owned());
    let key = jsonwebtoken::EncodingKey::from_secret(modulus.as_bytes());
    let token = jsonwebtoken::encode(&header, &Token::v2(&entra.authority).claims, &key).unwrap();
    assert_eq!(
        code(entra.validator().validate(Some(&format!("Bearer {token}"))).await),
        "unsupported_algorithm"
    );
}

#[tokio::test]
async fn a_token_of_an_unpublished_key_is_refused() {
    assert_eq!(outcome(|token| token.key_id("someone else's")).await, "unknown_signing_key");
}

#[tokio::test]
async fn a_token_signed_by_another_key_under_a_known_id_is_refused() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let forged = Token::v2(&entra.authority).sign(&SECOND_KEY);
    assert_eq!(code(entra.validator().validate(Some(&format!("Bearer {forged}"))).await), "bad_signature");
}

#[tokio::test]
async fn a_changed_payload_breaks_the_signature() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let good = Token::v2(&entra.authority);
    let other = Token::v2(&entra.authority).with("oid", sample::account(2).object_id.to_string());
    let (good, other) = (good.sign(&FIRST_KEY), other.sign(&FIRST_KEY));
    let (good, other): (Vec<_>, Vec<_>) = (good.split('.').collect(), other.split('.').collect());
    let spliced = format!("Bearer {}.{}.{}", good[0], other[1], good[2]);
    assert_eq!(code(entra.validator().validate(Some(&spliced)).await), "bad_signature");
}

#[tokio::test]
async fn a_signed_payload_with_a_claim_twice_is_refused() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let token = Token::v2(&entra.authority);
    let payload = Value::Object(token.claims.clone()).to_string();
    let second = sample::account(2).object_id;
    for extra in [format!(r#"{{"oid":"{second}","#), format!(r#"{{"OID":"{second}","#)] {
        let ambiguous = payload.replacen('{', &extra, 1);
        let bearer = format!("Bearer {}", FIRST_KEY.sign(&token.header.to_string(), &ambiguous));
        assert_eq!(code(entra.validator().validate(Some(&bearer)).await), "duplicate_claim", "{extra}");
    }
}

#[tokio::test]
async fn a_signed_payload_that_is_no_object_is_refused() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let header = Token::v2(&entra.authority).header.to_string();
    for payload in ["[]", "7", "null", "{", "\u{fffd}"] {
        let bearer = format!("Bearer {}", FIRST_KEY.sign(&header, payload));
        assert_eq!(code(entra.validator().validate(Some(&bearer)).await), "malformed_token", "{payload}");
    }
}

#[tokio::test]
async fn a_token_is_good_until_a_minute_after_its_end_and_no_longer() {
    let now = sample::NOW.unix_timestamp();
    assert_eq!(outcome(|token| token.with("exp", now - 59)).await, "ok");
    assert_eq!(outcome(|token| token.with("exp", now - 60)).await, "token_expired");
}

#[tokio::test]
async fn a_token_is_good_from_a_minute_before_its_start_and_no_sooner() {
    let now = sample::NOW.unix_timestamp();
    assert_eq!(outcome(|token| token.with("nbf", now + 60)).await, "ok");
    assert_eq!(outcome(|token| token.with("nbf", now + 61)).await, "token_not_yet_valid");
}

#[tokio::test]
async fn times_out_of_any_range_are_refused_and_crash_nothing() {
    for time in
        [json!(i64::MAX), json!(u64::MAX), json!(253_402_300_799_i64), json!(-1), json!("1"), json!(1.5)]
    {
        for claim in ["exp", "nbf", "iat"] {
            let code = outcome(|token| token.with(claim, time.clone())).await;
            assert_eq!(code, "missing_claim", "{claim} {time}");
        }
    }
}

#[tokio::test]
async fn a_token_for_another_api_is_refused() {
    for audience in [
        json!("00000003-0000-0000-c000-000000000000"),
        json!("https://graph.microsoft.com"),
        json!(sample::SPA_CLIENT.to_string()),
        // The form of the other version is not ours either.
        json!(format!("api://{CLIENT}")),
        json!(format!("{CLIENT}/")),
    ] {
        assert_eq!(
            outcome(|token| token.with("aud", audience.clone())).await,
            "wrong_audience",
            "{audience}"
        );
    }
    assert_eq!(outcome(|token| token.with("aud", json!([CLIENT.to_string()]))).await, "missing_claim");
}

#[tokio::test]
async fn a_v1_token_is_for_us_by_our_app_id_uri_only() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let own_uri = AccessPolicy { app_id_uri: Some("https://lakeside.example/api".to_owned()), ..policy() };
    for (audience, policy, expected) in [
        (CLIENT.to_string(), policy(), "wrong_audience"),
        (format!("api://{CLIENT}"), own_uri.clone(), "wrong_audience"),
        ("https://lakeside.example/api".to_owned(), own_uri, "ok"),
        ("https://lakeside.example/api".to_owned(), policy(), "wrong_audience"),
    ] {
        let bearer = Token::v1(&entra.authority).with("aud", audience.clone()).bearer();
        let validator = entra.validator_with(entra.authority.clone(), policy);
        assert_eq!(code(validator.validate(Some(&bearer)).await), expected, "{audience}");
    }
}

#[tokio::test]
async fn a_token_of_another_issuer_is_refused() {
    let other_tenant = "0a0b0c0d-1111-4222-8333-444455556666";
    for issuer in [
        format!("https://login.microsoftonline.com/{TENANT}/v2.0"),
        format!("https://sts.windows.net/{TENANT}/"),
        "https://evil.example".to_owned(),
    ] {
        assert_eq!(outcome(|token| token.with("iss", issuer.clone())).await, "wrong_issuer", "{issuer}");
    }
    // Issuer and tenant must belong together, and so must issuer and version.
    assert_eq!(outcome(|token| token.with("tid", other_tenant)).await, "wrong_issuer");
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let v1_issuer = entra.authority.issuer(TokenVersion::V1, TENANT);
    let mixed = Token::v2(&entra.authority).with("iss", v1_issuer).bearer();
    assert_eq!(code(entra.validator().validate(Some(&mixed)).await), "wrong_issuer");
}

#[tokio::test]
async fn what_entra_would_never_issue_is_refused() {
    let later = (sample::NOW + Duration::minutes(2)).unix_timestamp();
    assert_eq!(outcome(|token| token.with("iat", later)).await, "token_not_yet_valid");
    for subject in [json!(null), json!(""), json!(7), json!(["subject"])] {
        assert_eq!(outcome(|token| token.with("sub", subject.clone())).await, "missing_claim", "{subject}");
    }
    assert_eq!(outcome(|token| token.without("sub")).await, "missing_claim");
    let nobody = "00000000-0000-0000-0000-000000000000";
    for claim in ["oid", "tid", "azp"] {
        assert_eq!(outcome(|token| token.with(claim, nobody)).await, "missing_claim", "{claim}");
    }
    // The reader of claims is ours for all of them, lists and objects included.
    for claim in ["exp", "nbf", "iat", "iss", "aud"] {
        for value in [json!([1]), json!({}), json!(["a"])] {
            assert_eq!(outcome(|token| token.with(claim, value.clone())).await, "missing_claim", "{claim}");
        }
    }
}

#[tokio::test]
async fn the_users_of_a_tenant_that_is_not_listed_are_refused() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let other: TenantId = "0a0b0c0d-1111-4222-8333-444455556666".parse().unwrap();
    let bearer = Token::v2(&entra.authority)
        .with("tid", other.to_string())
        .with("iss", entra.authority.issuer(TokenVersion::V2, other))
        .bearer();
    assert_eq!(code(entra.validator().validate(Some(&bearer)).await), "tenant_not_allowed");
    for tenants in [Allowed::Any, Allowed::Only([other].into())] {
        let validator = entra.validator_with(entra.authority.clone(), AccessPolicy { tenants, ..policy() });
        assert_eq!(code(validator.validate(Some(&bearer)).await), "ok");
    }
}

#[tokio::test]
async fn an_application_that_is_not_listed_is_refused() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let other: ClientId = "0a0b0c0d-1111-4222-8333-444455556666".parse().unwrap();
    for bearer in [
        Token::v2(&entra.authority).with("azp", other.to_string()).bearer(),
        Token::v1(&entra.authority).with("appid", other.to_string()).bearer(),
    ] {
        assert_eq!(code(entra.validator().validate(Some(&bearer)).await), "client_not_allowed");
        let any = AccessPolicy { clients: Allowed::Any, ..policy() };
        let validator = entra.validator_with(entra.authority.clone(), any);
        assert_eq!(code(validator.validate(Some(&bearer)).await), "ok");
    }
}

#[tokio::test]
async fn the_client_of_the_other_token_version_does_not_count() {
    let other = "0a0b0c0d-1111-4222-8333-444455556666";
    let listed = sample::SPA_CLIENT.to_string();
    assert_eq!(
        outcome(|token| token.with("azp", other).with("appid", listed.clone())).await,
        "client_not_allowed"
    );
    assert_eq!(outcome(|token| token.without("azp").with("appid", listed.clone())).await, "missing_claim");
}

#[tokio::test]
async fn an_applications_own_token_is_refused() {
    let service_principal = sample::account(1).object_id.to_string();
    let app_only = |token: Token| token.without("scp").with("roles", json!(["Profile.Read.All"]));
    assert_eq!(
        outcome(|token| app_only(token).with("sub", service_principal.clone())).await,
        "app_only_token"
    );
    assert_eq!(outcome(|token| app_only(token).with("idtyp", "app")).await, "app_only_token");
    assert_eq!(outcome(|token| token.with("idtyp", "app")).await, "app_only_token");
    assert_eq!(outcome(|token| token.with("idtyp", "user")).await, "ok");
    // A service principal from elsewhere has no object in the tenant.
    assert_eq!(outcome(|token| app_only(token).without("oid")).await, "app_only_token");
    assert_eq!(outcome(app_only).await, "app_only_token");
    for kind in [json!("device"), json!(["app"]), json!("App"), json!(null)] {
        assert_eq!(outcome(|token| token.with("idtyp", kind.clone())).await, "app_only_token", "{kind}");
    }
}

#[tokio::test]
async fn an_id_token_is_refused() {
    assert_eq!(outcome(|token| token.without("scp").without("azp")).await, "id_token");
    assert_eq!(outcome(|token| token.without("scp").with("nonce", "n")).await, "id_token");
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let first_version = Token::v1(&entra.authority).without("scp").without("appid").without("appidacr");
    assert_eq!(code(entra.validator().validate(Some(&first_version.bearer())).await), "id_token");
}

#[tokio::test]
async fn a_users_token_without_any_permission_is_refused() {
    assert_eq!(outcome(|token| token.without("scp")).await, "missing_claim");
    assert_eq!(outcome(|token| token.with("scp", "  ")).await, "missing_claim");
    assert_eq!(outcome(|token| token.with("scp", json!(["Profile.Read"]))).await, "missing_claim");
}

#[tokio::test]
async fn a_name_longer_than_any_real_one_is_refused() {
    let name = |bytes: usize| format!("{}@lakeside.example", "u".repeat(bytes - "@lakeside.example".len()));
    assert_eq!(outcome(|token| token.with("preferred_username", name(1024))).await, "ok");
    assert_eq!(outcome(|token| token.with("preferred_username", name(1025))).await, "claim_too_large");
}

#[tokio::test]
async fn every_needed_claim_is_needed_and_of_the_right_form() {
    for claim in ["ver", "aud", "iss", "tid", "oid", "azp", "scp", "iat", "nbf", "exp"] {
        assert_eq!(outcome(|token| token.without(claim)).await, "missing_claim", "without {claim}");
        assert_eq!(outcome(|token| token.with(claim, "")).await, "missing_claim", "{claim} empty");
        assert_eq!(
            outcome(|token| token.with(claim, json!({}))).await,
            "missing_claim",
            "{claim} of another type"
        );
    }
    for claim in ["tid", "oid", "azp"] {
        for value in
            ["not a GUID", "{0a0b0c0d-1111-4222-8333-444455556666}", "0a0b0c0d111142228333444455556666"]
        {
            assert_eq!(outcome(|token| token.with(claim, value)).await, "missing_claim", "{claim} {value}");
        }
    }
}

#[tokio::test]
async fn a_version_that_is_not_known_is_refused() {
    for version in ["3.0", "2", "v2.0"] {
        assert_eq!(outcome(|token| token.with("ver", version)).await, "unsupported_version", "{version}");
    }
}

#[tokio::test]
async fn a_key_of_another_issuer_signs_nothing_for_us() {
    let entra = FakeEntra::start().await;
    let bearer = Token::v2(&entra.authority).bearer();
    let base = entra.server.uri();
    for (issuer, expected) in [
        (format!("{base}/{{tenantid}}/v2.0"), "ok"),
        (format!("{base}/{TENANT}/v2.0"), "ok"),
        (format!("{base}/{{tenantid}}/"), "ok"),
        (format!("{base}/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0"), "wrong_key_issuer"),
        ("https://login.microsoftonline.com/{tenantid}/v2.0".to_owned(), "wrong_key_issuer"),
        (String::new(), "wrong_key_issuer"),
    ] {
        let mut key = FIRST_KEY.jwk();
        key["issuer"] = json!(issuer);
        entra.publish_keys(&[key]).await;
        assert_eq!(code(entra.validator().validate(Some(&bearer)).await), expected, "{issuer}");
    }
}

#[tokio::test]
async fn keys_of_another_cloud_sign_nothing_for_us() {
    let entra = FakeEntra::start().await;
    for (host, cloud, expected) in [
        ("https://login.microsoftonline.com", "microsoftonline.com", "ok"),
        ("https://login.microsoftonline.com", "microsoftonline.us", "wrong_key_issuer"),
        ("https://login.microsoftonline.us", "microsoftonline.us", "ok"),
        ("https://login.partner.microsoftonline.cn", "microsoftonline.com", "wrong_key_issuer"),
    ] {
        let authority = authority(host);
        let mut key = FIRST_KEY.jwk();
        key["cloud_instance_name"] = json!(cloud);
        key["issuer"] = json!(authority.issuer(TokenVersion::V2, TENANT));
        entra.publish_keys(&[key]).await;
        for token in [Token::v2(&authority), Token::v1(&authority)] {
            let validator = entra.validator_with(authority.clone(), policy());
            assert_eq!(code(validator.validate(Some(&token.bearer())).await), expected, "{host} {cloud}");
        }
    }
}

#[tokio::test]
async fn of_two_keys_with_one_id_the_one_that_signed_counts() {
    let entra = FakeEntra::start().await;
    let mut other = SECOND_KEY.jwk();
    other["kid"] = json!(FIRST_KEY.key_id);
    entra.publish_keys(&[other, FIRST_KEY.jwk()]).await;
    let token = Token::v2(&entra.authority);
    assert_eq!(code(entra.validator().validate(Some(&token.bearer())).await), "ok");
}

#[tokio::test]
async fn refusals_are_told_apart_for_the_answer() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let validator = entra.validator();
    assert!(matches!(validator.authenticate(None).await, Err(Refusal::Missing)));

    let expired = Token::v2(&entra.authority).with("exp", sample::NOW.unix_timestamp() - 3600).bearer();
    let refusal = validator.authenticate(Some(&expired)).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Invalid { code: "token_expired", .. }), "{refusal:?}");

    let app_only = Token::v2(&entra.authority).with("idtyp", "app").bearer();
    let refusal = validator.authenticate(Some(&app_only)).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Forbidden { code: "app_only_token", .. }), "{refusal:?}");

    entra.publish(wiremock::ResponseTemplate::new(500)).await;
    let refusal = entra.validator().authenticate(Some(&expired)).await.unwrap_err();
    assert!(matches!(refusal, Refusal::KeysUnavailable { source: Some(_) }), "{refusal:?}");
}

#[tokio::test]
async fn a_key_that_is_published_for_two_issuers_signs_for_either() {
    let entra = FakeEntra::start().await;
    let for_issuer = |issuer: &str| {
        let mut jwk = FIRST_KEY.jwk();
        jwk["issuer"] = json!(issuer);
        jwk
    };
    let ours = for_issuer(&entra.authority.issuer(TokenVersion::V2, TENANT));
    let other = for_issuer("https://sts.lakeside.example/{tenantid}/v2.0");
    let token = Token::v2(&entra.authority).bearer();
    for (keys, expected) in [
        ([ours.clone(), other.clone()], "ok"),
        ([other.clone(), ours], "ok"),
        ([other.clone(), other], "wrong_key_issuer"),
    ] {
        entra.publish_keys(&keys).await;
        assert_eq!(code(entra.validator().validate(Some(&token)).await), expected, "{keys:?}");
    }
}

#[tokio::test]
async fn a_token_that_was_good_expires_all_the_same() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let (validator, token) = (entra.validator(), Token::v2(&entra.authority).bearer());
    for _ in 0..2 {
        assert_eq!(code(validator.validate(Some(&token)).await), "ok");
    }
    entra.clock.advance(Duration::hours(1) + Duration::seconds(60));
    assert_eq!(code(validator.validate(Some(&token)).await), "token_expired");
    entra.clock.advance(-Duration::hours(3));
    assert_eq!(code(validator.validate(Some(&token)).await), "token_not_yet_valid");
}

#[tokio::test]
async fn a_token_that_was_good_is_refused_once_its_key_is_withdrawn() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let validator = entra.validator();
    // A token that lives for long, so that it is the key that counts.
    let expires_at = (sample::NOW + Duration::days(2)).unix_timestamp();
    let token = Token::v2(&entra.authority).with("exp", expires_at).bearer();
    for _ in 0..2 {
        assert_eq!(code(validator.validate(Some(&token)).await), "ok");
    }
    // Another key under the same id, as an attacker's would be after Entra has withdrawn a stolen one.
    let mut other = SECOND_KEY.jwk();
    other["kid"] = json!(FIRST_KEY.key_id);
    entra.publish_keys(&[other]).await;
    assert_eq!(code(validator.validate(Some(&token)).await), "ok", "nothing was fetched yet");
    entra.clock.advance(Duration::hours(12));
    validator.keep_current().await;
    assert_eq!(code(validator.validate(Some(&token)).await), "bad_signature");
    entra.publish_keys(&[SECOND_KEY.jwk()]).await;
    entra.clock.advance(Duration::hours(12));
    validator.keep_current().await;
    assert_eq!(code(validator.validate(Some(&token)).await), "unknown_signing_key");
}

#[tokio::test]
async fn a_token_that_was_good_vouches_for_no_other_that_says_the_same() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let validator = entra.validator();
    let token = Token::v2(&entra.authority);
    assert_eq!(code(validator.validate(Some(&token.bearer())).await), "ok");
    let forged = format!("Bearer {}", token.sign(&SECOND_KEY));
    assert_eq!(code(validator.validate(Some(&forged)).await), "bad_signature");
}

#[tokio::test]
async fn a_token_that_was_refused_is_refused_again() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let validator = entra.validator();
    let token = Token::v2(&entra.authority).with("aud", "somebody else").bearer();
    for _ in 0..2 {
        assert_eq!(code(validator.validate(Some(&token)).await), "wrong_audience");
    }
    assert_eq!(validator.remembered(), 0);
}

#[tokio::test]
async fn a_token_that_is_forgotten_is_validated_anew_and_still_good() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let (validator, token) = (entra.validator(), Token::v2(&entra.authority).bearer());
    assert_eq!(code(validator.validate(Some(&token)).await), "ok");
    assert_eq!(validator.remembered(), 1);
    validator.forget(&sample::account(2));
    assert_eq!(validator.remembered(), 1, "somebody else's stays");
    validator.forget(&sample::account(1));
    assert_eq!(validator.remembered(), 0);
    assert_eq!(code(validator.validate(Some(&token)).await), "ok");
}
