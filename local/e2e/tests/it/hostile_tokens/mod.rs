//! Hostile tokens of independent signers (`local/e2e/python/hostile_tokens`), one by one against the API over HTTP. What each
//! of them must come to is said where it is made; here it is sent, and everything that it caused is counted.

mod authority;
mod wire;

use crate::database::Database;
use crate::lab::ADELE;
use authority::Authority;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use entra_emulator::{
    API_CLIENT_ID, API_CLIENT_SECRET, OTHER_SPA_CLIENT_ID, PARTNER_TENANT_ID, SPA_CLIENT_ID, TENANT_ID,
};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use stack::{Stack, StackOptions, Visitor};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;
use wire::RawAnswer;
use wiring::{AwsClients, Environment};

const FEWEST_CASES: usize = 60;
const TABLE: &str = "tokens";
/// Where a token that is refused must be refused.
const ROUTES: [(&str, &str); 3] =
    [("GET", "/api/profile"), ("GET", "/api/background-access"), ("DELETE", "/api/background-access")];
/// Read by a Python that has `PyJWT`, joserfc and cryptography.
const PYTHON: &str = "HOSTILE_TOKENS_PYTHON";

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    /// Keys that stand in the document beside the authority's own.
    Publish(Vec<Value>),
    /// Seconds.
    Advance(i64),
    Case(Box<Case>),
}

#[derive(Deserialize)]
struct Case {
    group: String,
    name: String,
    api: String,
    status: u16,
    /// `None` for controls, and where the web server ends the matter.
    code: Option<String>,
    /// Controls are accepted here.
    route: Option<String>,
    #[serde(deserialize_with = "base64")]
    head: Vec<u8>,
    query: String,
    #[serde(deserialize_with = "base64")]
    body: Vec<u8>,
    token: String,
}

fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    BASE64_STANDARD.decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

#[tokio::test]
async fn every_hostile_token_is_refused_for_its_own_reason_and_causes_nothing() {
    let environment = Environment::of_process();
    let Some(python) = environment.get(PYTHON) else {
        // Past the test runner, which keeps the output of tests that pass to itself.
        let line =
            format!("skipped: {PYTHON} is not set; `cargo xtask test --only hostile-tokens` sets it\n");
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    };
    let mut scene = Scene::start().await;
    let mut faults = String::new();
    let (mut names, mut groups) = (BTreeSet::new(), BTreeMap::<String, usize>::new());
    for step in scene.steps(python).await {
        match step {
            Step::Publish(keys) => scene.authority.publish(keys),
            Step::Advance(seconds) => scene.pass(seconds),
            Step::Case(case) => {
                assert!(names.insert(case.name.clone()), "two cases are named {}", case.name);
                *groups.entry(case.group.clone()).or_default() += 1;
                for fault in scene.play(&case).await {
                    writeln!(faults, "{} / {}: {fault}", case.group, case.name).unwrap();
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
    let controls = groups.remove("controls").unwrap_or_default();
    let refused: usize = groups.values().sum();
    assert!(refused >= FEWEST_CASES && controls > 0, "{groups:?}");
    let Counts { requests, token_requests, table_requests, key_fetches } = scene.counts;
    let line = format!(
        "{refused} hostile tokens refused in {requests} requests, which caused {token_requests} token requests, \
         {table_requests} table requests and {key_fetches} key fetches; {controls} controls accepted; {groups:?}\n"
    );
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

/// What hostile tokens caused, those left out that are sent to use up the one look for an unknown key.
#[derive(Default)]
struct Counts {
    requests: u64,
    token_requests: u64,
    table_requests: u64,
    key_fetches: u64,
}

/// One authority, one table, and APIs that differ in whom they let in.
struct Scene {
    authority: Authority,
    database: Database,
    table: aws_sdk_dynamodb::Client,
    apis: BTreeMap<&'static str, Stack>,
    /// An address that nobody has a reason to ask at, and how often somebody did.
    trap: String,
    trapped: Arc<AtomicU64>,
    counts: Counts,
    /// What was in the table after the last case that must leave it as it is.
    items: Option<BTreeSet<String>>,
    _folder: Folder,
}

impl Scene {
    async fn start() -> Self {
        let folder = Folder::new();
        let authority = Authority::start(folder.0.join("entra.json")).await;
        let database = Database::start().await;
        let mut apis = BTreeMap::new();
        for (name, variables) in [
            ("tenant", [("ENTRA_TENANT_ID", TENANT_ID), ("ENTRA_ALLOWED_CLIENTS", SPA_CLIENT_ID)]),
            ("any_client", [("ENTRA_TENANT_ID", TENANT_ID), ("ENTRA_ALLOWED_CLIENTS", "*")]),
            ("organizations", [("ENTRA_TENANT_ID", "organizations"), ("ENTRA_ALLOWED_TENANTS", TENANT_ID)]),
        ] {
            let mut environment: Environment = variables.into_iter().collect();
            environment.set("ENTRA_AUTHORITY_HOST", &authority.url);
            environment.set("ENTRA_CLIENT_ID", API_CLIENT_ID);
            environment.set("ENTRA_CLIENT_SECRET", API_CLIENT_SECRET);
            environment.set("SPA_CLIENT_ID", SPA_CLIENT_ID);
            environment.set("GRAPH_BASE_URL", format!("{}/graph/v1.0", authority.url));
            environment.set("AWS_ENDPOINT_URL_DYNAMODB", &database.url);
            environment.set("TABLE_NAME", TABLE);
            let options = StackOptions { environment, ..StackOptions::for_tests() };
            apis.insert(name, Box::pin(Stack::start(options)).await.unwrap());
        }
        let table = AwsClients::new(apis["tenant"].environment()).await.dynamodb;
        let (trap, trapped) = trap().await;
        let counts = Counts::default();
        Self { authority, database, table, apis, trap, trapped, counts, items: None, _folder: folder }
    }

    /// What the makers of tokens are told: ids, the time, the authority's own key, and real tokens of all kinds.
    async fn given(&self) -> Value {
        let page = &self.apis["tenant"].addresses().page;
        let visitor = Visitor::at(page).await.unwrap();
        let adele = visitor.sign_in(ADELE).await.unwrap();
        let graph = visitor.clone().with_scopes(&["https://graph.microsoft.com/User.Read"]);
        let partner = visitor.clone().with_authority(&self.authority.url, PARTNER_TENANT_ID);
        let other_page = visitor.clone().with_client(OTHER_SPA_CLIENT_ID);
        let (pkcs8, kid) = self.authority.signing_key();
        json!({
            "authority": self.authority.url,
            "tenant": TENANT_ID,
            "partner": PARTNER_TENANT_ID,
            "api": API_CLIENT_ID,
            "page": SPA_CLIENT_ID,
            "other_page": OTHER_SPA_CLIENT_ID,
            "trap": self.trap,
            "now": self.authority.emulator.now().unix_timestamp(),
            "pkcs8": pkcs8,
            "kid": kid,
            "genuine": {
                "access_token": adele.access_token,
                "id_token": adele.id_token,
                "graph_token": graph.sign_in(ADELE).await.unwrap().access_token,
                "partner_token": partner.sign_in("noor@harbour.example").await.unwrap().access_token,
                "other_page_token": other_page.sign_in(ADELE).await.unwrap().access_token,
                "app_only_token": self.app_only_token(&visitor).await,
            },
        })
    }

    async fn app_only_token(&self, visitor: &Visitor) -> String {
        let url = format!("{}/{TENANT_ID}/oauth2/v2.0/token", self.authority.url);
        let scope = format!("api://{API_CLIENT_ID}/.default");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", API_CLIENT_ID),
            ("client_secret", API_CLIENT_SECRET),
            ("scope", &scope),
        ];
        let answer: Value = visitor.http().post(url).form(&form).send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    async fn steps(&self, python: &str) -> Vec<Step> {
        let given = self.given().await.to_string();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
        let mut maker = Command::new(python);
        maker.args(["-W", "error", "-m", "hostile_tokens"]).current_dir(folder);
        maker.env("PYTHONDONTWRITEBYTECODE", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut maker = maker.spawn().unwrap();
        maker.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
        let output = tokio::task::spawn_blocking(move || maker.wait_with_output().unwrap()).await.unwrap();
        assert!(output.status.success(), "the makers of tokens failed: {}", output.status);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn pass(&self, seconds: i64) {
        for api in self.apis.values() {
            api.clock().advance(seconds).unwrap();
        }
        self.authority.emulator.advance_clock(time::Duration::seconds(seconds)).unwrap();
    }

    /// What is wrong with what came of it.
    async fn play(&mut self, case: &Case) -> Vec<String> {
        match &case.route {
            Some(route) => {
                self.items = None;
                let answer = self.send(case, ("GET", route)).await;
                if answer.status == case.status {
                    return Vec::new();
                }
                vec![format!("GET {route}: a control, expected {}, got {answer:?}", case.status)]
            }
            None => self.refuse(case).await,
        }
    }

    async fn refuse(&mut self, case: &Case) -> Vec<String> {
        let items = match self.items.take() {
            Some(items) => items,
            None => self.items().await,
        };
        self.authority.take_requests();
        self.database.take_counts();
        let mut faults = Vec::new();
        for route in ROUTES {
            let answer = self.send(case, route).await;
            faults.extend(
                refusal_faults(case, &answer).map(|fault| format!("{} {}: {fault}", route.0, route.1)),
            );
        }
        let (token_requests, key_fetches) = self.authority.take_requests();
        let table = self.database.take_counts();
        let uses_up_the_look = case.group == "warm-up";
        if uses_up_the_look {
            // More than one would be a way to make us ask as often as one likes.
            if key_fetches != 1 {
                faults.push(format!("expected 1 fetch of keys, got {key_fetches}"));
            }
        } else {
            self.counts.requests += ROUTES.len() as u64;
            self.counts.token_requests += token_requests;
            self.counts.table_requests += table.values().sum::<u64>();
            self.counts.key_fetches += key_fetches;
            if (token_requests, key_fetches) != (0, 0) || !table.is_empty() {
                faults.push(format!("{token_requests} token requests, {key_fetches} key fetches, {table:?}"));
            }
            let left = self.items().await;
            if left != items {
                faults.push("the table has changed".to_owned());
            }
            self.items = Some(left);
        }
        if token_requests > 0 {
            faults.push("a token request".to_owned());
        }
        if self.trapped.swap(0, Ordering::Relaxed) > 0 {
            faults.push("somebody asked at an address in the token".to_owned());
        }
        faults
    }

    async fn send(&self, case: &Case, (method, path): (&str, &str)) -> RawAnswer {
        let base = &self.apis[case.api.as_str()].addresses().api;
        let target = format!("{path}{}", case.query);
        wire::send(base, method, &target, &case.head, &case.body).await
    }

    /// Past the door that counts, because the door would count this, too: by the table's own client, and forgotten.
    async fn items(&self) -> BTreeSet<String> {
        let page = self.table.scan().table_name(TABLE).send().await.unwrap();
        assert!(page.last_evaluated_key.is_none());
        self.database.take_counts();
        page.items().iter().map(|item| format!("{:?}", item.iter().collect::<BTreeMap<_, _>>())).collect()
    }
}

/// What an answer lacks of a refusal with this status and code.
fn refusal_faults(case: &Case, answer: &RawAnswer) -> impl Iterator<Item = String> {
    let mut faults = Vec::new();
    if (answer.status, answer.code()) != (case.status, case.code.clone()) {
        faults.push(format!(
            "expected {} {}, got {} {}",
            case.status,
            case.code.as_deref().unwrap_or("without a code"),
            answer.status,
            answer.code().as_deref().unwrap_or("without a code"),
        ));
    }
    let header = |name: &str| answer.headers.get(name).map_or("", String::as_str);
    if case.code.is_some() {
        if header("content-type") != "application/problem+json" {
            faults.push(format!("not a problem but {}", header("content-type")));
        }
        if answer.status == 401 && !header("www-authenticate").starts_with("Bearer") {
            faults.push("401 without a challenge".to_owned());
        }
    }
    let parts = case.token.split('.').filter(|part| part.len() > 16);
    let everything = format!("{:?}{}", answer.headers, answer.text);
    if parts.clone().any(|part| everything.contains(part)) || everything.contains("X-Injected") {
        faults.push("the answer holds a part of the token".to_owned());
    }
    faults.into_iter()
}

/// Listens where no key, certificate or issuer is, and counts who comes.
async fn trap() -> (String, Arc<AtomicU64>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let trapped = Arc::new(AtomicU64::new(0));
    let count = trapped.clone();
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    (url, trapped)
}

/// A folder of one test's own, removed with this.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("hostile-tokens-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
