//! One cell of the matrix: a stack, its one user, and what was seen of each who works with their tokens.

use super::program::{Acquired, Language, Programs};
use crate::lab::{AWAY, LONG_AWAY, Lab};
use serde_json::json;
use stack::SignedIn;
use std::collections::BTreeMap;

/// Every step asserts what it expects of the one who acts and of the authority, and notes what was seen.
pub(crate) struct Scene<'a> {
    programs: &'a Programs,
    cell: String,
    lab: Lab,
    signed_in: Option<SignedIn>,
    user: String,
    ahead: i64,
    swept: bool,
    libraries: BTreeMap<Language, String>,
    seen: Vec<String>,
}

impl<'a> Scene<'a> {
    pub(crate) async fn open(programs: &'a Programs, cell: String) -> Self {
        let lab = Lab::with(&programs.sealing()).await;
        Self {
            programs,
            cell,
            lab,
            signed_in: None,
            user: String::new(),
            ahead: 0,
            swept: false,
            libraries: BTreeMap::new(),
            seen: Vec::new(),
        }
    }

    /// What was seen, step by step.
    pub(crate) fn seen(&self) -> String {
        self.seen.join("<br>")
    }

    /// Names and versions of the libraries that were at work.
    pub(crate) fn libraries(&self) -> BTreeMap<Language, String> {
        self.libraries.clone()
    }

    pub(crate) fn refresh_tokens_are_good_once(&self) {
        self.lab.emulator().change_scenarios(&json!({ "strictRotation": true })).unwrap();
    }

    /// A day and more: access tokens end, refresh tokens do not.
    pub(crate) fn time_passes(&mut self) {
        self.pass(LONG_AWAY);
        self.seen.push("*a day later*".to_owned());
    }

    fn pass(&mut self, seconds: i64) {
        self.lab.pass(seconds);
        self.ahead += seconds;
    }

    /// The user signs in and calls the API, which obtains tokens on their behalf and caches them.
    pub(crate) async fn user_visits(&mut self, user: &str) {
        user.clone_into(&mut self.user);
        self.signed_in = Some(self.lab.visit(user).await);
        assert_eq!(self.requests(), [("token.on_behalf_of", 1)].into(), "{}", self.cell);
        let branch_key =
            self.lab.items().await.iter().any(|item| item["pk"].as_s().unwrap() == "KEY#token-blob");
        assert_eq!(
            branch_key,
            !self.programs.sealing().is_empty(),
            "{}: sealed under another kind of key",
            self.cell
        );
        self.seen.push("API: 1 On-Behalf-Of".to_owned());
    }

    /// The same session calls the API once more: it must find the token that was obtained for it.
    pub(crate) async fn user_calls_again(&mut self) {
        let answer = self.lab.profile(self.signed_in.as_ref().unwrap()).await;
        assert_eq!(answer.body["userPrincipalName"], *self.user, "{}", self.cell);
        assert_eq!(self.requests(), BTreeMap::new(), "{}", self.cell);
        self.seen.push("API: the session's own token, 0 requests".to_owned());
    }

    /// The same session once more, when its token is no longer there.
    pub(crate) async fn user_calls_again_for_a_new_token(&mut self) {
        let answer = self.lab.profile(self.signed_in.as_ref().unwrap()).await;
        assert_eq!(answer.body["userPrincipalName"], *self.user, "{}", self.cell);
        assert_eq!(self.requests(), [("token.on_behalf_of", 1)].into(), "{}", self.cell);
        self.seen.push("API: 1 On-Behalf-Of".to_owned());
    }

    pub(crate) async fn worker_uses_cache(&mut self, language: Language, scopes: &str) {
        let acquired = self.acquire(language, scopes, false).await;
        let expected = ("cache", 0, false);
        assert_eq!(
            (acquired.source.as_str(), acquired.token_requests, acquired.written),
            expected,
            "{}: {acquired:?}",
            self.cell
        );
        assert_eq!(self.requests(), BTreeMap::new(), "{}", self.cell);
        self.note_worker(language, scopes, "cached token, 0 requests");
    }

    pub(crate) async fn worker_refreshes(&mut self, language: Language, scopes: &str) {
        self.refreshes(language, scopes, false, "1 refresh").await;
    }

    pub(crate) async fn worker_is_made_to_refresh(&mut self, language: Language, scopes: &str) {
        self.refreshes(language, scopes, true, "1 forced refresh").await;
    }

    /// The library finds nothing that it would use, says so by this code, and asks nobody.
    pub(crate) async fn worker_is_refused(&mut self, language: Language, scopes: &str, code: &str) {
        let refused = self.programs.acquire(&self.lab, language, scopes, false, self.ahead).await;
        let refused = refused.expect_err("a refusal");
        assert!(refused.contains(&format!("\"code\": \"{code}\"")), "{}: {refused}", self.cell);
        assert_eq!(self.requests(), BTreeMap::new(), "{}", self.cell);
        self.note_worker(language, scopes, &format!("`{code}`, 0 requests"));
    }

    async fn refreshes(&mut self, language: Language, scopes: &str, force: bool, what: &str) {
        let acquired = self.acquire(language, scopes, force).await;
        let expected = ("network", 1, true);
        assert_eq!(
            (acquired.source.as_str(), acquired.token_requests, acquired.written),
            expected,
            "{}: {acquired:?}",
            self.cell
        );
        assert_eq!(self.requests(), [("token.refresh", 1)].into(), "{}", self.cell);
        self.note_worker(language, scopes, what);
    }

    async fn acquire(&mut self, language: Language, scopes: &str, force: bool) -> Acquired {
        let acquired = self.programs.acquire(&self.lab, language, scopes, force, self.ahead).await;
        let acquired =
            acquired.unwrap_or_else(|error| panic!("{}, after {}: {error}", self.cell, self.seen()));
        let of_user = scopes.contains("User.Read").then_some(self.user.as_str());
        assert_eq!(acquired.graph_user.as_deref(), of_user, "{}", self.cell);
        assert!(
            acquired.username.as_ref().is_some_and(|name| !name.is_empty()),
            "{}: {acquired:?}",
            self.cell
        );
        self.libraries.insert(language, acquired.library.clone());
        acquired
    }

    fn note_worker(&mut self, language: Language, scopes: &str, what: &str) {
        let scope = scopes.rsplit('/').next().unwrap_or(scopes);
        self.seen.push(format!("{}, {scope}: {what}", language.name()));
    }

    /// The sweep takes its turn with the token that is there.
    pub(crate) async fn sweep_uses_cache(&mut self) {
        self.pass(AWAY);
        self.sweep(BTreeMap::new(), "0 requests").await;
    }

    /// The sweep redeems the refresh token that is there.
    pub(crate) async fn sweep_refreshes(&mut self) {
        self.sweep([("token.refresh", 1)].into(), "1 refresh").await;
    }

    async fn sweep(&mut self, requests: BTreeMap<&'static str, u64>, what: &str) {
        // The first turn acts, because nothing is known of the profile yet.
        let outcome = if std::mem::replace(&mut self.swept, true) { "unchanged" } else { "acted" };
        assert_eq!(self.lab.sweep().await, [(outcome, 1)].into(), "{}, after {}", self.cell, self.seen());
        assert_eq!(self.requests(), requests, "{}, after {}", self.cell, self.seen());
        self.seen.push(format!("sweep: {outcome}, {what}"));
    }

    /// Requests to the token endpoint since the last look, by kind, those of the sign-in page left out.
    fn requests(&self) -> BTreeMap<&'static str, u64> {
        let counters = self.lab.emulator().counters();
        self.lab.emulator().reset_requests();
        let total = |kind: &str| counters.get(kind).map_or(0, |counter| counter.total);
        let known = ["token.on_behalf_of", "token.refresh"].map(|kind| (kind, total(kind)));
        known.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}
