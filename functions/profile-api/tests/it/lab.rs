//! The function with the ports in memory, and API Gateway's events for it.

use async_trait::async_trait;
use domain::caller::{Caller, CallerAuthenticator, Refusal};
use domain::identity::HomeAccountId;
use domain::scope::ScopeSet;
use http::Response;
use lambda_http::Body;
use serde_json::Value;
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use test_support::{Fakes, sample};
use wiring::Api;

/// Knows one token, and whom it was to forget.
struct OneCaller {
    caller: Caller,
    forgotten: Arc<Mutex<Vec<HomeAccountId>>>,
}

#[async_trait]
impl CallerAuthenticator for OneCaller {
    async fn authenticate(&self, authorization: Option<&str>) -> Result<Caller, Refusal> {
        match authorization {
            None => Err(Refusal::Missing),
            Some("Bearer the-bearer-token") => Ok(self.caller.clone()),
            Some(_) => Err(Refusal::Invalid { code: "malformed_token", detail: "the token is malformed" }),
        }
    }

    fn forget(&self, account: &HomeAccountId) {
        self.forgotten.lock().unwrap().push(*account);
    }
}

pub(crate) struct Fixture {
    fakes: Fakes,
    pub(crate) api: Api,
    forgotten: Arc<Mutex<Vec<HomeAccountId>>>,
}

impl Deref for Fixture {
    type Target = Fakes;

    fn deref(&self) -> &Fakes {
        &self.fakes
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with_scopes("Profile.Read Profile.ReadWrite")
    }

    pub(crate) fn with_scopes(scopes: &str) -> Self {
        // What is said before anybody listens would count as of no interest, also to a test that listens at that moment.
        let nowhere =
            tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(std::io::sink);
        let _ = nowhere.try_init();
        let fakes = Fakes::default();
        let caller = Caller { scopes: ScopeSet::parse(scopes), ..sample::caller(1, sample::NOW) };
        let forgotten = Arc::default();
        let api = Api {
            services: fakes.services.clone(),
            authenticator: Arc::new(OneCaller { caller, forgotten: Arc::clone(&forgotten) }),
            cors_allowed_origins: vec!["https://app.example.com".to_owned()].into(),
        };
        Self { fakes, api, forgotten }
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        change: impl FnOnce(&mut Value),
    ) -> Response<Body> {
        let mut event: Value = serde_json::from_str(include_str!("../events/get.json")).unwrap();
        event["rawPath"] = path.into();
        event["requestContext"]["http"]["path"] = path.into();
        event["requestContext"]["http"]["method"] = method.into();
        change(&mut event);
        let request = lambda_http::request::from_str(&event.to_string()).unwrap();
        profile_api::answer(profile_api::router(self.api.clone()), request).await.unwrap()
    }

    /// The accounts whose tokens the authenticator was to forget.
    pub(crate) fn forgotten(&self) -> Vec<HomeAccountId> {
        self.forgotten.lock().unwrap().clone()
    }

    pub(crate) async fn get(&self, path: &str) -> Response<Body> {
        self.send("GET", path, |_| {}).await
    }
}

pub(crate) fn body(response: &Response<Body>) -> Value {
    match response.body() {
        Body::Text(text) => serde_json::from_str(text).unwrap(),
        Body::Empty => Value::Null,
        _ => panic!("expected text"),
    }
}

pub(crate) fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}
