//! Each reason for a refusal has one code, one line in the log, and one row in the documentation.

use crate::support::{FIRST_KEY, FakeEntra, Token};
use domain::caller::{CallerAuthenticator as _, Refusal};
use entra::TokenRefused;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::{Arc, Mutex};
use test_support::sample;
use tracing_subscriber::fmt::MakeWriter;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/architecture.md");

/// One of each. A new reason must be put in here: the match in `index` does not compile without it.
async fn all() -> Vec<TokenRefused> {
    let entra = FakeEntra::start().await;
    entra.publish(wiremock::ResponseTemplate::new(503)).await;
    let bearer = Token::v2(&entra.authority).bearer();
    let unavailable = entra.validator().validate(Some(&bearer)).await.unwrap_err();
    let all = vec![
        TokenRefused::MissingToken,
        TokenRefused::TokenTooLarge,
        TokenRefused::MalformedToken,
        TokenRefused::DuplicateClaim,
        TokenRefused::EncryptedToken,
        TokenRefused::UnsupportedAlgorithm,
        TokenRefused::UnknownSigningKey,
        TokenRefused::BadSignature,
        TokenRefused::WrongKeyIssuer,
        TokenRefused::TokenExpired,
        TokenRefused::TokenNotYetValid,
        TokenRefused::WrongAudience,
        TokenRefused::WrongIssuer,
        TokenRefused::UnsupportedVersion,
        TokenRefused::MissingClaim("tid"),
        TokenRefused::ClaimTooLarge("kid"),
        TokenRefused::IdToken,
        TokenRefused::TenantNotAllowed,
        TokenRefused::ClientNotAllowed,
        TokenRefused::AppOnlyToken,
        unavailable,
    ];
    let indexes: Vec<usize> = all.iter().map(index).collect();
    assert_eq!(indexes, (0..all.len()).collect::<Vec<_>>());
    all
}

fn index(refused: &TokenRefused) -> usize {
    match refused {
        TokenRefused::MissingToken => 0,
        TokenRefused::TokenTooLarge => 1,
        TokenRefused::MalformedToken => 2,
        TokenRefused::DuplicateClaim => 3,
        TokenRefused::EncryptedToken => 4,
        TokenRefused::UnsupportedAlgorithm => 5,
        TokenRefused::UnknownSigningKey => 6,
        TokenRefused::BadSignature => 7,
        TokenRefused::WrongKeyIssuer => 8,
        TokenRefused::TokenExpired => 9,
        TokenRefused::TokenNotYetValid => 10,
        TokenRefused::WrongAudience => 11,
        TokenRefused::WrongIssuer => 12,
        TokenRefused::UnsupportedVersion => 13,
        TokenRefused::MissingClaim(_) => 14,
        TokenRefused::ClaimTooLarge(_) => 15,
        TokenRefused::IdToken => 16,
        TokenRefused::TenantNotAllowed => 17,
        TokenRefused::ClientNotAllowed => 18,
        TokenRefused::AppOnlyToken => 19,
        TokenRefused::KeysUnavailable(_) => 20,
    }
}

/// The status with which the HTTP function answers.
fn status(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Missing | Refusal::Invalid { .. } => "401",
        Refusal::Forbidden { .. } => "403",
        Refusal::KeysUnavailable { .. } => "503",
    }
}

#[tokio::test]
async fn the_documentation_has_a_row_for_each() {
    let text = fs::read_to_string(DOCUMENT).unwrap();
    let section = text.split("## Validation").nth(1).unwrap().split("\n## ").next().unwrap();
    let documented: BTreeMap<&str, &str> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
        .map(|(code, rest)| (code, rest.split(" |").next().unwrap()))
        .collect();
    let codes: Vec<(&str, Refusal)> =
        all().await.into_iter().map(|refused| (refused.code(), refused.into())).collect();
    let real: BTreeMap<&str, &str> = codes.iter().map(|(code, refusal)| (*code, status(refusal))).collect();
    assert_eq!(real.len(), codes.len(), "a code stands for one reason");
    assert_eq!(documented, real);
}

#[tokio::test]
async fn codes_are_snake_case_and_texts_tell_nothing_of_ours() {
    for refused in all().await {
        let code = refused.code();
        assert!(code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
        let text = refused.to_string();
        assert!(!text.is_empty() && !text.contains("http"), "{text}");
        assert_eq!(refused.claim().is_some(), text.contains(": tid") || text.contains(": kid"), "{text}");
    }
}

/// What was logged, as JSON lines.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_refusal_is_logged_with_its_code_and_claim_and_without_the_token() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let validator = entra.validator();
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .json()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let mut tokens = Vec::new();
    for token in [
        Token::v2(&entra.authority),
        Token::v2(&entra.authority).with("exp", sample::NOW.unix_timestamp() - 600),
        Token::v2(&entra.authority).with("tid", 7),
        Token::v2(&entra.authority).key_id("forged"),
    ] {
        let token = token.sign(&FIRST_KEY);
        let _ = validator.authenticate(Some(&format!("Bearer {token}"))).await;
        tokens.push(token);
    }
    let _ = validator.authenticate(None).await;
    drop(guard);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let refusals: Vec<_> = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["fields"].clone())
        .filter(|fields| fields["event"] == "token.refused")
        .map(|fields| (fields["token.refusal"].clone(), fields["token.claim"].clone()))
        .collect();
    let expected = [
        (json!("token_expired"), json!(null)),
        (json!("missing_claim"), json!("tid")),
        (json!("unknown_signing_key"), json!(null)),
        (json!("missing_token"), json!(null)),
    ];
    assert_eq!(refusals, expected);
    for part in tokens.iter().flat_map(|token| token.split('.').skip(1)) {
        assert!(!text.contains(part), "{text}");
    }
}
