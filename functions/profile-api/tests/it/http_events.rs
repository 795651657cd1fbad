//! API Gateway's events (payload format 2.0) through the whole function, with the ports in memory.

use crate::lab::{Fixture, body, header};
use async_trait::async_trait;
use domain::error::{GraphError, StoreError, TokenError, UnavailableKind};
use domain::ports::{AccountStore as _, FetchedProfile, ProfileReader, Requester};
use domain::token::AccessToken;
use http::Response;
use lambda_http::{Body, Context};
use serde_json::{Value, json};
use std::sync::Arc;
use test_support::{StoreOperation, sample};
use time::Duration;

fn assert_problem(response: &Response<Body>, status: u16, code: &str) {
    assert_eq!(response.status().as_u16(), status, "{:?}", response.body());
    assert_eq!(header(response, "content-type"), "application/problem+json");
    let problem = body(response);
    assert_eq!((problem["status"].as_u64(), problem["code"].as_str()), (Some(status.into()), Some(code)));
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10));
    assert!(!header(response, "x-request-id").is_empty());
    assert_eq!(problem["requestId"].as_str(), Some(header(response, "x-request-id")));
    assert_eq!(header(response, "cache-control"), "no-store");
    assert_safe(response);
}

/// What every answer has and lacks, whatever it is.
fn assert_safe(response: &Response<Body>) {
    assert!(!header(response, "x-request-id").is_empty(), "{response:?}");
    assert_eq!(header(response, "x-content-type-options"), "nosniff");
    assert_eq!(header(response, "content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
    assert_eq!(header(response, "referrer-policy"), "no-referrer");
    assert_eq!(header(response, "strict-transport-security"), "max-age=31536000");
    for name in ["server", "x-powered-by", "via", "access-control-allow-credentials"] {
        assert!(!response.headers().contains_key(name), "{response:?}");
    }
}

#[tokio::test]
async fn a_signed_in_user_gets_their_profile() {
    let fixture = Fixture::new();
    let response = fixture.get("/api/profile").await;
    assert_eq!(response.status(), 200);
    let profile = body(&response);
    assert_eq!(profile["displayName"], "User 1");
    assert_eq!(profile["department"], Value::Null);
    assert_eq!(profile.as_object().unwrap().len(), 9);
    assert_eq!(header(&response, "access-control-allow-origin"), "https://app.example.com");
}

#[tokio::test]
async fn background_access_is_shown_and_ended() {
    let fixture = Fixture::new();
    assert_eq!(body(&fixture.get("/api/background-access").await)["status"], "none");
    fixture.get("/api/profile").await;
    let access = body(&fixture.get("/api/background-access").await);
    assert_eq!(access["status"], "active");
    assert_eq!(access["lastActivity"], "2126-03-04T09:00:00Z");
    assert_eq!(access["nextSweep"], "2126-03-04T09:00:30Z");
    assert_eq!(access["lastSweep"], Value::Null);
    let response = fixture.send("DELETE", "/api/background-access", |_| {}).await;
    assert_eq!(response.status(), 204);
    assert_eq!(fixture.forgotten(), [sample::account(1)]);
    assert!(fixture.store.load(&sample::account(1)).await.unwrap().tokens.is_none());
    assert_eq!(body(&fixture.get("/api/background-access").await)["status"], "none");
}

#[tokio::test]
async fn health_touches_nothing() {
    let fixture = Fixture::new();
    let response = fixture.send("GET", "/api/health", |event| event["headers"] = json!({})).await;
    assert_eq!(response.status(), 200);
    assert_eq!(body(&response)["status"], "ok");
    assert_eq!(fixture.store.reads() + fixture.store.writes(), 0);
}

#[tokio::test]
async fn a_missing_or_bad_token_is_challenged_and_nothing_is_asked_or_stored() {
    let fixture = Fixture::new();
    let response = fixture
        .send("GET", "/api/profile", |event| {
            event["headers"].as_object_mut().unwrap().remove("authorization");
        })
        .await;
    assert_problem(&response, 401, "missing_token");
    assert_eq!(header(&response, "www-authenticate"), "Bearer");
    let response = fixture
        .send("GET", "/api/profile", |event| event["headers"]["authorization"] = "Bearer x".into())
        .await;
    assert_problem(&response, 401, "malformed_token");
    assert!(header(&response, "www-authenticate").starts_with("Bearer error=\"invalid_token\""));
    assert_eq!(fixture.store.reads() + fixture.store.writes(), 0);
    assert!(fixture.exchange.calls().is_empty());
}

#[tokio::test]
async fn a_permission_that_is_lacking_is_named() {
    let reader = Fixture::with_scopes("Profile.Read");
    assert_eq!(reader.get("/api/profile").await.status(), 200);
    let response = reader.send("DELETE", "/api/background-access", |_| {}).await;
    assert_problem(&response, 403, "insufficient_scope");
    assert!(reader.forgotten().is_empty());
    assert_eq!(
        header(&response, "www-authenticate"),
        "Bearer error=\"insufficient_scope\", scope=\"Profile.ReadWrite\""
    );
    assert_problem(&Fixture::with_scopes("Mail.Read").get("/api/profile").await, 403, "insufficient_scope");
}

#[tokio::test]
async fn a_claims_challenge_is_passed_on_in_the_form_that_msal_understands() {
    let fixture = Fixture::new();
    fixture.exchange.push(Err(TokenError::UserNeeded {
        error: "interaction_required".to_owned(),
        code: Some(50076),
        suberror: None,
        claims: Some(r#"{"access_token":{}}"#.to_owned()),
    }));
    let response = fixture.get("/api/profile").await;
    assert_problem(&response, 401, "insufficient_claims");
    assert_eq!(
        header(&response, "www-authenticate"),
        "Bearer error=\"insufficient_claims\", claims=\"eyJhY2Nlc3NfdG9rZW4iOnt9fQ==\""
    );
}

/// What Entra does, and the status, code and `Retry-After` that come of it.
type FailureCase = (fn() -> TokenError, u16, &'static str, &'static str);

#[tokio::test]
async fn every_failure_of_a_service_has_its_status_and_code() {
    fn unavailable(kind: UnavailableKind, retry_after: Option<Duration>) -> TokenError {
        TokenError::Unavailable { expected: "tokens", kind, retry_after, source: None }
    }
    let cases: [FailureCase; 6] = [
        (|| unavailable(UnavailableKind::Down, Some(Duration::seconds(7))), 503, "entra_unavailable", "7"),
        (|| unavailable(UnavailableKind::BadAnswer, None), 502, "entra_unavailable", ""),
        (|| unavailable(UnavailableKind::TimedOut, None), 504, "entra_unavailable", ""),
        (
            || TokenError::Throttled { retry_after: Some(Duration::seconds(30)), code: None },
            503,
            "throttled",
            "30",
        ),
        (|| TokenError::StaleAssertion { code: Some(500_133) }, 401, "stale_token", ""),
        (
            || TokenError::ApplicationRejected { error: "invalid_client".to_owned(), code: Some(7_000_215) },
            500,
            "application_rejected",
            "",
        ),
    ];
    for (error, status, code, retry_after) in cases {
        let fixture = Fixture::new();
        fixture.exchange.respond_with(move |_| Err(error()));
        let response = fixture.get("/api/profile").await;
        assert_problem(&response, status, code);
        assert_eq!(header(&response, "retry-after"), retry_after);
        // A brake may have been put on; of the user nothing is kept.
        assert_eq!(fixture.store.calls(StoreOperation::PutTokens), 0);
        assert_eq!(fixture.store.calls(StoreOperation::RecordActivity), 0);
    }
    let fixture = Fixture::new();
    fixture.profiles.push(Err(GraphError::Throttled { retry_after: Some(Duration::seconds(3)) }));
    let response = fixture.get("/api/profile").await;
    assert_problem(&response, 503, "throttled");
    assert_eq!(header(&response, "retry-after"), "3");
    fixture.profiles.push(Err(GraphError::Forbidden { code: "Authorization_RequestDenied".to_owned() }));
    assert_problem(&fixture.get("/api/profile").await, 403, "graph_forbidden");
    fixture
        .store
        .fail_next(StoreOperation::Load, StoreError::Unavailable { operation: "load", source: None });
    assert_problem(&fixture.get("/api/profile").await, 503, "store_unavailable");
}

#[tokio::test]
async fn unknown_routes_wrong_methods_and_large_bodies_are_problems() {
    let fixture = Fixture::new();
    for path in ["/", "/api", "/api/profile/", "/api/profile/x", "/api/%70rofile", "/prod/api/profile"] {
        assert_problem(&fixture.get(path).await, 404, "unknown_route");
    }
    let response = fixture.send("POST", "/api/profile", |_| {}).await;
    assert_problem(&response, 405, "wrong_method");
    assert!(header(&response, "allow").contains("GET"));
    let response =
        fixture.send("GET", "/api/profile", |event| event["body"] = "x".repeat(20_000).into()).await;
    assert_problem(&response, 413, "body_too_large");
    assert_eq!(fixture.store.reads(), 0);
}

#[tokio::test]
async fn large_headers_and_long_addresses_are_refused_before_the_token_is_looked_at() {
    let fixture = Fixture::new();
    let (most, too_much) = ("x".repeat(60_000), "x".repeat(66_000));
    let with_cookie = |cookie: &str| {
        let cookie = cookie.to_owned();
        move |event: &mut Value| event["headers"]["cookie"] = cookie.into()
    };
    let response = fixture.send("GET", "/api/profile", with_cookie(&too_much)).await;
    assert_problem(&response, 431, "headers_too_large");
    let response = fixture.send("GET", &format!("/{most}"), with_cookie(&most[..6_000])).await;
    assert_problem(&response, 431, "headers_too_large");
    let response = fixture
        .send("GET", "/api/profile", |event| {
            event["headers"]["cookie"] = most[..6_000].into();
            event["rawQueryString"] = most.as_str().into();
        })
        .await;
    assert_problem(&response, 431, "headers_too_large");
    assert_eq!(fixture.store.reads(), 0);
    assert_eq!(fixture.send("GET", "/api/profile", with_cookie(&most)).await.status(), 200);
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_safe_headers() {
    let fixture = Fixture::new();
    let preflight = |event: &mut Value| {
        event["headers"]["access-control-request-method"] = "GET".into();
    };
    let answers = [
        (200, fixture.get("/api/profile").await),
        (200, fixture.get("/api/health").await),
        (200, fixture.get("/api/openapi.json").await),
        (200, fixture.send("HEAD", "/api/profile", |_| {}).await),
        (200, fixture.send("OPTIONS", "/api/profile", preflight).await),
        (200, fixture.send("OPTIONS", "/api/nothing", preflight).await),
        (204, fixture.send("DELETE", "/api/background-access", |_| {}).await),
        (404, fixture.get("/api/nothing").await),
        (405, fixture.send("TRACE", "/api/profile", |_| {}).await),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status(), status, "{answer:?}");
        assert_safe(&answer);
    }
}

#[tokio::test]
async fn a_browser_is_told_to_stay_with_tls_only_where_there_is_tls() {
    let fixture = Fixture::new();
    let plain = |event: &mut Value| event["headers"]["x-forwarded-proto"] = "http".into();
    let response = fixture.send("GET", "/api/health", plain).await;
    assert!(!response.headers().contains_key("strict-transport-security"));
}

#[tokio::test]
async fn the_contract_is_served_without_touching_anything() {
    let fixture = Fixture::new();
    let response = fixture.send("GET", "/api/openapi.json", |event| event["headers"] = json!({})).await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "content-type"), "application/json");
    assert_eq!(header(&response, "cache-control"), "public, max-age=300");
    assert_eq!(body(&response)["openapi"], "3.1.0");
    assert_eq!(fixture.store.reads() + fixture.store.writes(), 0);
}

/// A Graph that does what no Graph should.
struct Broken(fn() -> BoxFuture);

type BoxFuture = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

#[async_trait]
impl ProfileReader for Broken {
    async fn me(&self, _: &AccessToken, _: Requester<'_>) -> Result<FetchedProfile, GraphError> {
        (self.0)().await;
        Err(GraphError::Unauthorized { claims: None })
    }
}

#[tokio::test]
async fn a_panic_is_an_answer_that_tells_nothing() {
    let mut fixture = Fixture::new();
    fixture.api.services.profiles = Arc::new(Broken(|| Box::pin(async { panic!("secret of the program") })));
    let response = fixture.get("/api/profile").await;
    assert_problem(&response, 500, "internal_error");
    assert!(!format!("{:?}", response.body()).contains("secret"));
    assert_eq!(header(&response, "access-control-allow-origin"), "https://app.example.com");
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered_before_the_host_ends_it() {
    let mut fixture = Fixture::new();
    fixture.api.services.profiles = Arc::new(Broken(|| Box::pin(std::future::pending())));
    let mut event: Value = serde_json::from_str(include_str!("../events/get.json")).unwrap();
    event["rawPath"] = "/api/profile".into();
    let mut request = lambda_http::request::from_str(&event.to_string()).unwrap();
    let mut context = Context::default();
    context.request_id = "8f0d5d1e-6a53-4b7e-9a51-3a7f4f0f2c11".to_owned();
    let deadline = sample::NOW + Duration::milliseconds(1_050);
    context.deadline = u64::try_from(deadline.unix_timestamp_nanos() / 1_000_000).unwrap();
    request.extensions_mut().insert(context);
    let response = profile_api::answer(profile_api::router(fixture.api.clone()), request).await.unwrap();
    assert_problem(&response, 504, "out_of_time");
    assert_eq!(header(&response, "x-request-id"), "8f0d5d1e-6a53-4b7e-9a51-3a7f4f0f2c11");
}

#[tokio::test]
async fn preflights_are_answered_for_listed_origins_only() {
    let fixture = Fixture::new();
    let preflight = |origin: &'static str| {
        fixture.send("OPTIONS", "/api/background-access", move |event| {
            event["headers"]["origin"] = origin.into();
            event["headers"]["access-control-request-method"] = "DELETE".into();
            event["headers"]["access-control-request-headers"] = "authorization".into();
        })
    };
    let allowed = preflight("https://app.example.com").await;
    assert_eq!(header(&allowed, "access-control-allow-origin"), "https://app.example.com");
    assert!(header(&allowed, "access-control-allow-methods").contains("DELETE"));
    assert_safe(&allowed);
    for origin in [
        "https://evil.example.com",
        "https://app.example.com:8443",
        "http://app.example.com",
        "https://app.example.com.evil.example",
        "https://evil-app.example.com",
        "https://sub.app.example.com",
        "https://example.com",
        "https://APP.example.com",
        "https://app.example.com/",
        "null",
        "*",
        "",
    ] {
        let refused = preflight(origin).await;
        assert_eq!(header(&refused, "access-control-allow-origin"), "", "{origin}");
        let read =
            fixture.send("GET", "/api/profile", |event| event["headers"]["origin"] = origin.into()).await;
        assert_eq!(header(&read, "access-control-allow-origin"), "", "{origin}");
        assert!(header(&read, "vary").to_lowercase().contains("origin"), "{origin}");
    }
}

/// What is logged on this thread, line by line.
#[derive(Clone, Default)]
struct Lines(Arc<std::sync::Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Lines {
    fn taken(&self) -> Vec<Value> {
        let text = String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

#[tokio::test]
async fn every_line_of_a_request_names_it_whatever_the_level() {
    for (level, least) in [(tracing::Level::TRACE, 1), (tracing::Level::WARN, 0)] {
        let mut fixture = Fixture::new();
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_max_level(level)
            .with_writer(move || writer.clone())
            .finish();
        let _logging = tracing::subscriber::set_default(subscriber);

        let named = |answer: &Response<Body>, least: usize| {
            let lines = lines.taken();
            assert!(lines.len() >= least, "{answer:?}");
            for line in lines {
                assert_eq!(line["span"]["request.id"], header(answer, "x-request-id"), "{line}");
            }
        };
        named(&fixture.get("/api/profile").await, least);
        named(&fixture.get("/api/nothing").await, least);
        named(&fixture.send("PUT", "/api/profile", |_| {}).await, least);
        let large = |event: &mut Value| event["body"] = "x".repeat(20_000).into();
        named(&fixture.send("GET", "/api/profile", large).await, least);
        let preflight = |event: &mut Value| event["headers"]["access-control-request-method"] = "GET".into();
        named(&fixture.send("OPTIONS", "/api/profile", preflight).await, least);

        let down = StoreError::Unavailable { operation: "load", source: None };
        fixture.store.fail_next(StoreOperation::Load, down);
        named(&fixture.get("/api/profile").await, 1);
        fixture.api.services.profiles = Arc::new(Broken(|| Box::pin(async { panic!("told to") })));
        named(&fixture.get("/api/profile").await, 1);
    }
}
