//! A tenant of the emulator, a checkout in a folder of its own, and the program run in both.

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::Parser;
use domain::ports::Clock;
use entra_emulator::{Emulator, GRAPH_TOOLS_CLIENT_ID, Settings, TENANT_ID};
use futures::future::BoxFuture;
use serde_json::{Value, json};
use setup::registration::{Command, Output, RegistrationError, Waits, World, execute};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use url::Url;
use uuid::Uuid;
use wiring::Environment;

use crate::faults::{Door, Fault, pass};

/// The administrator of the sample directory.
pub(crate) const ADMINISTRATOR: &str = "bruno@lakeside.example";
/// A member without a role.
pub(crate) const MEMBER: &str = "adele@lakeside.example";
/// A guest.
pub(crate) const GUEST: &str = "noor@harbour.example";

pub(crate) const TAG: &str = "shared-token-cache:token-cache";

const SAM_CONFIG: &str = r#"version = 0.1

# The real one.
[prod.deploy.parameters]
parameter_overrides = [
  "SweepShards=16", # more users
]
"#;

pub(crate) struct Scene {
    pub(crate) emulator: Emulator,
    pub(crate) base: String,
    pub(crate) door: Door,
    pub(crate) http: reqwest::Client,
    pub(crate) folder: PathBuf,
    /// Answers the question of `clean-up`.
    pub(crate) confirm: fn(&str) -> Option<bool>,
    token: String,
}

/// What a run wrote, how long it waited, and how it ended.
pub(crate) struct Ran {
    pub(crate) text: String,
    pub(crate) waits: Vec<Duration>,
    pub(crate) result: Result<(), RegistrationError>,
}

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

impl Drop for Scene {
    fn drop(&mut self) {
        // What is left lies among the system's temporary files.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Scene {
    /// The administrator's, with every permission.
    pub(crate) async fn start() -> Self {
        let scopes = "User.Read Application.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All";
        Self::of(ADMINISTRATOR, scopes).await
    }

    pub(crate) async fn of(user: &str, scopes: &str) -> Self {
        // Tests run at the same time, in one process or in many.
        let folder = std::env::temp_dir().join(format!("registration-{}", Uuid::new_v4()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("samconfig.toml"), SAM_CONFIG).unwrap();

        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let emulator = Emulator::start(Settings::sample(Url::parse(&base).unwrap())).unwrap();
        let door = Door::default();
        let layer = axum::middleware::from_fn_with_state(door.clone(), pass);
        let router = emulator.router().layer(layer);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let confirm = |_: &str| Some(true);
        let mut scene = Self { emulator, base, door, http, folder, confirm, token: String::new() };
        scene.sign_in(user, scopes).await;
        scene
    }

    /// Who the program is from now on, and with which permissions.
    pub(crate) async fn sign_in(&mut self, user: &str, scopes: &str) {
        let authority = format!("{}/{TENANT_ID}/oauth2/v2.0", self.base);
        let form = [("client_id", GRAPH_TOOLS_CLIENT_ID), ("scope", scopes)];
        let started = self.post(&format!("{authority}/devicecode"), &form).await;
        let code = started["user_code"].as_str().unwrap();
        approve(&self.http, &self.base, code, user).await;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
            ("client_id", GRAPH_TOOLS_CLIENT_ID),
            ("device_code", started["device_code"].as_str().unwrap()),
        ];
        let answer = self.post(&format!("{authority}/token"), &form).await;
        answer["access_token"]
            .as_str()
            .unwrap_or_else(|| panic!("no token in {answer}"))
            .clone_into(&mut self.token);
    }

    pub(crate) async fn post(&self, url: &str, form: &[(&str, &str)]) -> Value {
        self.http.post(url).form(form).send().await.unwrap().json().await.unwrap()
    }

    /// Runs a command with the token at hand, in the folder.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        let all = [arguments, &["--access-token", &self.token]].concat();
        self.run_bare(&all, MEMBER).await
    }

    /// Runs a command that must succeed.
    pub(crate) async fn ran(&self, arguments: &[&str]) -> String {
        let ran = self.run(arguments).await;
        ran.result.unwrap_or_else(|error| panic!("{error}\n{}", ran.text));
        ran.text
    }

    /// Runs a command without a token; `user` signs in where the program says.
    pub(crate) async fn run_bare(&self, arguments: &[&str], user: &str) -> Ran {
        let graph = self.emulator.graph_base_url();
        let mut all = vec!["setup"];
        all.extend(arguments);
        all.extend(["--authority-host", &self.base, "--graph-base-url", &graph]);
        let file = |name: &str| self.folder.join(name).display().to_string();
        let (env, sam, page) = (file(".env"), file("samconfig.toml"), file("config.json"));
        if arguments[0] != "show" {
            all.extend(["--env-file", &env, "--sam-config", &sam, "--page-config", &page]);
        }
        let command = Cli::try_parse_from(all).unwrap_or_else(|error| panic!("{error}")).command;
        let text = Written::default();
        let waits = Arc::new(Impatient {
            http: self.http.clone(),
            base: self.base.clone(),
            user: user.to_owned(),
            text: text.clone(),
            waited: Mutex::default(),
        });
        let world = World {
            clock: Arc::new(EmulatorClock(self.emulator.clone())),
            waits: waits.clone(),
            output: Arc::new(Output::to(Box::new(text.clone()))),
            confirm: self.confirm,
        };
        let result = execute(command, &world).await;
        let waits = waits.waited.lock().unwrap().clone();
        Ran { text: text.text(), waits, result }
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap_or_default()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.join(name), text).unwrap();
    }

    /// All files, by name.
    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let mut files: Vec<_> = std::fs::read_dir(&self.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .map(|name| (name.clone(), self.read(&name)))
            .collect();
        files.sort();
        files
    }

    /// The settings as the functions read them.
    pub(crate) fn environment(&self) -> Environment {
        let mut environment = Environment::default();
        wiring::read_env_file(&self.folder.join(".env"), &mut environment).unwrap();
        environment
    }

    pub(crate) fn setting(&self, name: &str) -> String {
        self.environment().get(name).unwrap_or_else(|| panic!("{name} is not set")).to_owned()
    }

    /// An object or a collection of Graph, past the door's faults.
    pub(crate) async fn graph(&self, path: &str) -> Value {
        self.door.set(Fault::None);
        let url = format!("{}{path}", self.emulator.graph_base_url());
        self.http.get(url).bearer_auth(&self.token).send().await.unwrap().json().await.unwrap()
    }

    pub(crate) async fn change_graph(&self, method: reqwest::Method, path: &str, body: Value) -> Value {
        self.door.set(Fault::None);
        let url = format!("{}{path}", self.emulator.graph_base_url());
        let request = self.http.request(method, url).bearer_auth(&self.token).json(&body);
        let text = request.send().await.unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Makes an application as somebody else would; returns the status.
    pub(crate) async fn create_by_name(&self, url: &str, body: &Value) -> u16 {
        self.door.set(Fault::None);
        let request = self.http.patch(url).bearer_auth(&self.token).header("prefer", "create-if-missing");
        request.json(body).send().await.unwrap().status().as_u16()
    }

    /// Everything in the tenant that registrations consist of, deleted or not.
    pub(crate) async fn directory(&self) -> Value {
        let mut all = json!({});
        for path in [
            "/applications",
            "/servicePrincipals",
            "/oauth2PermissionGrants",
            "/directory/deletedItems/microsoft.graph.application",
            "/directory/deletedItems/microsoft.graph.servicePrincipal",
        ] {
            all[path] = self.graph(path).await["value"].clone();
        }
        all
    }

    pub(crate) async fn api(&self) -> Value {
        self.graph("/applications(uniqueName='token-cache-api')").await
    }

    /// The registration and the files without what differs from one registration to the next: ids, times, secrets.
    pub(crate) async fn shape(&self) -> String {
        let mut shape = json!({ "files": self.files() });
        let mut names = Vec::new();
        for role in ["api", "page"] {
            let mut application =
                self.graph(&format!("/applications(uniqueName='token-cache-{role}')")).await;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (id, app_id) = (text(&application["id"]), text(&application["appId"]));
            let principal = self.graph(&format!("/servicePrincipals(appId='{app_id}')")).await;
            let owners = self.graph(&format!("/applications/{id}/owners")).await;
            let federated = self.graph(&format!("/applications/{id}/federatedIdentityCredentials")).await;
            names.extend([
                (id, format!("<{role} object>")),
                (app_id, format!("<{role} app>")),
                (text(&principal["id"]), format!("<{role} principal>")),
            ]);
            for secret in application["passwordCredentials"].as_array_mut().unwrap() {
                names.push((text(&secret["displayName"]), "<secret name>".into()));
                *secret = json!("a secret");
            }
            application["createdDateTime"] = Value::Null;
            shape[role] = json!([application, principal, owners["value"], federated["value"]]);
        }
        let grants = self.graph("/oauth2PermissionGrants").await;
        let grants = grants["value"].as_array().unwrap().iter();
        shape["grants"] = grants.map(|grant| json!([grant["clientId"], grant["scope"]])).collect();
        if let Some(secret) = self.environment().get("ENTRA_CLIENT_SECRET") {
            names.push((secret.to_owned(), "<secret>".into()));
        }
        names.push((self.base.rsplit(':').next().unwrap().to_owned(), "<port>".into()));
        let mut text = serde_json::to_string_pretty(&shape).unwrap();
        for (from, to) in names.iter().filter(|(from, _)| !from.is_empty()) {
            text = text.replace(from.as_str(), to);
        }
        text
    }
}

/// Types a device's code as `user`.
async fn approve(http: &reqwest::Client, base: &str, code: &str, user: &str) {
    let form = [("user_code", code), ("user", user), ("consent", "yes")];
    let page = http.post(format!("{base}/devicelogin")).form(&form).send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("You have signed in"), "{page}");
}

/// Types a device's code and then declines.
async fn decline(http: &reqwest::Client, base: &str, code: &str) {
    let form = [("user_code", code), ("action", "cancel")];
    let page = http.post(format!("{base}/devicelogin")).form(&form).send().await.unwrap();
    assert!(page.status().is_success(), "{page:?}");
}

/// Whoever signs in by this name reads the code and declines.
pub(crate) const DECLINING: &str = "somebody who declines";
/// Whoever signs in by this name never comes.
pub(crate) const ABSENT: &str = "nobody";

/// Does not wait, but signs in when a code was shown.
struct Impatient {
    http: reqwest::Client,
    base: String,
    user: String,
    text: Written,
    waited: Mutex<Vec<Duration>>,
}

impl Waits for Impatient {
    fn wait(&self, pause: Duration) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let number = {
                let mut waited = self.waited.lock().unwrap();
                waited.push(pause);
                waited.len()
            };
            let text = self.text.text();
            let code = text.split_once("enter the code ").map(|(_, rest)| rest.lines().next().unwrap());
            // The user takes their time: the first poll finds nothing.
            match (code, self.user.as_str()) {
                (Some(code), DECLINING) if number == 2 => decline(&self.http, &self.base, code).await,
                (Some(code), user) if number == 2 && user != ABSENT => {
                    approve(&self.http, &self.base, code, user).await;
                }
                _ => {}
            }
        })
    }
}

struct EmulatorClock(Emulator);

impl Clock for EmulatorClock {
    fn now(&self) -> OffsetDateTime {
        self.0.now()
    }
}

/// What was written, for whoever holds a clone.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    fn text(&self) -> String {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        anstream::adapter::strip_str(&text).to_string()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
