//! What happens when Entra refuses the credential: one more try with another one, if there is one.

use crate::certificates::{FIRST, SECOND, Shelf};
use crate::federation::Issuer;
use crate::support::{CLIENT, FakeEntra, TENANT, account, assertion, field, success};
use domain::error::TokenError;
use domain::ports::TokenExchange as _;
use domain::scope::ScopeSet;
use domain::token::RefreshToken;
use entra::{ClientCertificate, ClientSecret, EntraTokenExchange, RELOAD_INTERVAL};
use serde_json::json;
use std::sync::Arc;
use wiremock::{Request, ResponseTemplate};

/// The codes that say that the credential itself is not accepted.
const CODES: [u32; 8] = [700_024, 700_027, 1_000_502, 7_000_214, 7_000_215, 7_000_222, 7_000_274, 7_000_277];

fn refused(code: u32) -> ResponseTemplate {
    ResponseTemplate::new(401).set_body_json(json!({"error": "invalid_client", "error_codes": [code]}))
}

/// Refuses with `code` whatever `is_good` does not hold for.
async fn accept(entra: &FakeEntra, code: u32, is_good: impl Fn(&Request) -> bool + Send + Sync + 'static) {
    use wiremock::matchers::method;
    use wiremock::{Mock, Respond};
    struct Gate<F>(F, u32);
    impl<F: Fn(&Request) -> bool + Send + Sync> Respond for Gate<F> {
        fn respond(&self, request: &Request) -> ResponseTemplate {
            if (self.0)(request) { success() } else { refused(self.1) }
        }
    }
    entra.server.reset().await;
    Mock::given(method("POST")).respond_with(Gate(is_good, code)).mount(&entra.server).await;
}

async fn accept_secret(entra: &FakeEntra, code: u32, secret: &'static str) {
    accept(entra, code, move |request| field(request, "client_secret").as_deref() == Some(secret)).await;
}

async fn ask(exchange: &EntraTokenExchange) -> Result<(), TokenError> {
    let scopes = ScopeSet::parse("User.Read");
    exchange.on_behalf_of(TENANT, &assertion(), (&scopes).into()).await.map(|_| ())
}

async fn secret_from(entra: &FakeEntra, shelf: &Arc<Shelf>) -> EntraTokenExchange {
    let credential = ClientSecret::load(shelf.clone(), Arc::new(entra.clock.clone())).await.unwrap();
    entra.exchange_with(Arc::new(credential))
}

#[tokio::test]
async fn a_rotated_secret_is_read_again_and_the_request_sent_once_more() {
    let entra = FakeEntra::start().await;
    for code in CODES {
        let shelf = Shelf::holding("old");
        let exchange = secret_from(&entra, &shelf).await;
        shelf.put(Some("new"));
        accept_secret(&entra, code, "new").await;
        let refresh = RefreshToken::new("rt");
        exchange.refresh(TENANT, account(), &refresh, (&ScopeSet::parse("User.Read")).into()).await.unwrap();
        let secrets: Vec<_> =
            entra.requests().await.iter().map(|request| field(request, "client_secret").unwrap()).collect();
        assert_eq!(secrets, ["old", "new"], "{code}");
        ask(&exchange).await.unwrap();
        assert_eq!((entra.requests().await.len(), shelf.reads()), (3, 2), "the new one is kept");
    }
}

#[tokio::test]
async fn a_secret_that_is_still_the_same_is_not_sent_again() {
    let entra = FakeEntra::start().await;
    let shelf = Shelf::holding("old");
    let exchange = secret_from(&entra, &shelf).await;
    accept_secret(&entra, 7_000_222, "new").await;
    let error = ask(&exchange).await.unwrap_err();
    assert!(matches!(error, TokenError::ApplicationRejected { code: Some(7_000_222), .. }), "{error:?}");
    assert_eq!((entra.requests().await.len(), shelf.reads()), (1, 2));
}

#[tokio::test]
async fn the_second_refusal_is_the_answer() {
    let entra = FakeEntra::start().await;
    let shelf = Shelf::holding("old");
    let exchange = secret_from(&entra, &shelf).await;
    shelf.put(Some("also wrong"));
    accept_secret(&entra, 7_000_215, "new").await;
    let error = ask(&exchange).await.unwrap_err();
    assert!(matches!(error, TokenError::ApplicationRejected { code: Some(7_000_215), .. }), "{error:?}");
    assert_eq!((entra.requests().await.len(), shelf.reads()), (2, 2));
}

#[tokio::test]
async fn a_source_is_not_read_more_often_than_every_half_minute() {
    let entra = FakeEntra::start().await;
    let shelf = Shelf::holding("old");
    let exchange = secret_from(&entra, &shelf).await;
    accept_secret(&entra, 7_000_222, "new").await;
    for _ in 0..5 {
        ask(&exchange).await.unwrap_err();
    }
    assert_eq!(shelf.reads(), 2);
    shelf.put(Some("new"));
    entra.clock.advance(RELOAD_INTERVAL);
    ask(&exchange).await.unwrap();
    assert_eq!(shelf.reads(), 3);
}

#[tokio::test]
async fn requests_that_are_refused_at_once_share_one_reading() {
    let entra = FakeEntra::start().await;
    let shelf = Shelf::holding("old");
    let exchange = secret_from(&entra, &shelf).await;
    shelf.put(Some("new"));
    accept_secret(&entra, 7_000_215, "new").await;
    let outcomes = futures::future::join_all((0..10).map(|_| ask(&exchange))).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    assert_eq!(shelf.reads(), 2);
    assert!(entra.requests().await.len() <= 20);
}

#[tokio::test]
async fn a_source_that_cannot_be_read_leaves_the_refusal_as_it_was() {
    let entra = FakeEntra::start().await;
    let shelf = Shelf::holding("old");
    let exchange = secret_from(&entra, &shelf).await;
    shelf.put(None);
    accept_secret(&entra, 7_000_215, "new").await;
    let error = ask(&exchange).await.unwrap_err();
    assert!(matches!(error, TokenError::ApplicationRejected { .. }), "{error:?}");
    assert_eq!(entra.requests().await.len(), 1);
}

#[tokio::test]
async fn no_other_error_reads_the_source_again() {
    let entra = FakeEntra::start().await;
    let shelf = Shelf::holding("old");
    let exchange = secret_from(&entra, &shelf).await;
    shelf.put(Some("new"));
    // No credential was sent; the application is unknown; the grant is spent; the service is down.
    for (status, error, code) in [
        (401, "invalid_client", 7_000_218),
        (400, "unauthorized_client", 700_016),
        (400, "invalid_grant", 50_173),
        (503, "temporarily_unavailable", 700_027),
    ] {
        let body = json!({"error": error, "error_codes": [code]});
        entra.answer(ResponseTemplate::new(status).set_body_json(body)).await;
        ask(&exchange).await.unwrap_err();
        assert_eq!((entra.requests().await.len(), shelf.reads()), (1, 1), "{code}");
    }
}

#[tokio::test]
async fn a_rotated_certificate_is_read_again_and_the_same_one_signs_anew() {
    let entra = FakeEntra::start().await;
    for (replacement, same_certificate) in [(&*SECOND, false), (&*FIRST, true)] {
        let shelf = Shelf::holding(&FIRST.pem());
        let clock = Arc::new(entra.clock.clone());
        let credential = ClientCertificate::load(CLIENT, shelf.clone(), clock).await.unwrap();
        let exchange = entra.exchange_with(Arc::new(credential));
        shelf.put(Some(&replacement.pem()));
        entra.answer(refused(700_027)).await;
        ask(&exchange).await.unwrap_err();
        let sent: Vec<_> = entra
            .requests()
            .await
            .iter()
            .map(|request| field(request, "client_assertion").unwrap())
            .collect();
        let [first, second] = &sent[..] else { panic!("expected two requests, got {}", sent.len()) };
        assert_ne!(first, second);
        let header = |token: &String| token.split('.').next().map(str::to_owned);
        assert_eq!(header(first) == header(second), same_certificate);
        assert_eq!(shelf.reads(), 2);
    }
}

#[tokio::test]
async fn a_certificate_that_became_unreadable_leaves_the_refusal_as_it_was() {
    let entra = FakeEntra::start().await;
    let shelf = Shelf::holding(&FIRST.pem());
    let clock = Arc::new(entra.clock.clone());
    let credential = ClientCertificate::load(CLIENT, shelf.clone(), clock).await.unwrap();
    let exchange = entra.exchange_with(Arc::new(credential));
    shelf.put(Some("half a file"));
    entra.answer(refused(700_027)).await;
    let error = ask(&exchange).await.unwrap_err();
    assert!(matches!(error, TokenError::ApplicationRejected { code: Some(700_027), .. }), "{error:?}");
    assert_eq!(entra.requests().await.len(), 1);
}

#[tokio::test]
async fn a_refused_web_identity_is_asked_for_anew() {
    let entra = FakeEntra::start().await;
    let issuer = Issuer::new(&entra.clock);
    let exchange = entra.exchange_with(Arc::new(issuer.credential()));
    accept(&entra, 700_024, |request| field(request, "client_assertion").as_deref() == Some("token-2")).await;
    ask(&exchange).await.unwrap();
    assert_eq!((entra.requests().await.len(), issuer.issued()), (2, 2));
    ask(&exchange).await.unwrap();
    assert_eq!((entra.requests().await.len(), issuer.issued()), (3, 2));
}
