//! A warm request through the whole function, from API Gateway's event to the answer, with real validation, sealing and cache, and
//! store, Entra ID and Graph in memory: all the CPU that is not spent on the network.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run fails")]

#[path = "../../../shared/entra/tests/it/support.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod support;

use async_trait::async_trait;
use criterion::{Criterion, criterion_group, criterion_main};
use domain::error::GraphError;
use domain::ports::{FetchedProfile, ProfileReader, Requester};
use domain::token::{AccessToken, IdToken, IssuedTokens, RefreshToken};
use sealing::{BranchKey, LocalSealer};
use serde_json::Value;
use std::hint::black_box;
use std::sync::Arc;
use support::{FIRST_KEY, FakeEntra, Token};
use test_support::{Fakes, sample};
use tokio::runtime::Runtime;
use wiring::Api;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Tokens as long as Entra ID's.
fn issued() -> IssuedTokens {
    let token = |length: usize| "aZ0-".chars().cycle().take(length).collect::<String>();
    IssuedTokens {
        access_token: AccessToken::new(token(2_500)),
        refresh_token: Some(RefreshToken::new(token(1_600))),
        id_token: Some(IdToken::new(token(1_300))),
        home_account: None,
        ..sample::issued_tokens(1, sample::NOW)
    }
}

/// Graph, without a record of who asked.
struct Graph;

#[async_trait]
impl ProfileReader for Graph {
    async fn me(&self, _: &AccessToken, _: Requester<'_>) -> Result<FetchedProfile, GraphError> {
        Ok(sample::fetched_profile(1))
    }
}

fn handler(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let entra = runtime.block_on(FakeEntra::start());
    runtime.block_on(entra.publish_keys(&[FIRST_KEY.jwk()]));
    let fakes = Fakes::default();
    fakes.exchange.respond_with(|_| Ok(issued()));
    let mut services = fakes.services.clone();
    services.profiles = Arc::new(Graph);
    services.sealer = Arc::new(LocalSealer::new(BranchKey::local(&KEY.into()).unwrap()));
    let api = Api {
        services,
        authenticator: Arc::new(entra.validator()),
        cors_allowed_origins: vec!["https://app.example.com".to_owned()].into(),
    };
    let router = profile_api::router(api);
    let mut event: Value = serde_json::from_str(include_str!("../tests/events/get.json")).unwrap();
    event["headers"]["authorization"] = Token::v2(&entra.authority).bearer().into();
    let event = event.to_string();
    let request = || async {
        let request = lambda_http::request::from_str(black_box(&event)).unwrap();
        let response = profile_api::answer(router.clone(), request).await.unwrap();
        assert_eq!(response.status(), 200);
        response
    };
    runtime.block_on(request());
    let exchanged = fakes.exchange.calls().len();
    criterion.bench_function("a warm request, all but the network", |bencher| {
        bencher.to_async(&runtime).iter(request);
    });
    assert_eq!(fakes.exchange.calls().len(), exchanged, "the token was cached");
}

criterion_group!(benches, handler);
criterion_main!(benches);
