//! A warm request through the whole function, from API Gateway's event to the answer, with real validation, sealing and cache, and
//! store, Entra ID and Graph in memory: all the CPU that is not spent on the network.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run fails")]

#[path = "../../../shared/entra/tests/it/support.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod support;

use async_trait::async_trait;
use axum::Router;
use criterion::{Criterion, criterion_group, criterion_main};
use domain::error::GraphError;
use domain::opened_blobs::OpenedBlobs;
use domain::ports::{FetchedProfile, ProfileReader, Requester};
use domain::services::Services;
use domain::token::{AccessToken, IdToken, IssuedTokens, RefreshToken};
use http::Response;
use lambda_http::Body;
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

fn api(entra: &FakeEntra, fakes: &Fakes, opened: OpenedBlobs) -> Api {
    Api {
        services: Services {
            profiles: Arc::new(Graph),
            sealer: Arc::new(LocalSealer::new(BranchKey::local(&KEY.into()).unwrap())),
            opened: Arc::new(opened),
            ..fakes.services.clone()
        },
        authenticator: Arc::new(entra.validator()),
        cors_allowed_origins: vec!["https://app.example.com".to_owned()].into(),
    }
}

async fn answer(router: &Router, event: &str) -> Response<Body> {
    let request = lambda_http::request::from_str(black_box(event)).unwrap();
    let response = profile_api::answer(router.clone(), request).await.unwrap();
    assert_eq!(response.status(), 200);
    response
}

fn handler(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let entra = runtime.block_on(FakeEntra::start());
    runtime.block_on(entra.publish_keys(&[FIRST_KEY.jwk()]));
    let fakes = Fakes::default();
    fakes.exchange.respond_with(|_| Ok(issued()));
    let mut event: Value = serde_json::from_str(include_str!("../tests/events/get.json")).unwrap();
    event["headers"]["authorization"] = Token::v2(&entra.authority).bearer().into();
    let event = event.to_string();

    let router = profile_api::router(api(&entra, &fakes, OpenedBlobs::of_present_users()));
    runtime.block_on(answer(&router, &event));
    let exchanged = fakes.exchange.calls().len();
    criterion.bench_function("a warm request, all but the network", |bencher| {
        bencher.to_async(&runtime).iter(|| answer(&router, &event));
    });

    let api = api(&entra, &fakes, OpenedBlobs::default());
    let (router, authenticator) = (profile_api::router(api.clone()), api.authenticator);
    criterion.bench_function("the same, of a user who is new to the process", |bencher| {
        bencher.to_async(&runtime).iter(|| {
            authenticator.forget(&sample::account(1));
            answer(&router, &event)
        });
    });
    assert_eq!(fakes.exchange.calls().len(), exchanged, "the token was cached");
}

criterion_group!(benches, handler);
criterion_main!(benches);
