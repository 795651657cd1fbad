//! What is kept of a token endpoint's success, and what is not taken for one.

use crate::support::{
    FakeEntra, NEVER, SHORT_TIMEOUT, TENANT, TIMEOUT, account, assertion, authority, client_info, exchange,
};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::error::{TokenError, UnavailableKind};
use domain::ports::TokenExchange as _;
use domain::scope::ScopeSet;
use domain::token::{IssuedTokens, RefreshToken};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use test_support::{FixedClock, sample};
use time::Duration;
use wiremock::ResponseTemplate;

fn minimal() -> Value {
    json!({"token_type": "Bearer", "expires_in": 3600, "access_token": "at"})
}

/// A minimal success with some members changed or, by `null`, taken away.
fn with(changes: Value) -> Value {
    let (Value::Object(mut answer), Value::Object(changes)) = (minimal(), changes) else {
        unreachable!("both are objects")
    };
    for (name, value) in changes {
        if value.is_null() {
            answer.remove(&name);
        } else {
            answer.insert(name, value);
        }
    }
    Value::Object(answer)
}

async fn ask(answer: ResponseTemplate) -> Result<IssuedTokens, TokenError> {
    let entra = FakeEntra::start().await;
    entra.answer(answer).await;
    let scopes = ScopeSet::parse("https://graph.microsoft.com/User.Read offline_access");
    let outcome = entra.exchange().on_behalf_of(TENANT, &assertion(), (&scopes).into()).await;
    assert_eq!(entra.requests().await.len(), 1, "one request, no retry");
    outcome
}

async fn issued(answer: Value) -> IssuedTokens {
    ask(ResponseTemplate::new(200).set_body_json(answer)).await.expect("a success")
}

async fn kind(answer: ResponseTemplate) -> UnavailableKind {
    match ask(answer).await {
        Err(TokenError::Unavailable { kind, .. }) => kind,
        other => unreachable!("expected Unavailable, got {other:?}"),
    }
}

#[tokio::test]
async fn every_part_of_a_full_answer_is_kept() {
    let id_claims = json!({"preferred_username": "user1@lakeside.example", "name": "User 1"}).to_string();
    let id_token = format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(id_claims));
    let tokens = issued(with(json!({
        "ext_expires_in": 7200,
        "refresh_in": 1800,
        "scope": "openid profile User.Read",
        "refresh_token": "rt",
        "refresh_token_expires_in": 86400,
        "id_token": id_token,
        "client_info": client_info(account()),
    })))
    .await;
    let now = sample::NOW;
    assert_eq!(tokens.access_token.expose(), "at");
    assert_eq!(tokens.scopes.to_string(), "openid profile User.Read");
    assert_eq!((tokens.issued_at, tokens.expires_at), (now, now + Duration::hours(1)));
    assert_eq!(tokens.extended_expires_at, now + Duration::hours(2));
    assert_eq!(tokens.refresh_at, Some(now + Duration::minutes(30)));
    assert_eq!(tokens.refresh_token.as_ref().map(RefreshToken::expose), Some("rt"));
    assert_eq!(tokens.refresh_token_expires_at, Some(now + Duration::days(1)));
    assert_eq!(tokens.id_token.as_ref().map(|token| token.expose().to_owned()), Some(id_token));
    assert_eq!(tokens.home_account, Some(account()));
    assert_eq!(tokens.client_info, Some(client_info(account())));
    assert_eq!(tokens.username.as_deref(), Some("user1@lakeside.example"));
    assert_eq!(tokens.name.as_deref(), Some("User 1"));
    let debug = format!("{tokens:?}");
    assert!(!debug.contains("\"at\"") && !debug.contains("\"rt\""), "{debug}");
}

#[tokio::test]
async fn a_minimal_answer_has_what_was_asked_for_and_nothing_else() {
    let tokens = issued(minimal()).await;
    assert_eq!(tokens.scopes.to_string(), "https://graph.microsoft.com/User.Read");
    assert_eq!(tokens.extended_expires_at, tokens.expires_at);
    assert!(
        tokens.refresh_at.is_none()
            && tokens.refresh_token.is_none()
            && tokens.refresh_token_expires_at.is_none()
    );
    assert!(tokens.id_token.is_none() && tokens.home_account.is_none() && tokens.client_info.is_none());
    assert!(tokens.username.is_none() && tokens.name.is_none());
}

#[tokio::test]
async fn lifetimes_may_be_numbers_or_text() {
    let tokens = issued(with(json!({"expires_in": "60", "ext_expires_in": "120", "refresh_in": "30"}))).await;
    assert_eq!(tokens.expires_at, sample::NOW + Duration::minutes(1));
    assert_eq!(tokens.extended_expires_at, sample::NOW + Duration::minutes(2));
    assert_eq!(tokens.refresh_at, Some(sample::NOW + Duration::seconds(30)));
}

#[tokio::test]
async fn hints_that_make_no_sense_are_passed_over() {
    let tokens = issued(with(json!({
        "ext_expires_in": 5,
        "refresh_in": 3600,
        "refresh_token_expires_in": 10,
        "id_token": "not a token",
        "client_info": "?",
        "scope": "",
    })))
    .await;
    assert_eq!(tokens.extended_expires_at, tokens.expires_at, "never before the end itself");
    assert_eq!(tokens.refresh_at, None, "a renewal at the end is no renewal");
    assert_eq!(tokens.refresh_token_expires_at, None, "there is no refresh token");
    assert_eq!((tokens.username, tokens.home_account, tokens.client_info), (None, None, None));
    assert_eq!(tokens.scopes.to_string(), "https://graph.microsoft.com/User.Read");

    let endless = issued(with(json!({"refresh_token": "rt", "refresh_token_expires_in": i64::MAX}))).await;
    assert_eq!(endless.refresh_token_expires_at, Some(sample::NOW + Duration::days(730)));
    let unknown = issued(with(json!({"refresh_token": "rt", "refresh_token_expires_in": 0}))).await;
    assert_eq!(unknown.refresh_token_expires_at, None);
}

#[tokio::test]
async fn an_answer_that_is_not_a_bearer_token_with_a_sane_lifetime_is_not_taken() {
    for answer in [
        with(json!({"token_type": null})),
        with(json!({"token_type": "pop"})),
        with(json!({"access_token": null})),
        with(json!({"access_token": ""})),
        with(json!({"access_token": 7})),
        with(json!({"access_token": "line\nbreak"})),
        with(json!({"access_token": "schlüssel"})),
        with(json!({"refresh_token": ""})),
        with(json!({"refresh_token": {}})),
        with(json!({"expires_in": null})),
        with(json!({"expires_in": -1})),
        with(json!({"expires_in": "soon"})),
        with(json!({"expires_in": 1e300})),
        with(json!({"expires_in": i64::MAX})),
        with(json!({"expires_in": 2_592_001})),
        json!([]),
        json!({"error": "invalid_grant"}),
    ] {
        let outcome = kind(ResponseTemplate::new(200).set_body_json(&answer)).await;
        assert_eq!(outcome, UnavailableKind::BadAnswer, "{answer}");
    }
    assert_eq!(
        issued(with(json!({"expires_in": 2_592_000, "token_type": "bearer"}))).await.access_token.expose(),
        "at"
    );
}

#[tokio::test]
async fn what_is_not_json_or_too_large_or_a_redirect_is_not_taken() {
    for answer in [
        ResponseTemplate::new(200).set_body_string("<html>sign in to this network</html>"),
        ResponseTemplate::new(200)
            .set_body_json(json!(["Bearer", "at", 3600, null, null, null, null, null, null, null])),
        ResponseTemplate::new(200),
        ResponseTemplate::new(200).set_body_json(with(json!({"padding": "x".repeat(300 * 1024)}))),
        ResponseTemplate::new(201).set_body_json(minimal()),
        ResponseTemplate::new(307).insert_header("location", "https://evil.example/token"),
        ResponseTemplate::new(200).set_body_bytes(vec![0xFF; 64]),
    ] {
        assert_eq!(kind(answer).await, UnavailableKind::BadAnswer);
    }
}

#[tokio::test]
async fn tokens_of_another_account_are_not_taken_for_a_refresh() {
    let entra = FakeEntra::start().await;
    let token = RefreshToken::new("rt");
    for (account_in_answer, expected) in [(sample::account(1), true), (sample::account(2), false)] {
        let answer = with(json!({"client_info": client_info(account_in_answer)}));
        entra.answer(ResponseTemplate::new(200).set_body_json(answer)).await;
        let outcome =
            entra.exchange().refresh(TENANT, sample::account(1), &token, (&ScopeSet::default()).into()).await;
        assert_eq!(outcome.is_ok(), expected, "{outcome:?}");
    }
}

#[tokio::test]
async fn a_guest_comes_from_another_tenant_than_the_one_that_answers() {
    let guest = domain::identity::HomeAccountId::new(
        sample::account(3).object_id,
        "0a0b0c0d-1111-4222-8333-444455556666".parse().unwrap(),
    );
    let tokens = issued(with(json!({"client_info": client_info(guest)}))).await;
    assert_eq!(tokens.home_account, Some(guest));
}

#[tokio::test]
async fn an_answer_that_takes_too_long_is_given_up() {
    let mut entra = FakeEntra::start().await;
    entra.timeout = SHORT_TIMEOUT;
    entra.answer(ResponseTemplate::new(200).set_body_json(minimal()).set_delay(NEVER)).await;
    let outcome = entra.exchange().on_behalf_of(TENANT, &assertion(), (&ScopeSet::default()).into()).await;
    assert!(
        matches!(outcome, Err(TokenError::Unavailable { kind: UnavailableKind::TimedOut, .. })),
        "{outcome:?}"
    );
}

/// Answers one connection with these bytes and closes it.
fn serve_once(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().expect("one connection");
        let mut request = [0; 4096];
        let _ = connection.read(&mut request);
        let _ = connection.write_all(answer);
    });
    format!("http://{address}")
}

async fn kind_from(host: &str) -> UnavailableKind {
    let exchange = exchange(&authority(host), &FixedClock::default(), TIMEOUT);
    match exchange.on_behalf_of(TENANT, &assertion(), (&ScopeSet::default()).into()).await {
        Err(TokenError::Unavailable { kind, source: Some(_), .. }) => kind,
        other => unreachable!("expected Unavailable with a source, got {other:?}"),
    }
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_or_breaks_off_is_down() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_eq!(kind_from(&format!("http://{free}")).await, UnavailableKind::Down);
    let broken_off = serve_once(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{\"token_type\":");
    assert_eq!(kind_from(&broken_off).await, UnavailableKind::Down);
    assert_eq!(kind_from(&serve_once(b"not HTTP at all\r\n\r\n")).await, UnavailableKind::Down);
    assert_eq!(kind_from(&serve_once(b"")).await, UnavailableKind::Down);
}
