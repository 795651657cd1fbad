//! What is sent to the token endpoint, to the letter.

use crate::support::{CLIENT, FakeEntra, SECRET, TENANT, account, assertion, field, form, success};
use async_trait::async_trait;
use domain::error::{TokenError, UnavailableKind};
use domain::ports::{TokenExchange as _, TokenRequirements};
use domain::scope::ScopeSet;
use domain::token::{RefreshToken, UserAssertion};
use entra::{CLIENT_CLAIMS, ClientAuthentication, ClientCredential, CredentialError};
use std::sync::Arc;
use wiremock::Request;

fn header<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    request.headers.get(name).map(|value| value.to_str().expect("a header of text"))
}

fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut fields: Vec<_> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    fields.sort();
    fields
}

fn scopes() -> ScopeSet {
    ScopeSet::parse("https://graph.microsoft.com/User.Read")
}

#[tokio::test]
async fn on_behalf_of_sends_exactly_these_fields_and_headers() {
    let entra = FakeEntra::start().await;
    entra.answer(success()).await;
    let assertion = assertion();
    entra.exchange().on_behalf_of(TENANT, &assertion, (&scopes()).into()).await.unwrap();
    let requests = entra.requests().await;
    let [request] = &requests[..] else { panic!("expected one request, got {}", requests.len()) };
    let client_id = CLIENT.to_string();
    assert_eq!(
        form(request),
        owned(&[
            ("client_id", &client_id),
            ("client_secret", SECRET),
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("requested_token_use", "on_behalf_of"),
            ("assertion", assertion.expose()),
            ("scope", "https://graph.microsoft.com/User.Read offline_access openid profile"),
            ("client_info", "1"),
            ("claims", r#"{"access_token":{"xms_cc":{"values":["cp1"]}}}"#),
        ])
    );
    assert_eq!(request.url.query(), None);
    assert_eq!(header(request, "content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(header(request, "accept"), Some("application/json"));
    assert_eq!(header(request, "x-ms-lib-capability"), Some("retry-after, h429"));
    assert_eq!(header(request, "x-client-sku"), Some("shared-token-cache"));
    assert_eq!(header(request, "x-client-ver"), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(header(request, "return-client-request-id"), Some("true"));
    assert_eq!(header(request, "client-request-id").map(str::len), Some(36));
    let anchor = format!("Oid:{}@{}", account().object_id, account().tenant_id);
    assert_eq!(header(request, "x-anchormailbox"), Some(anchor.as_str()));
}

#[tokio::test]
async fn a_proof_of_the_credential_asks_for_the_applications_own_token_and_names_no_user() {
    let entra = FakeEntra::start().await;
    entra.answer(success()).await;
    entra.exchange().prove_credential(TENANT, "https://graph.microsoft.com").await.unwrap();
    let requests = entra.requests().await;
    let [request] = &requests[..] else { panic!("expected one request, got {}", requests.len()) };
    let client_id = CLIENT.to_string();
    assert_eq!(
        form(request),
        owned(&[
            ("client_id", &client_id),
            ("client_secret", SECRET),
            ("grant_type", "client_credentials"),
            ("scope", "https://graph.microsoft.com/.default"),
        ])
    );
    assert_eq!(header(request, "x-anchormailbox"), None);
}

#[tokio::test]
async fn refresh_sends_exactly_these_fields() {
    let entra = FakeEntra::start().await;
    entra.answer(success()).await;
    let token = RefreshToken::new("1.A&b=c");
    entra.exchange().refresh(TENANT, account(), &token, (&scopes()).into()).await.unwrap();
    let requests = entra.requests().await;
    let [request] = &requests[..] else { panic!("expected one request, got {}", requests.len()) };
    let client_id = CLIENT.to_string();
    assert_eq!(
        form(request),
        owned(&[
            ("client_id", &client_id),
            ("client_secret", SECRET),
            ("grant_type", "refresh_token"),
            ("refresh_token", "1.A&b=c"),
            ("scope", "https://graph.microsoft.com/User.Read offline_access openid profile"),
            ("client_info", "1"),
            ("claims", CLIENT_CLAIMS),
        ])
    );
    let anchor = format!("Oid:{}@{}", account().object_id, account().tenant_id);
    assert_eq!(header(request, "x-anchormailbox"), Some(anchor.as_str()));
}

#[tokio::test]
async fn a_challenge_is_sent_beside_our_capability() {
    let entra = FakeEntra::start().await;
    entra.answer(success()).await;
    let challenge = r#"{"access_token":{"nbf":{"essential":true,"value":"1792800000"}}}"#;
    let scopes = scopes();
    let required = TokenRequirements { scopes: &scopes, claims: Some(challenge) };
    entra.exchange().on_behalf_of(TENANT, &assertion(), required).await.unwrap();
    let token = RefreshToken::new("rt");
    entra.exchange().refresh(TENANT, account(), &token, required).await.unwrap();
    for request in entra.requests().await {
        let form = form(&request);
        let (_, claims) = form.iter().find(|(name, _)| name == "claims").unwrap();
        let claims: serde_json::Value = serde_json::from_str(claims).unwrap();
        assert_eq!(claims["access_token"]["nbf"]["value"], "1792800000");
        assert_eq!(claims["access_token"]["xms_cc"]["values"][0], "cp1");
    }
}

#[tokio::test]
async fn the_request_goes_to_the_tenant_of_the_assertion() {
    // The script answers for one tenant only; another tenant's request finds nothing there.
    let entra = FakeEntra::start().await;
    entra.answer(success()).await;
    let other = "0a0b0c0d-1111-4222-8333-444455556666".parse().unwrap();
    let error = entra.exchange().on_behalf_of(other, &assertion(), (&scopes()).into()).await.unwrap_err();
    assert!(matches!(error, TokenError::Unavailable { kind: UnavailableKind::BadAnswer, .. }), "{error:?}");
    assert_eq!(entra.requests().await[0].url.path(), format!("/{other}/oauth2/v2.0/token"));
}

#[tokio::test]
async fn an_assertion_that_cannot_be_read_goes_without_the_routing_hint() {
    let entra = FakeEntra::start().await;
    entra.answer(success()).await;
    for opaque in ["aa.bb.cc", "opaque", "e30.e30.e30"] {
        entra.exchange().on_behalf_of(TENANT, &UserAssertion::new(opaque), (&scopes()).into()).await.unwrap();
    }
    let requests = entra.requests().await;
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_eq!(header(request, "x-anchormailbox"), None);
    }
}

#[tokio::test]
async fn each_request_has_an_id_of_its_own() {
    let entra = FakeEntra::start().await;
    entra.answer(success()).await;
    for _ in 0..2 {
        entra.exchange().on_behalf_of(TENANT, &assertion(), (&scopes()).into()).await.unwrap();
    }
    let requests = entra.requests().await;
    assert_ne!(header(&requests[0], "client-request-id"), header(&requests[1], "client-request-id"));
}

struct SignedProof;

#[async_trait]
impl ClientCredential for SignedProof {
    async fn authenticate(&self, audience: &str) -> Result<ClientAuthentication, CredentialError> {
        Ok(ClientAuthentication::Assertion(format!("signed for {audience}").into()))
    }
}

#[tokio::test]
async fn a_signed_proof_takes_the_place_of_the_secret_and_is_made_for_the_endpoint() {
    let entra = FakeEntra::start().await;
    entra.answer(success()).await;
    entra
        .exchange_with(Arc::new(SignedProof))
        .on_behalf_of(TENANT, &assertion(), (&scopes()).into())
        .await
        .unwrap();
    let sent = &entra.requests().await[0];
    let expected = format!("signed for {}/{TENANT}/oauth2/v2.0/token", entra.server.uri());
    assert_eq!(field(sent, "client_assertion"), Some(expected));
    assert_eq!(
        field(sent, "client_assertion_type").as_deref(),
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    );
    assert_eq!(field(sent, "client_secret"), None);
}

struct NoProof;

#[async_trait]
impl ClientCredential for NoProof {
    async fn authenticate(&self, _audience: &str) -> Result<ClientAuthentication, CredentialError> {
        Err(CredentialError { source: "the key service is away".into() })
    }
}

#[tokio::test]
async fn without_a_credential_nothing_is_sent() {
    let entra = FakeEntra::start().await;
    entra.answer(success()).await;
    let exchange = entra.exchange_with(Arc::new(NoProof));
    let error = exchange.on_behalf_of(TENANT, &assertion(), (&scopes()).into()).await.unwrap_err();
    assert!(
        matches!(error, TokenError::Unavailable { kind: UnavailableKind::Down, source: Some(_), .. }),
        "{error:?}"
    );
    assert_eq!(entra.requests().await.len(), 0);
}
