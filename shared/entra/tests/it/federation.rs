//! A token of the workload's own identity provider as the credential.

use crate::support::{FakeEntra, TENANT, assertion, field, success};
use async_trait::async_trait;
use domain::ports::TokenExchange as _;
use domain::scope::ScopeSet;
use entra::{
    ClientAuthentication, ClientCredential as _, CredentialError, FederatedCredential, WebIdentity,
    WebIdentitySource,
};
use secrecy::ExposeSecret;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use test_support::{FixedClock, sample};
use time::Duration;

const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Issues `token-1`, `token-2` and so on, each for five minutes.
pub(crate) struct Issuer {
    clock: FixedClock,
    audiences: Mutex<Vec<String>>,
    away: AtomicBool,
}

impl Issuer {
    pub(crate) fn new(clock: &FixedClock) -> Arc<Self> {
        let (audiences, away) = (Mutex::default(), AtomicBool::default());
        Arc::new(Self { clock: clock.clone(), audiences, away })
    }

    pub(crate) fn issued(&self) -> usize {
        self.audiences.lock().unwrap().len()
    }

    pub(crate) fn credential(self: &Arc<Self>) -> FederatedCredential {
        FederatedCredential::new(self.clone(), AUDIENCE, Arc::new(self.clock.clone()))
    }
}

#[async_trait]
impl WebIdentitySource for Issuer {
    async fn issue(&self, audience: &str) -> Result<WebIdentity, CredentialError> {
        use domain::ports::Clock as _;
        if self.away.load(Ordering::SeqCst) {
            return Err(CredentialError::new("the issuer is away"));
        }
        let mut audiences = self.audiences.lock().unwrap();
        audiences.push(audience.to_owned());
        let token = format!("token-{}", audiences.len()).into();
        Ok(WebIdentity { token, expires_at: self.clock.now() + Duration::minutes(5) })
    }
}

async fn sent(credential: &FederatedCredential) -> Option<String> {
    match credential.authenticate("https://token.endpoint").await {
        Ok(ClientAuthentication::Assertion(token)) => Some(token.expose_secret().to_owned()),
        Ok(ClientAuthentication::Secret(_)) => panic!("expected an assertion"),
        Err(_) => None,
    }
}

#[tokio::test]
async fn the_token_is_sent_as_the_client_assertion() {
    let entra = FakeEntra::start().await;
    entra.answer(success()).await;
    let issuer = Issuer::new(&entra.clock);
    let exchange = entra.exchange_with(Arc::new(issuer.credential()));
    assert_eq!(issuer.issued(), 0, "nothing is asked for before it is needed");
    exchange.on_behalf_of(TENANT, &assertion(), (&ScopeSet::parse("User.Read")).into()).await.unwrap();
    let request = &entra.requests().await[0];
    assert_eq!(field(request, "client_assertion").as_deref(), Some("token-1"));
    assert_eq!(
        field(request, "client_assertion_type").as_deref(),
        Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
    );
    assert_eq!(*issuer.audiences.lock().unwrap(), [AUDIENCE]);
}

#[tokio::test]
async fn one_token_serves_until_shortly_before_its_end() {
    let clock = FixedClock::default();
    let issuer = Issuer::new(&clock);
    let credential = issuer.credential();
    for (minute, expected) in [(0, "token-1"), (3, "token-1"), (4, "token-2"), (7, "token-2"), (8, "token-3")]
    {
        clock.set(sample::NOW + Duration::minutes(minute));
        assert_eq!(sent(&credential).await.as_deref(), Some(expected), "after {minute} minutes");
    }
}

#[tokio::test]
async fn many_requests_at_once_ask_the_issuer_once() {
    let issuer = Issuer::new(&FixedClock::default());
    let credential = issuer.credential();
    let tokens = futures::future::join_all((0..20).map(|_| sent(&credential))).await;
    assert!(tokens.iter().all(|token| token.as_deref() == Some("token-1")), "{tokens:?}");
    assert_eq!(issuer.issued(), 1);
}

#[tokio::test]
async fn while_the_issuer_is_away_the_token_serves_to_its_end_and_no_longer() {
    let clock = FixedClock::default();
    let issuer = Issuer::new(&clock);
    let credential = issuer.credential();
    sent(&credential).await.unwrap();
    issuer.away.store(true, Ordering::SeqCst);
    clock.advance(Duration::minutes(5) - Duration::SECOND);
    assert_eq!(sent(&credential).await.as_deref(), Some("token-1"));
    clock.advance(Duration::SECOND);
    assert_eq!(sent(&credential).await, None);
    issuer.away.store(false, Ordering::SeqCst);
    assert_eq!(sent(&credential).await.as_deref(), Some("token-2"));
}
