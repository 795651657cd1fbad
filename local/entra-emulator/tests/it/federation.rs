//! The AWS account of the local workload, and its roles' tokens as the proof of an application.

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_emulator::{API_CLIENT_ID, API_ROLE_ARN, FederatedCredential};
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

use crate::certificates::prove;
use crate::lab::{Lab, claims};

const AUDIENCE: &str = "api://AzureADTokenExchange";

/// As the AWS SDK sends it, but that nothing signs it.
async fn ask(lab: &Lab, key_id: Option<&str>, form: &[(&str, &str)]) -> (u16, String) {
    let mut request = lab.http.post(format!("{}/", lab.emulator.sts_url())).form(form);
    if let Some(key_id) = key_id {
        let scope = format!("{key_id}/20261122/eu-north-1/sts/aws4_request");
        let signed = "SignedHeaders=host;x-amz-date, Signature=0123456789abcdef";
        request = request.header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, {signed}"));
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/xml");
    (response.status().as_u16(), response.text().await.unwrap())
}

const GOOD: [(&str, &str); 5] = [
    ("Action", "GetWebIdentityToken"),
    ("Version", "2011-06-15"),
    ("Audience.member.1", AUDIENCE),
    ("SigningAlgorithm", "RS256"),
    ("DurationSeconds", "300"),
];

fn element<'x>(xml: &'x str, name: &str) -> &'x str {
    let (_, rest) = xml.split_once(&format!("<{name}>")).unwrap_or_else(|| panic!("no {name} in {xml}"));
    rest.split_once(&format!("</{name}>")).unwrap().0
}

async fn token_of(lab: &Lab, key_id: &str) -> String {
    let (status, xml) = ask(lab, Some(key_id), &GOOD).await;
    assert_eq!(status, 200, "{xml}");
    element(&xml, "WebIdentityToken").to_owned()
}

#[tokio::test]
async fn a_role_gets_a_token_that_its_issuers_published_key_verifies() {
    let lab = Lab::start().await;
    let (_, xml) = ask(&lab, Some("local"), &GOOD).await;
    assert_eq!(element(&xml, "Expiration"), "2026-11-22T12:05:00Z");
    let token = element(&xml, "WebIdentityToken");
    let own = claims(token);
    let issuer = format!("{}/aws", lab.base);
    assert_eq!((&own["iss"], &own["sub"]), (&json!(issuer), &json!(API_ROLE_ARN)));
    assert_eq!(own["aud"], AUDIENCE);
    assert_eq!(own["exp"].as_i64().unwrap() - own["iat"].as_i64().unwrap(), 300);
    assert_eq!(own["https://sts.amazonaws.com/"]["source_region"], "eu-north-1");

    let metadata = lab.get("/aws/.well-known/openid-configuration").await.body;
    assert_eq!(metadata["issuer"], issuer);
    let keys = metadata["jwks_uri"].as_str().unwrap().strip_prefix(&lab.base).unwrap().to_owned();
    let keys = lab.get(&keys).await.body;
    let part = |name: &str| URL_SAFE_NO_PAD.decode(keys["keys"][0][name].as_str().unwrap()).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    RsaPublicKeyComponents { n: part("n"), e: part("e") }
        .verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap())
        .unwrap();
    assert_eq!(lab.emulator.counters()["aws.web_identity"].ok, 1);
}

#[tokio::test]
async fn the_token_of_the_trusted_role_proves_the_application() {
    let lab = Lab::start().await;
    let token = token_of(&lab, "local").await;
    for _ in 0..2 {
        let answer = prove(&lab, &token).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(claims(&answer.text("access_token"))["appidacr"], "2");
    }
    lab.clock.advance(Duration::minutes(10) - Duration::SECOND);
    assert_eq!(prove(&lab, &token).await.status, 200, "clocks may differ");
    lab.clock.advance(Duration::SECOND);
    prove(&lab, &token).await.assert_refused(401, "invalid_client", 700_024);
}

#[tokio::test]
async fn what_the_application_does_not_trust_is_refused() {
    let lab = Lab::start().await;
    let token = token_of(&lab, "local").await;
    let (header, rest) = token.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let forged = |name: &str, value: &str| {
        let mut changed: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        changed[name] = json!(value);
        format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(changed.to_string()))
    };
    for (assertion, code) in [
        (token_of(&lab, "Other").await, 700_213),
        (token_of(&lab, "LOCAL").await, 700_213),
        (forged("iss", "https://issuer.example"), 700_211),
        (forged("aud", "api://another"), 700_212),
        (forged("jti", "another"), 7_000_274),
    ] {
        prove(&lab, &assertion).await.assert_refused(401, "invalid_client", code);
    }
    let outside = FederatedCredential {
        issuer: Some("https://issuer.example".into()),
        subject: API_ROLE_ARN.into(),
        audience: AUDIENCE.into(),
    };
    lab.emulator.replace_federated_credentials(API_CLIENT_ID, vec![outside]).unwrap();
    prove(&lab, &token).await.assert_refused(401, "invalid_client", 700_211);
    let elsewhere = forged("iss", "https://issuer.example");
    prove(&lab, &elsewhere).await.assert_refused(400, "invalid_request", 50_166);
}

#[tokio::test]
async fn another_role_is_trusted_through_the_control_api() {
    let lab = Lab::start().await;
    let trusted = json!([{ "subject": "arn:aws:iam::000000000000:role/Sweep", "audience": AUDIENCE }]);
    let path = format!("applications/{API_CLIENT_ID}/federated-credentials");
    assert_eq!(lab.control(Method::PUT, &path, trusted.clone()).await.status, 204);
    assert_eq!(prove(&lab, &token_of(&lab, "Sweep").await).await.status, 200);
    prove(&lab, &token_of(&lab, "local").await).await.assert_refused(401, "invalid_client", 700_213);
    let shown = lab.get("/emulator/api/applications").await.body;
    assert_eq!(shown[0]["federatedCredentials"][0]["subject"], trusted[0]["subject"]);
}

#[tokio::test]
async fn sts_refuses_in_its_own_words_what_it_would_not_do() {
    let lab = Lab::start().await;
    let changed = |name: &'static str, value: &'static str| {
        let mut form = GOOD.to_vec();
        form.retain(|(own, _)| *own != name);
        form.push((name, value));
        form
    };
    for (form, code) in [
        (changed("Action", "AssumeRole"), "InvalidAction"),
        (changed("Version", "2010-01-01"), "InvalidAction"),
        (changed("Audience.member.1", ""), "ValidationError"),
        (changed("SigningAlgorithm", "ES384"), "ValidationError"),
        (changed("SigningAlgorithm", ""), "ValidationError"),
        (changed("DurationSeconds", "59"), "ValidationError"),
        (changed("DurationSeconds", "3601"), "ValidationError"),
        (changed("DurationSeconds", "long"), "ValidationError"),
    ] {
        let (status, xml) = ask(&lab, Some("local"), &form).await;
        assert_eq!((status, element(&xml, "Code")), (400, code), "{form:?}");
    }
    for key_id in [None, Some(""), Some("a<b")] {
        let (status, xml) = ask(&lab, key_id, &GOOD).await;
        assert_eq!((status, element(&xml, "Code")), (403, "MissingAuthenticationToken"));
    }
    let (_, xml) = ask(&lab, Some("local"), &changed("Audience.member.2", "api://two")).await;
    assert_eq!(claims(element(&xml, "WebIdentityToken"))["aud"], json!([AUDIENCE, "api://two"]));
}
