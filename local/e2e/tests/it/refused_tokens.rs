//! Bearer tokens that do not count. Each is refused with its own code, and leaves nothing behind.

use crate::lab::{ADELE, Lab};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_emulator::{API_CLIENT_ID, API_CLIENT_SECRET, OTHER_SPA_CLIENT_ID, PARTNER_TENANT_ID, TENANT_ID};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use serde_json::{Value, json};

/// The API refuses the token everywhere, asks Entra to trade nothing in, and keeps nothing.
pub(crate) async fn assert_refused(lab: &Lab, token: &str, status: u16, code: &str) {
    lab.take_requests();
    for (method, path) in [
        (Method::GET, "/api/profile"),
        (Method::GET, "/api/background-access"),
        (Method::DELETE, "/api/background-access"),
    ] {
        let answer = lab.call(method, path, token).await;
        answer.assert_problem(status, code);
        if status == 401 {
            let challenge = answer.headers[WWW_AUTHENTICATE].to_str().unwrap();
            assert!(challenge.starts_with("Bearer"), "{challenge}");
        }
        assert!(!answer.body.to_string().contains(token), "the token is not sent back");
    }
    assert_eq!(lab.take_requests(), (0, 0));
    // Keys that were published are kept, whoever asked for them.
    let items = lab.items().await;
    let of_users = items.iter().filter(|item| !item["pk"].as_s().unwrap().starts_with("KEYS#"));
    assert_eq!(of_users.count(), 0);
}

/// The claims of a token, and its header, for tokens that are almost right.
pub(crate) fn parts(token: &str) -> (Value, Value) {
    let part = |number: usize| {
        let text = token.split('.').nth(number).unwrap();
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    };
    (part(0), part(1))
}

fn encoded(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

#[tokio::test]
async fn no_token_at_all() {
    let lab = Lab::start().await;
    for authorization in [None, Some("Basic dXNlcjpwYXNz"), Some("")] {
        let mut request = lab.request(Method::GET, "/api/profile");
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let answer = lab.send(request).await;
        assert_eq!(answer.status, 401, "{authorization:?}: {answer:?}");
        assert!(answer.headers.contains_key(WWW_AUTHENTICATE));
    }
    lab.send(lab.request(Method::GET, "/api/profile")).await.assert_problem(401, "missing_token");
    assert!(lab.items().await.is_empty());
}

#[tokio::test]
async fn malformed_tokens() {
    let lab = Lab::start().await;
    for token in ["x", "a.b.c", "....", "eyJhbGciOiJSUzI1NiJ9.e30.c2ln.more"] {
        let answer = lab.call(Method::GET, "/api/profile", token).await;
        assert_eq!(answer.status, 401, "{token}: {answer:?}");
    }
    assert_refused(&lab, "not-a-token", 401, "malformed_token").await;
    let huge = "x".repeat(20 * 1024);
    let answer = lab.call(Method::GET, "/api/profile", &huge).await;
    answer.assert_problem(401, "token_too_large");
}

#[tokio::test]
async fn an_expired_token() {
    let lab = Lab::start().await;
    let adele = lab.sign_in(ADELE).await;
    lab.pass(3600 + 600);
    assert_refused(&lab, &adele.access_token, 401, "token_expired").await;
}

#[tokio::test]
async fn a_token_for_another_api() {
    let lab = Lab::start().await;
    let graph = lab.visitor.clone().with_scopes(&["https://graph.microsoft.com/User.Read"]);
    let token = graph.sign_in(ADELE).await.unwrap().access_token;
    // Nobody but Graph can check the signature of a token for Graph.
    assert_refused(&lab, &token, 401, "bad_signature").await;
    // An id token is for the page, and permits nothing.
    let id_token = lab.sign_in(ADELE).await.id_token;
    assert_refused(&lab, &id_token, 401, "id_token").await;
}

/// The registration may have an App ID URI of its own, which is the audience of tokens of version 1.0.
#[tokio::test]
async fn a_version_1_token_under_another_app_id_uri_than_the_settings_name() {
    const OWN: &str = "api://lakeside.example/profile";
    let usual = format!("api://{API_CLIENT_ID}");
    for (variables, ours, other) in
        [(vec![], usual.as_str(), OWN), (vec![("ENTRA_APP_ID_URI", OWN)], OWN, usual.as_str())]
    {
        let lab = Lab::with(&variables).await;
        let (header, mut claims) = parts(&lab.sign_in(ADELE).await.access_token);
        claims["ver"] = json!("1.0");
        claims["iss"] = json!(claims["iss"].as_str().unwrap().replace("/v2.0", "/"));
        claims["appid"] = claims["azp"].take();
        claims["aud"] = json!(other);
        assert_refused(&lab, &signed(&lab, &header, &claims), 401, "wrong_audience").await;
        claims["aud"] = json!(ours);
        let access = lab.call(Method::GET, "/api/background-access", &signed(&lab, &header, &claims)).await;
        access.assert_ok();
    }
}

#[tokio::test]
async fn a_token_of_an_authority_that_is_not_ours() {
    let lab = Lab::start().await;
    let other = Lab::start().await;
    let token = other.sign_in(ADELE).await.access_token;
    assert_refused(&lab, &token, 401, "unknown_signing_key").await;
}

/// A genuine signature under other claims: the emulator's own key, from its state file.
pub(crate) fn signed(lab: &Lab, header: &Value, claims: &Value) -> String {
    let state = std::fs::read_to_string(lab.stack.data_folder().join("entra.json")).unwrap();
    let state: Value = serde_json::from_str(&state).unwrap();
    let key = state["signing_keys"][0]["pkcs8"].as_str().unwrap().as_bytes();
    let lines: Vec<&str> = key.chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
    let mut genuine = Header::new(Algorithm::RS256);
    genuine.kid = header["kid"].as_str().map(str::to_owned);
    jsonwebtoken::encode(&genuine, claims, &EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()).unwrap()
}

#[tokio::test]
async fn genuine_signatures_under_claims_that_do_not_fit() {
    let lab = Lab::start().await;
    let (header, claims) = parts(&lab.sign_in(ADELE).await.access_token);
    let now = claims["iat"].as_i64().unwrap();
    let cases = [
        ("aud", json!("00000003-0000-0000-c000-000000000000"), 401, "wrong_audience"),
        ("iss", json!("https://login.microsoftonline.com/common/v2.0"), 401, "wrong_issuer"),
        ("iss", json!(null), 401, "missing_claim"),
        ("exp", json!(now - 600), 401, "token_expired"),
        ("exp", json!("never"), 401, "missing_claim"),
        ("nbf", json!(now + 3600), 401, "token_not_yet_valid"),
        ("ver", json!("3.0"), 401, "unsupported_version"),
        ("oid", json!("adele"), 401, "missing_claim"),
        ("azp", json!(OTHER_SPA_CLIENT_ID), 403, "client_not_allowed"),
        ("scp", json!(null), 401, "missing_claim"),
        ("idtyp", json!("app"), 403, "app_only_token"),
    ];
    for (claim, value, status, code) in cases {
        let mut changed = claims.clone();
        changed[claim] = value;
        let answer = lab.call(Method::GET, "/api/profile", &signed(&lab, &header, &changed)).await;
        assert_eq!((answer.status, &answer.body["code"]), (status, &json!(code)), "{claim}: {answer:?}");
        assert!(lab.items().await.is_empty(), "{claim}");
    }
    // The same way of signing makes a token that is taken, or the refusals above would prove nothing.
    lab.call(Method::GET, "/api/profile", &signed(&lab, &header, &claims)).await.assert_ok();
}

#[tokio::test]
async fn a_token_of_another_tenant() {
    let lab = Lab::start().await;
    let emulator = lab.stack.addresses().emulator.clone().unwrap();
    let visitor = lab.visitor.clone().with_authority(&emulator, PARTNER_TENANT_ID);
    let token = visitor.sign_in("noor@harbour.example").await.unwrap().access_token;
    assert_refused(&lab, &token, 403, "tenant_not_allowed").await;
}

#[tokio::test]
async fn a_token_of_another_application() {
    let lab = Lab::start().await;
    let token =
        lab.visitor.clone().with_client(OTHER_SPA_CLIENT_ID).sign_in(ADELE).await.unwrap().access_token;
    assert_refused(&lab, &token, 403, "client_not_allowed").await;
}

#[tokio::test]
async fn an_applications_own_token() {
    let lab = Lab::start().await;
    let url = format!("{}/{TENANT_ID}/oauth2/v2.0/token", lab.stack.addresses().emulator.as_ref().unwrap());
    let scope = format!("api://{API_CLIENT_ID}/.default");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", API_CLIENT_ID),
        ("client_secret", API_CLIENT_SECRET),
        ("scope", &scope),
    ];
    let answer: Value = lab.visitor.http().post(url).form(&form).send().await.unwrap().json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap_or_else(|| panic!("{answer}"));
    // Its own application is not one that may call; what counts is that it is refused for good.
    lab.take_requests();
    let answer = lab.call(Method::GET, "/api/profile", token).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    assert!(
        ["app_only_token", "client_not_allowed"].contains(&answer.body["code"].as_str().unwrap()),
        "{answer:?}"
    );
    assert_eq!(lab.take_requests(), (0, 0));

    let open = Lab::with(&[("ENTRA_ALLOWED_CLIENTS", "*")]).await;
    let url = format!("{}/{TENANT_ID}/oauth2/v2.0/token", open.stack.addresses().emulator.as_ref().unwrap());
    let answer: Value = open.visitor.http().post(url).form(&form).send().await.unwrap().json().await.unwrap();
    assert_refused(&open, answer["access_token"].as_str().unwrap(), 403, "app_only_token").await;
}

#[tokio::test]
async fn tokens_without_a_signature_or_with_a_shared_secret() {
    let lab = Lab::start().await;
    let (header, claims) = parts(&lab.sign_in(ADELE).await.access_token);
    for algorithm in ["none", "None", "HS256"] {
        let mut unsigned = header.clone();
        unsigned["alg"] = json!(algorithm);
        for signature in ["", "c2lnbmF0dXJl"] {
            let token = format!("{}.{}.{signature}", encoded(&unsigned), encoded(&claims));
            let answer = lab.call(Method::GET, "/api/profile", &token).await;
            assert_eq!(answer.status, 401, "{algorithm}: {answer:?}");
        }
    }
    // Signed with what everybody knows of the key: the classic confusion of public keys and shared secrets.
    let keys =
        format!("{}/{TENANT_ID}/discovery/v2.0/keys", lab.stack.addresses().emulator.as_ref().unwrap());
    let keys: Value = lab.visitor.http().get(keys).send().await.unwrap().json().await.unwrap();
    let modulus = keys["keys"][0]["n"].as_str().unwrap();
    let mut forged = Header::new(Algorithm::HS256);
    forged.kid = header["kid"].as_str().map(str::to_owned);
    let token =
        jsonwebtoken::encode(&forged, &claims, &EncodingKey::from_secret(modulus.as_bytes())).unwrap();
    assert_refused(&lab, &token, 401, "unsupported_algorithm").await;
}

#[tokio::test]
async fn tokens_that_were_changed_after_signing() {
    let lab = Lab::start().await;
    let token = lab.sign_in(ADELE).await.access_token;
    let (_, mut claims) = parts(&token);
    claims["oid"] = json!("1d3a5c7e-0b2d-4f6a-8c1e-3b5d7f9a1c02");
    let mut pieces: Vec<String> = token.split('.').map(str::to_owned).collect();
    pieces[1] = encoded(&claims);
    assert_refused(&lab, &pieces.join("."), 401, "bad_signature").await;
}

#[tokio::test]
async fn a_token_without_the_permission_to_change_anything() {
    let lab = Lab::start().await;
    let scope = format!("api://{API_CLIENT_ID}/Profile.Read");
    let reader = lab.visitor.clone().with_scopes(&[&scope]).sign_in(ADELE).await.unwrap();
    lab.profile(&reader).await.assert_ok();
    let answer = lab.call(Method::DELETE, "/api/background-access", &reader.access_token).await;
    answer.assert_problem(403, "insufficient_scope");
    let challenge = answer.headers[WWW_AUTHENTICATE].to_str().unwrap();
    assert!(
        challenge.contains("insufficient_scope") && challenge.contains("Profile.ReadWrite"),
        "{challenge}"
    );
    assert_eq!(lab.items_of_kind("TOKENS").await.len(), 1, "nothing was erased");
}
