//! A stack of one test's own, and what a person or a page does with it.

use crate::database::Database;
use crate::leaks::Watch;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};
use entra_emulator::Emulator;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use serde_json::Value;
use stack::{AccountState, PageContent, SignedIn, Stack, StackOptions, Visitor};
use std::collections::{BTreeMap, HashMap};
use wiring::{AwsClients, Environment};

pub(crate) const ADELE: &str = "adele@lakeside.example";
pub(crate) const BRUNO: &str = "bruno@lakeside.example";
pub(crate) const CHIDI: &str = "chidi@lakeside.example";

/// Longer than the idle threshold (30 s), and shorter than any token lives.
pub(crate) const AWAY: i64 = 90;
/// Longer than a Graph token lives (24 h for this client), shorter than a refresh token.
pub(crate) const LONG_AWAY: i64 = 25 * 3600;

const TABLE: &str = "tokens";

pub(crate) struct Lab {
    pub(crate) stack: Box<Stack>,
    pub(crate) database: Database,
    pub(crate) visitor: Visitor,
    pub(crate) client: aws_sdk_dynamodb::Client,
    /// Fails the test when a secret got out.
    pub(crate) watch: Watch,
}

/// An item as the table has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// An answer of the API.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Lab {
    pub(crate) async fn start() -> Self {
        Self::with(&[]).await
    }

    /// With variables beside those of a lab.
    pub(crate) async fn with(variables: &[(&str, &str)]) -> Self {
        Self::with_page(variables, StackOptions::for_tests().page).await
    }

    pub(crate) async fn with_page(variables: &[(&str, &str)], page: PageContent) -> Self {
        let database = Database::start().await;
        let mut environment: Environment = variables.iter().copied().collect();
        environment.set("AWS_ENDPOINT_URL_DYNAMODB", &database.url);
        environment.set("TABLE_NAME", TABLE);
        let options = StackOptions { environment, page, ..StackOptions::for_tests() };
        let stack = Box::pin(Stack::start(options)).await.unwrap();
        Self::over(Box::new(stack), database).await
    }

    /// With a stack that was started elsewhere.
    pub(crate) async fn over(stack: Box<Stack>, database: Database) -> Self {
        let watch = Watch::over(stack.emulator().unwrap());
        if let Some(key) = stack.environment().get("SEALING_LOCAL_KEY") {
            watch.secret("sealing key", key);
        }
        let visitor = Visitor::at(&stack.addresses().page).await.unwrap();
        let client = AwsClients::new(stack.environment()).await.dynamodb;
        Self { stack, database, visitor, client, watch }
    }

    pub(crate) fn emulator(&self) -> &Emulator {
        self.stack.emulator().unwrap()
    }

    pub(crate) async fn sign_in(&self, user: &str) -> SignedIn {
        self.visitor.sign_in(user).await.unwrap()
    }

    /// Signs in and reads the profile, so that the account has tokens and activity.
    pub(crate) async fn visit(&self, user: &str) -> SignedIn {
        let signed_in = self.sign_in(user).await;
        let answer = self.profile(&signed_in).await;
        assert_eq!((answer.status, &answer.body["userPrincipalName"]), (200, &user.into()), "{answer:?}");
        signed_in
    }

    pub(crate) async fn profile(&self, who: &SignedIn) -> Answer {
        self.call(Method::GET, "/api/profile", &who.access_token).await
    }

    pub(crate) async fn background_access(&self, who: &SignedIn) -> Answer {
        self.call(Method::GET, "/api/background-access", &who.access_token).await
    }

    pub(crate) async fn call(&self, method: Method, path: &str, token: &str) -> Answer {
        self.send(self.request(method, path).bearer_auth(token)).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.visitor.http().request(method, format!("{}{path}", self.stack.addresses().api))
    }

    pub(crate) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        self.watch.hears(&format!("{headers:?} {text}"));
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, headers, body }
    }

    /// Lets the API know the keys of today, by way of a token that is good for nothing else.
    pub(crate) async fn renew_keys(&self) {
        let header = BASE64_STANDARD_NO_PAD.encode(r#"{"alg":"RS256","kid":"unknown"}"#);
        let answer = self.call(Method::GET, "/api/profile", &format!("{header}.e30.e30")).await;
        answer.assert_problem(401, "unknown_signing_key");
    }

    /// Nobody does anything for so long.
    pub(crate) fn pass(&self, seconds: i64) {
        self.stack.clock().advance(seconds).unwrap();
    }

    /// One tick of the schedule; how many accounts ended how.
    pub(crate) async fn sweep(&self) -> BTreeMap<&'static str, u64> {
        let summary = self.stack.sweeper().tick().await.unwrap();
        if let Some(bus) = self.stack.bus() {
            self.watch.hears(&format!("{:?}", bus.events()));
        }
        summary.outcomes.into_iter().map(|(outcome, count)| (outcome.as_str(), count)).collect()
    }

    pub(crate) async fn accounts(&self) -> Vec<AccountState> {
        self.stack.accounts().all().await.unwrap()
    }

    /// What the table says of this user, who must be in it once.
    pub(crate) async fn account(&self, user: &str) -> AccountState {
        let accounts = self.accounts().await;
        let mut of_user = accounts.into_iter().filter(|one| one.user_principal_name.as_deref() == Some(user));
        let account = of_user.next().unwrap_or_else(|| panic!("{user} is not in the table"));
        assert_eq!(of_user.next(), None, "one account per user");
        account
    }

    /// Everything in the table but the authority's signing keys, which are there from the start.
    pub(crate) async fn items(&self) -> Vec<Item> {
        let (_, others) = self.signing_keys_and_others().await;
        others
    }

    /// The items with the last known good signing keys.
    pub(crate) async fn kept_keys(&self) -> Vec<Item> {
        let (keys, _) = self.signing_keys_and_others().await;
        keys
    }

    async fn signing_keys_and_others(&self) -> (Vec<Item>, Vec<Item>) {
        let page = self.client.scan().table_name(TABLE).send().await.unwrap();
        assert!(page.last_evaluated_key.is_none());
        let items = page.items.unwrap_or_default();
        items.into_iter().partition(|item| item["pk"].as_s().unwrap().starts_with("KEYS#"))
    }

    /// The items of this sort key, which may be cut off (`TOKENS`).
    pub(crate) async fn items_of_kind(&self, kind: &str) -> Vec<Item> {
        let items = self.items().await;
        items.into_iter().filter(|item| item["sk"].as_s().unwrap().starts_with(kind)).collect()
    }

    pub(crate) async fn put(&self, item: Item) {
        self.client.put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
    }

    /// Requests to Entra's token endpoint and to Graph `/me` since the last call of this.
    pub(crate) fn take_requests(&self) -> (u64, u64) {
        let counters = self.emulator().counters();
        self.emulator().reset_requests();
        let total = |prefix: &str| {
            let kinds = counters.iter().filter(|(kind, _)| kind.starts_with(prefix));
            kinds.map(|(_, counter)| counter.total).sum()
        };
        (total("token."), total("graph.me"))
    }
}

impl Answer {
    /// A problem (RFC 9457) with this status and code.
    #[track_caller]
    pub(crate) fn assert_problem(&self, status: u16, code: &str) {
        assert_eq!((self.status, &self.body["code"]), (status, &code.into()), "{self:?}");
        assert_eq!(self.headers[CONTENT_TYPE], "application/problem+json");
        assert_eq!(self.body["status"], status);
        for member in ["type", "title", "detail"] {
            assert!(self.body[member].as_str().is_some_and(|text| !text.is_empty()), "{member}: {self:?}");
        }
    }

    #[track_caller]
    pub(crate) fn assert_ok(&self) {
        assert_eq!(self.status, 200, "{self:?}");
    }

    /// The claims of a challenge, as JSON text.
    #[track_caller]
    pub(crate) fn challenged_claims(&self) -> String {
        self.assert_problem(401, "insufficient_claims");
        let challenge = self.headers[WWW_AUTHENTICATE].to_str().unwrap();
        assert!(challenge.starts_with("Bearer error=\"insufficient_claims\""), "{challenge}");
        let claims = challenge.split("claims=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        String::from_utf8(BASE64_STANDARD.decode(claims).unwrap()).unwrap()
    }

    #[track_caller]
    pub(crate) fn retry_after(&self) -> u64 {
        self.headers["retry-after"].to_str().unwrap().parse().unwrap()
    }
}
