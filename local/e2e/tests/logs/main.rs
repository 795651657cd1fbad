//! Nothing that is written anywhere holds a token: not the logs at their most talkative, not what the API answers.
//!
//! A program of its own, because it listens to everything that its process logs.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests fail the test")]
#![expect(dead_code, reason = "shared with the other tests, which use the rest")]

#[path = "../it/database.rs"]
mod database;
#[path = "../it/lab.rs"]
mod lab;

use domain::token_cache::open_account;
use entra_emulator::{API_CLIENT_SECRET, UserAction};
use lab::{ADELE, AWAY, BRUNO, LONG_AWAY, Lab};
use reqwest::Method;
use serde_json::{Value, json};
use stack::SignedIn;
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};
use tracing_subscriber::fmt::MakeWriter;

/// Everything that was logged.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Secrets seen so far, each with what it is.
#[derive(Default)]
struct Secrets(BTreeSet<(String, &'static str)>);

impl Secrets {
    fn of_sign_in(&mut self, signed_in: &SignedIn) {
        self.add("access token of the API", &signed_in.access_token);
        self.add("refresh token of the page", &signed_in.refresh_token);
        self.add("id token", &signed_in.id_token);
    }

    /// A signed token also counts by its claims and by its signature.
    fn add(&mut self, what: &'static str, secret: &str) {
        assert!(secret.len() >= 16, "{what} is too short to look for");
        self.0.insert((secret.to_owned(), what));
        if secret.starts_with("eyJ") {
            self.0.extend(secret.split('.').skip(1).map(|part| (part.to_owned(), what)));
        }
    }

    /// What the cache of this user holds.
    async fn of_cache(&mut self, lab: &Lab, user: &str) {
        let account = lab.account(user).await.account;
        let opened = open_account(lab.stack.sweeper().services(), &account).await.unwrap();
        let cache: Value = serde_json::from_slice(&opened.to_json()).unwrap();
        for section in ["AccessToken", "SessionAccessToken", "RefreshToken", "IdToken"] {
            for entity in cache[section].as_object().into_iter().flat_map(serde_json::Map::values) {
                self.add("cached token", entity["secret"].as_str().unwrap());
            }
        }
    }

    #[track_caller]
    fn assert_absent(&self, text: &str, place: &str) {
        for (secret, what) in &self.0 {
            if let Some(position) = text.find(secret.as_str()) {
                let line = text[..position].rsplit('\n').next().unwrap();
                panic!("{place}: {what} after: {}", line.chars().take(400).collect::<String>());
            }
        }
    }
}

#[tokio::test]
async fn no_token_and_no_name_is_ever_logged() {
    let captured = Captured::default();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(captured.clone())
        .init();
    let mut secrets = Secrets::default();
    let lab = Lab::start().await;
    secrets.add("client secret", API_CLIENT_SECRET);
    secrets.add("sealing key", lab.stack.environment().get("SEALING_LOCAL_KEY").unwrap());

    let adele = lab.visit(ADELE).await;
    let bruno = lab.visit(BRUNO).await;
    for signed_in in [&adele, &bruno] {
        secrets.of_sign_in(signed_in);
        lab.profile(signed_in).await.assert_ok();
    }
    let mut answers = Vec::new();
    for user in [ADELE, BRUNO] {
        secrets.of_cache(&lab, user).await;
    }

    // Silent renewal, a parked account, a challenge, outages, a corrupt item, an end.
    lab.pass(LONG_AWAY);
    lab.emulator().revoke(BRUNO).unwrap();
    assert_eq!(lab.sweep().await, [("acted", 1), ("needs_user", 1)].into());
    secrets.of_cache(&lab, ADELE).await;
    let adele = lab.sign_in(ADELE).await;
    secrets.of_sign_in(&adele);
    lab.emulator().act_on_user(ADELE, UserAction::RequireMfa).unwrap();
    let challenge = lab.profile(&adele).await;
    let adele = lab.visitor.sign_in_with_claims(ADELE, Some(&challenge.challenged_claims())).await.unwrap();
    secrets.of_sign_in(&adele);
    answers.push(challenge);
    for outage in [
        json!({ "entra": { "fail": { "status": 500 } } }),
        json!({ "entra": { "garbage": {} } }),
        json!({ "graph": { "throttle": { "retryAfterSeconds": 5 } } }),
        json!({ "graph": { "garbage": {} } }),
    ] {
        lab.emulator().change_scenarios(&outage).unwrap();
        answers.push(lab.profile(&adele).await);
        lab.pass(AWAY);
        lab.sweep().await;
        lab.emulator().reset_scenarios();
    }
    lab.profile(&adele).await.assert_ok();
    secrets.of_cache(&lab, ADELE).await;
    answers.push(lab.background_access(&adele).await);
    answers.push(lab.call(Method::GET, "/api/profile", "not.a.token").await);
    let tampered = format!("{}x", adele.access_token);
    answers.push(lab.call(Method::GET, "/api/profile", &tampered).await);
    answers.push(lab.call(Method::DELETE, "/api/background-access", &adele.access_token).await);
    let state = format!("{:?}", lab.accounts().await);
    lab.stack.stop().await;

    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    for expected in
        ["profile.read", "sweep.account", "sweep.completed", "request.failed", "background_access.ended"]
    {
        assert!(log.contains(expected), "{expected} is not in the log, so nothing was captured");
    }
    assert!(log.contains("TRACE"), "the log is not at its most talkative");
    assert!(secrets.0.len() > 20, "there was little to look for: {}", secrets.0.len());
    secrets.assert_absent(&log, "log");
    secrets.assert_absent(&format!("{answers:?}"), "answers");
    secrets.assert_absent(&state, "what the control routes tell");

    // The functions' own lines name nobody; libraries that log requests do it below info.
    for name in [ADELE, BRUNO, "Adele", "Bruno"] {
        let named = log
            .lines()
            .find(|line| line.contains(name) && !line.contains("TRACE") && !line.contains("DEBUG"));
        assert_eq!(named, None, "{name}");
    }
}
