//! What is asked of `/me`, and what is made of each answer.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::error::{GraphError, UnavailableKind};
use domain::ports::{FetchedProfile, ProfileReader as _, Requester};
use domain::token::AccessToken;
use graph::GraphProfileReader;
use serde_json::{Value, json};
use std::error::Error as _;
use std::net::TcpListener;
use std::time::Duration;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Longer than any busy machine takes.
const TIMEOUT: Duration = Duration::from_secs(20);
const TOKEN: &str = "eyJ0eXAiOiJKV1QifQ.e30.c2ln";

fn reader(base_url: &str) -> GraphProfileReader {
    reader_with(base_url, TIMEOUT)
}

/// As wiring builds it: without redirects. Nothing here speaks TLS, and reading the system's certificates takes a while.
fn reader_with(base_url: &str, timeout: Duration) -> GraphProfileReader {
    let builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).tls_certs_only([]);
    let client = builder.build().expect("an HTTP client");
    GraphProfileReader::new(client, &base_url.parse().expect("a URL"), timeout)
}

async fn ask(answer: ResponseTemplate) -> Result<FetchedProfile, GraphError> {
    let server = MockServer::start().await;
    Mock::given(method("GET")).and(path("/v1.0/me")).respond_with(answer).expect(1).mount(&server).await;
    reader(&format!("{}/v1.0", server.uri())).me(&AccessToken::new(TOKEN), Requester::User).await
}

async fn error(answer: ResponseTemplate) -> String {
    let error = ask(answer).await.expect_err("an error");
    assert!(!format!("{error} {error:?}").contains("lakeside"), "bodies stay out of errors");
    summary(&error)
}

/// In one word each, with what is kept of it.
fn summary(error: &GraphError) -> String {
    let seconds = |pause: Option<time::Duration>| pause.map(time::Duration::whole_seconds);
    match error {
        GraphError::Unauthorized { claims } => format!("unauthorized: {}", claims.as_deref().unwrap_or("-")),
        GraphError::Forbidden { code } => format!("forbidden: {code}"),
        GraphError::Throttled { retry_after } => format!("throttled: {:?}", seconds(*retry_after)),
        GraphError::Unavailable { kind, retry_after, .. } => {
            format!("unavailable: {kind:?} {:?}", seconds(*retry_after))
        }
    }
}

/// As Graph answers for the nine properties; `null` where the directory has nothing.
fn user() -> Value {
    json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users(displayName)/$entity",
        "displayName": "User 1",
        "givenName": "User",
        "surname": null,
        "userPrincipalName": "user1@lakeside.example",
        "jobTitle": "Boat builder",
        "department": "Yard",
        "city": "Lakeside",
        "country": null,
        "employeeId": "0042",
    })
}

/// Graph's error body, with a message that names somebody.
fn body(code: &str) -> Value {
    json!({"error": {"code": code, "message": "user1@lakeside.example", "innerError": {"request-id": "1"}}})
}

#[tokio::test]
async fn me_is_asked_for_the_nine_properties_by_name() {
    let server = MockServer::start().await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(200).set_body_json(user()))
        .mount(&server)
        .await;
    // With and without a slash at the end of the base address.
    for base in [format!("{}/v1.0", server.uri()), format!("{}/v1.0/", server.uri())] {
        for requester in [Requester::User, Requester::Turn { idempotency_key: "turn-1" }] {
            reader(&base).me(&AccessToken::new(TOKEN), requester).await.unwrap();
        }
    }
    let requests = server.received_requests().await.unwrap();
    let header = |at: usize, name: &str| {
        requests[at].headers.get(name).map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(requests.len(), 4);
    for (at, request) in requests.iter().enumerate() {
        assert_eq!(request.url.path(), "/v1.0/me");
        assert_eq!(
            request.url.query(),
            Some(
                "$select=displayName,givenName,surname,userPrincipalName,jobTitle,department,city,country,employeeId"
            )
        );
        assert_eq!(header(at, "authorization"), Some(format!("Bearer {TOKEN}")));
        assert_eq!(header(at, "client-request-id").map(|id| id.len()), Some(36));
    }
    assert_eq!(header(0, "x-ms-throttle-priority").as_deref(), Some("high"));
    assert_eq!(header(1, "x-ms-throttle-priority").as_deref(), Some("low"));
    let id = |at| header(at, "client-request-id");
    assert_ne!(id(0), id(2), "each request of a user has an id of its own");
    assert_eq!(id(1), id(3), "a repeated turn has the same");
    assert_ne!(id(0), id(1));
}

#[tokio::test]
async fn a_profile_has_what_graph_sent_and_none_for_null() {
    let profile = ask(ResponseTemplate::new(200).set_body_json(user())).await.unwrap().profile;
    assert_eq!(profile.display_name.as_deref(), Some("User 1"));
    assert_eq!(profile.user_principal_name.as_deref(), Some("user1@lakeside.example"));
    assert_eq!(profile.department.as_deref(), Some("Yard"));
    assert_eq!(profile.employee_id.as_deref(), Some("0042"));
    assert_eq!((profile.surname, profile.country), (None, None));
}

#[tokio::test]
async fn the_entity_tag_is_taken_from_the_body_before_the_header() {
    let both = {
        let mut user = user();
        user["@odata.etag"] = json!("W/\"body\"");
        ResponseTemplate::new(200).insert_header("etag", "W/\"header\"").set_body_json(user)
    };
    assert_eq!(ask(both).await.unwrap().etag.as_deref(), Some("W/\"body\""));
    let header = ResponseTemplate::new(200).insert_header("etag", "W/\"header\"").set_body_json(user());
    assert_eq!(ask(header).await.unwrap().etag.as_deref(), Some("W/\"header\""));
    let oversized = ResponseTemplate::new(200).insert_header("etag", "x".repeat(300)).set_body_json(user());
    assert_eq!(ask(oversized).await.unwrap().etag, None);
    assert_eq!(ask(ResponseTemplate::new(200).set_body_json(user())).await.unwrap().etag, None);
}

#[tokio::test]
async fn a_refused_token_keeps_its_claims_challenge() {
    let expired = ResponseTemplate::new(401)
        .insert_header("www-authenticate", "Bearer realm=\"\", error=\"invalid_token\"")
        .set_body_json(body("InvalidAuthenticationToken"));
    assert_eq!(error(expired).await, "unauthorized: -");
    let claims = r#"{"access_token":{"nbf":{"essential":true,"value":"1764000000"}}}"#;
    let challenge = format!(
        r#"Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", error="insufficient_claims", claims="{}""#,
        BASE64_STANDARD.encode(claims)
    );
    let revoked = ResponseTemplate::new(401)
        .insert_header("www-authenticate", challenge)
        .set_body_json(body("InvalidAuthenticationToken"));
    assert_eq!(error(revoked).await, format!("unauthorized: {claims}"));
}

#[tokio::test]
async fn a_token_that_fits_no_header_is_not_sent() {
    let server = MockServer::start().await;
    let outcome = reader(&server.uri())
        .me(&AccessToken::new("line\nbreak"), Requester::Turn { idempotency_key: "turn-1" })
        .await;
    assert_eq!(summary(&outcome.unwrap_err()), "unauthorized: -");
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn each_refusal_has_its_class() {
    for (status, code, retry_after, expected) in [
        (403, "Authorization_RequestDenied", None, "forbidden: Authorization_RequestDenied"),
        (403, "code with blanks", None, "forbidden: 403"),
        (404, "Request_ResourceNotFound", None, "forbidden: Request_ResourceNotFound"),
        (429, "TooManyRequests", Some("12"), "throttled: Some(12)"),
        (429, "TooManyRequests", None, "throttled: None"),
        (429, "TooManyRequests", Some("never"), "throttled: None"),
        (503, "serviceNotAvailable", Some("30"), "unavailable: Down Some(30)"),
        (500, "generalException", None, "unavailable: Down None"),
        (502, "", None, "unavailable: Down None"),
        (504, "timeout", None, "unavailable: TimedOut None"),
        (408, "timeout", None, "unavailable: TimedOut None"),
        (400, "BadRequest", None, "unavailable: BadAnswer None"),
        (302, "", None, "unavailable: BadAnswer None"),
        (204, "", None, "unavailable: BadAnswer None"),
    ] {
        let mut answer = ResponseTemplate::new(status).set_body_json(body(code));
        if let Some(pause) = retry_after {
            answer = answer.insert_header("retry-after", pause);
        }
        assert_eq!(error(answer).await, expected, "{status} {code}");
    }
    assert_eq!(error(ResponseTemplate::new(403).set_body_string("<html>")).await, "forbidden: 403");
}

#[tokio::test]
async fn what_is_no_user_is_not_taken_for_one() {
    let padded = {
        let mut user = user();
        user["padding"] = json!("x".repeat(300 * 1024));
        user
    };
    for answer in [
        ResponseTemplate::new(200).set_body_string("<html>user1@lakeside.example</html>"),
        ResponseTemplate::new(200),
        ResponseTemplate::new(200).set_body_json(json!({})),
        ResponseTemplate::new(200).set_body_json(json!([user()])),
        ResponseTemplate::new(200).set_body_json(json!({"value": [user()]})),
        ResponseTemplate::new(200).set_body_json(json!({"displayName": 7})),
        ResponseTemplate::new(200).set_body_json(padded),
        ResponseTemplate::new(200).set_body_bytes(vec![0xFF; 64]),
    ] {
        assert_eq!(error(answer).await, "unavailable: BadAnswer None");
    }
}

#[tokio::test]
async fn slow_and_unreachable_are_told_apart() {
    let server = MockServer::start().await;
    let slow = ResponseTemplate::new(200).set_body_json(user()).set_delay(Duration::from_mins(10));
    Mock::given(method("GET")).respond_with(slow).mount(&server).await;
    let error = reader_with(&server.uri(), Duration::from_millis(100))
        .me(&AccessToken::new(TOKEN), Requester::User)
        .await
        .unwrap_err();
    assert_eq!(summary(&error), "unavailable: TimedOut None");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = reader(&format!("http://{free}/v1.0"))
        .me(&AccessToken::new(TOKEN), Requester::User)
        .await
        .unwrap_err();
    assert!(matches!(error, GraphError::Unavailable { kind: UnavailableKind::Down, .. }), "{error:?}");
    assert!(error.source().is_some(), "the cause is kept");
    assert!(!format!("{error:?}").contains(TOKEN));
}
