//! Assertions signed with a certificate, made here from the protocol's own parts.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use entra_emulator::{API_CLIENT_ID, SPA_CLIENT_ID, TENANT_ID};
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

use crate::lab::{ADELE, Answer, Lab, answer, claims};

pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A key whose certificate is registered for the API.
struct Signer {
    pair: RsaKeyPair,
    /// SHA-256 of the certificate.
    sha256: String,
    /// SHA-1 of the certificate.
    sha1: String,
}

fn section(pem: &str, label: &str) -> Vec<u8> {
    let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----")).unwrap();
    let (body, _) = rest.split_once("-----END").unwrap();
    STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).unwrap()
}

impl Signer {
    fn registered_with(lab: &Lab) -> Self {
        let pem = lab.emulator.issue_certificate(API_CLIENT_ID).unwrap();
        let certificate = section(&pem, "CERTIFICATE");
        let thumbprint =
            |algorithm| URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(algorithm, &certificate));
        Self {
            pair: RsaKeyPair::from_pkcs8(&section(&pem, "PRIVATE KEY")).unwrap(),
            sha256: thumbprint(&aws_lc_rs::digest::SHA256),
            sha1: thumbprint(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY),
        }
    }

    fn header(&self) -> Value {
        json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.sha256 })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let encoding: &dyn RsaEncoding =
            if header["alg"] == "RS256" { &RSA_PKCS1_SHA256 } else { &RSA_PSS_SHA256 };
        sign(&self.pair, encoding, header, claims)
    }

    fn good(&self, lab: &Lab) -> String {
        self.sign(&self.header(), &good_claims(lab))
    }
}

fn sign(pair: &RsaKeyPair, encoding: &'static dyn RsaEncoding, header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(header), part(claims));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn good_claims(lab: &Lab) -> Value {
    let now = lab.emulator.now().unix_timestamp();
    json!({
        "aud": format!("{}/{TENANT_ID}/oauth2/v2.0/token", lab.base),
        "iss": API_CLIENT_ID,
        "sub": API_CLIENT_ID,
        "jti": "0f8fad5b-d9cb-469f-a165-70867728950e",
        "nbf": now,
        "exp": now + 600,
    })
}

fn with(mut value: Value, name: &str, changed: impl Into<Value>) -> Value {
    value[name] = changed.into();
    value
}

/// A client credentials request with this proof: the shortest that needs one.
pub(crate) async fn prove(lab: &Lab, assertion: &str) -> Answer {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", API_CLIENT_ID),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    lab.token(&form, None).await
}

#[tokio::test]
async fn an_assertion_proves_the_application_wherever_a_secret_does() {
    let lab = Lab::start().await;
    let signer = Signer::registered_with(&lab);
    let assertion = signer.good(&lab);
    let caller = lab.sign_in(ADELE).await.text("access_token");
    let proof =
        [("client_secret", ""), ("client_assertion_type", JWT_BEARER), ("client_assertion", &assertion)];
    let tokens = lab.on_behalf_of_with(&caller, &proof).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    assert_eq!(claims(&tokens.text("access_token"))["appidacr"], "2");
    // An assertion serves until it expires: MSAL caches its own.
    let refreshed = lab.refresh_as_api(&tokens.text("refresh_token"), &proof).await;
    assert_eq!(refreshed.status, 200, "{}", refreshed.body);
    assert_eq!(prove(&lab, &assertion).await.status, 200);
}

#[tokio::test]
async fn both_algorithms_both_thumbprints_and_every_name_of_the_endpoint_are_taken() {
    let lab = Lab::start().await;
    let signer = Signer::registered_with(&lab);
    for algorithm in ["PS256", "RS256"] {
        for (name, thumbprint) in [("x5t#S256", &signer.sha256), ("x5t", &signer.sha1)] {
            let header = json!({ "alg": algorithm, "typ": "JWT", name: thumbprint });
            let answer = prove(&lab, &signer.sign(&header, &good_claims(&lab))).await;
            assert_eq!(answer.status, 200, "{header}: {}", answer.body);
        }
    }
    for path in ["lakeside.example/oauth2/v2.0/token".to_owned(), format!("{TENANT_ID}/v2.0")] {
        let claims = with(good_claims(&lab), "aud", format!("{}/{path}", lab.base));
        let answer = prove(&lab, &signer.sign(&signer.header(), &claims)).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn what_is_wrong_with_an_assertion_is_said() {
    let lab = Lab::start().await;
    let signer = Signer::registered_with(&lab);
    let stranger = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let (header, good) = (signer.header(), good_claims(&lab));
    let now = lab.emulator.now().unix_timestamp();
    let changed = |name: &str, value: Value| signer.sign(&header, &with(good.clone(), name, value));
    let under = |header: Value| signer.sign(&header, &good);
    let other_tenant = format!("{}/harbour.example/oauth2/v2.0/token", lab.base);
    for (assertion, code) in [
        (under(with(header.clone(), "x5t#S256", "another")), 700_027),
        (under(json!({ "alg": "PS256" })), 700_027),
        (under(with(header.clone(), "alg", "none")), 700_027),
        (under(with(header.clone(), "alg", "HS256")), 700_027),
        // Signed with PSS, said to be PKCS#1.
        (sign(&signer.pair, &RSA_PSS_SHA256, &with(header.clone(), "alg", "RS256"), &good), 700_027),
        (sign(&stranger, &RSA_PSS_SHA256, &header, &good), 700_027),
        (changed("exp", json!(now - 301)), 700_024),
        (changed("nbf", json!(now + 301)), 700_024),
        (changed("exp", Value::Null), 700_024),
        (changed("exp", json!("tomorrow")), 700_024),
        (changed("sub", json!(SPA_CLIENT_ID)), 700_021),
        (changed("aud", json!("https://login.microsoftonline.com/common/oauth2/v2.0/token")), 700_023),
        (changed("aud", json!(other_tenant)), 700_023),
        (changed("aud", json!(format!("{}evil/{TENANT_ID}/v2.0", lab.base))), 700_023),
        (changed("aud", Value::Null), 700_023),
    ] {
        prove(&lab, &assertion).await.assert_refused(401, "invalid_client", code);
    }
    for malformed in ["a", "a.b.c", "e30.e30", "e30.W10.AA", "..", "e30.e30.%%"] {
        prove(&lab, malformed).await.assert_refused(400, "invalid_request", 50_027);
    }
    assert_eq!(prove(&lab, &changed("exp", json!(now - 299))).await.status, 200, "clocks may differ");
}

#[tokio::test]
async fn the_type_of_the_assertion_must_be_named() {
    let lab = Lab::start().await;
    let assertion = Signer::registered_with(&lab).good(&lab);
    let caller = lab.sign_in(ADELE).await.text("access_token");
    for (kind, code) in [("", 900_144), ("urn:ietf:params:oauth:client-assertion-type:saml2", 9_002_313)] {
        let proof = [("client_assertion", assertion.as_str()), ("client_assertion_type", kind)];
        lab.on_behalf_of_with(&caller, &proof).await.assert_refused(400, "invalid_request", code);
    }
}

#[tokio::test]
async fn a_certificate_ends_with_its_time_and_with_its_removal() {
    let lab = Lab::start().await;
    let (signer, other) = (Signer::registered_with(&lab), Signer::registered_with(&lab));
    lab.clock.advance(Duration::days(366));
    prove(&lab, &signer.good(&lab)).await.assert_refused(401, "invalid_client", 1_000_502);
    lab.clock.advance(Duration::days(-2));
    assert_eq!(prove(&lab, &signer.good(&lab)).await.status, 200);
    lab.emulator.remove_certificate(API_CLIENT_ID, &signer.sha256).unwrap();
    prove(&lab, &signer.good(&lab)).await.assert_refused(401, "invalid_client", 700_027);
    assert_eq!(prove(&lab, &other.good(&lab)).await.status, 200);
}

#[tokio::test]
async fn credentials_are_changed_through_the_control_api() {
    let lab = Lab::start().await;
    let of_api = async || {
        let all = lab.get("/emulator/api/applications").await.body;
        let own = all.as_array().unwrap().iter().find(|one| one["clientId"] == API_CLIENT_ID);
        own.unwrap().clone()
    };
    assert_eq!(of_api().await["clientSecrets"], 1);
    let certificates = format!("{}/emulator/api/applications/{API_CLIENT_ID}/certificates", lab.base);
    let issued = lab.http.post(&certificates).send().await.unwrap();
    assert_eq!(issued.status(), 200);
    let pem = issued.text().await.unwrap();
    let thumbprint = of_api().await["certificates"][0]["thumbprint"].as_str().unwrap().to_owned();

    // Registering it again changes nothing; after its removal it can be registered by its text alone.
    let registered = answer(lab.http.post(&certificates).body(pem.clone()).send().await.unwrap()).await;
    assert_eq!((registered.status, registered.text("thumbprint")), (200, thumbprint.clone()));
    assert_eq!(of_api().await["certificates"].as_array().unwrap().len(), 1);
    let path = format!("applications/{API_CLIENT_ID}/certificates/{thumbprint}");
    assert_eq!(lab.control(Method::DELETE, &path, Value::Null).await.status, 204);
    assert_eq!(of_api().await["certificates"], json!([]));
    let gone = lab.control(Method::DELETE, &path, Value::Null).await;
    assert_eq!((gone.status, gone.text("code").as_str()), (404, "unknown_certificate"));
    assert_eq!(lab.http.post(&certificates).body(pem).send().await.unwrap().status(), 200);

    let secrets = format!("applications/{API_CLIENT_ID}/secrets");
    assert_eq!(lab.control(Method::PUT, &secrets, json!(["new", "newer"])).await.status, 204);
    assert_eq!(of_api().await["clientSecrets"], 2);
    let caller = lab.sign_in(ADELE).await.text("access_token");
    lab.on_behalf_of(&caller).await.assert_refused(401, "invalid_client", 7_000_215);
    for secret in ["new", "newer"] {
        assert_eq!(lab.on_behalf_of_with(&caller, &[("client_secret", secret)]).await.status, 200);
    }

    for (path, body, status, code) in [
        (secrets.as_str(), json!("secret-text"), 400, "invalid"),
        (&format!("applications/{SPA_CLIENT_ID}/secrets"), json!([]), 400, "invalid"),
        ("applications/somebody/secrets", json!([]), 404, "unknown_application"),
        (
            &format!("applications/{API_CLIENT_ID}/federated-credentials"),
            json!([{ "subject": "x" }]),
            400,
            "invalid",
        ),
    ] {
        let refused = lab.control(Method::PUT, path, body).await;
        assert_eq!((refused.status, refused.text("code").as_str()), (status, code), "{path}");
        assert!(!refused.text("message").contains("secret-text"), "{}", refused.body);
    }
    let nonsense = answer(lab.http.post(&certificates).body("no PEM").send().await.unwrap()).await;
    assert_eq!((nonsense.status, nonsense.text("code").as_str()), (400, "invalid"));
}
