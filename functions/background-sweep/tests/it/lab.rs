//! The function's services as a deployment has them, and everything around them.

use crate::server::{Asked, Reply, Server};
use background_sweep::{Answer, SweepFailure, handle};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::account::{AccountActivity, TurnOutcome};
use domain::ports::ActivityUpdate;
use domain::services::Services;
use domain::token::IssuedTokens;
use domain::token_cache::{GrantContext, open_account};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use store_dynamodb::table;
use test_support::{FixedClock, SeededChance, sample};
use time::Duration;
use time::format_description::well_known::Rfc3339;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;
use wiring::{AwsClients, Environment, Time};

/// Longer than a sample token lives.
pub(crate) const AWAY: Duration = Duration::hours(2);

pub(crate) struct Lab {
    pub(crate) clock: FixedClock,
    pub(crate) table: Server,
    pub(crate) entra: Server,
    pub(crate) graph: Server,
    pub(crate) bus: Server,
    pub(crate) services: Services,
    pub(crate) log: Log,
    _listening: DefaultGuard,
}

impl Lab {
    /// Users 1 to `users` have signed in and gone away; everything works. There is a bus, whose tasks nobody takes yet.
    pub(crate) async fn with_bus(users: u32) -> Self {
        Self::start(users, &[("EVENT_BUS_NAME", "bus")]).await
    }

    /// Likewise, without a bus.
    pub(crate) async fn alone(users: u32) -> Self {
        Self::start(users, &[]).await
    }

    pub(crate) async fn sweep_by_hand(&self, user: u32) {
        self.invoke(json!({ "account": sample::account(user).to_string() })).await.unwrap();
    }

    async fn start(users: u32, variables: &[(&str, &str)]) -> Self {
        let (log, listening) = Log::listen();
        let table = Server::start(Some(database().await), |_| Reply::PassOn).await;
        let clock = FixedClock::default();
        let now = clock.clone();
        let entra = Server::start(None, move |asked| issued(asked, &now)).await;
        let graph = Server::start(None, |asked| Reply::Json(200, profile(asked.user()))).await;
        let bus = Server::start(None, taken).await;
        let mut environment: Environment = variables.iter().copied().collect();
        for (name, value) in [
            ("ENTRA_AUTHORITY_HOST", entra.url.as_str()),
            ("ENTRA_TENANT_ID", &sample::TENANT.to_string()),
            ("ENTRA_CLIENT_ID", &sample::CLIENT.to_string()),
            ("ENTRA_CLIENT_SECRET", "an invented secret"),
            ("GRAPH_BASE_URL", &graph.url),
            ("TABLE_NAME", "accounts"),
            ("AWS_ENDPOINT_URL_DYNAMODB", &table.url),
            ("AWS_ENDPOINT_URL_EVENTBRIDGE", &bus.url),
            ("AWS_REGION", "eu-north-1"),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
            ("SEALING_LOCAL_KEY", &BASE64_STANDARD.encode([7; 32])),
            ("SWEEP_SHARDS", "4"),
        ] {
            environment.set_default(name, value);
        }
        let time = Time {
            clock: Arc::new(clock.clone()),
            timer: Arc::new(clock.clone()),
            chance: Arc::new(SeededChance::new(7)),
        };
        let services = wiring::sweep_services(&environment, time).await.unwrap();
        let aws = AwsClients::new(&environment).await;
        table::create(&aws.dynamodb, "accounts").await.unwrap();
        let lab = Self { clock, table, entra, graph, bus, services, log, _listening: listening };
        for user in 1..=users {
            lab.visit(user).await;
        }
        lab.clock.advance(AWAY);
        lab.forget();
        lab
    }

    /// The user signs in: tokens for an hour, and activity.
    pub(crate) async fn visit(&self, user: u32) {
        let (account, now) = (sample::account(user), self.services.clock.now());
        let mut opened = open_account(&self.services, &account).await.unwrap();
        let tokens = IssuedTokens { home_account: None, ..sample::issued_tokens(user, now) };
        let context = GrantContext {
            tenant_id: sample::TENANT,
            object_id: account.object_id,
            obtained_for: None,
            begun_at: now,
        };
        opened.record_issued(&self.services, &tokens, &context).await.unwrap();
        let update = ActivityUpdate { returned: true, ..sample::activity_update(user, now) };
        self.services.store.record_activity(&account, update).await.unwrap();
    }

    /// What was asked and said until now does not count.
    pub(crate) fn forget(&self) {
        for server in [&self.table, &self.entra, &self.graph, &self.bus] {
            server.take();
        }
        self.log.take();
    }

    pub(crate) async fn invoke(&self, event: Value) -> Result<Answer, SweepFailure> {
        handle(&self.services, LambdaEvent::new(event, Context::default())).await
    }

    /// One tick, at the present time; how many accounts ended how.
    pub(crate) async fn tick(&self) -> Result<BTreeMap<&'static str, u64>, SweepFailure> {
        let answer = self.invoke(scheduled(&self.services.clock.now().format(&Rfc3339).unwrap())).await?;
        Ok(outcomes(&answer))
    }

    /// The tasks that a tick puts on the bus, as messages of the queue.
    pub(crate) async fn tasks(&self) -> Vec<Value> {
        self.tick().await.unwrap();
        self.messages()
    }

    /// What is on the bus for workers since the last look.
    pub(crate) fn messages(&self) -> Vec<Value> {
        let entries = self.bus.take().into_iter().flat_map(|asked| entries(&asked));
        let tasks = entries.filter(|entry| entry["DetailType"] == "SweepShard");
        tasks
            .enumerate()
            .map(|(place, entry)| message(&format!("message-{place}"), &detail(&entry)))
            .collect()
    }

    pub(crate) async fn activity(&self, user: u32) -> AccountActivity {
        self.services.store.load(&sample::account(user)).await.unwrap().activity.unwrap()
    }

    /// Whose turn has ended with this, of users 1 to `users`.
    pub(crate) async fn swept(&self, users: u32, outcome: TurnOutcome) -> Vec<u32> {
        let mut swept = Vec::new();
        for user in 1..=users {
            if self.activity(user).await.last_sweep.is_some_and(|sweep| sweep.outcome == outcome) {
                swept.push(user);
            }
        }
        swept
    }

    /// How often Graph was asked for each user since the last look.
    pub(crate) fn graph_requests(&self) -> BTreeMap<u32, u32> {
        let mut requests = BTreeMap::new();
        for asked in self.graph.take() {
            *requests.entry(asked.user()).or_default() += 1;
        }
        requests
    }
}

pub(crate) fn outcomes(answer: &Answer) -> BTreeMap<&'static str, u64> {
    let summary = answer.clone().into_summary();
    summary.outcomes.into_iter().map(|(outcome, number)| (outcome.as_str(), number)).collect()
}

/// The ids that are to be delivered again.
pub(crate) fn failures(answer: &Answer) -> Vec<String> {
    let Answer::Batch(answer) = answer else { panic!("{answer:?}") };
    answer.batch_item_failures.iter().map(|failure| failure.item_identifier.clone()).collect()
}

pub(crate) fn scheduled(time: &str) -> Value {
    let mut event: Value = serde_json::from_str(include_str!("events/scheduled.json")).unwrap();
    event["time"] = time.into();
    event
}

/// A message with a task.
pub(crate) fn message(id: &str, task: &Value) -> Value {
    let event = json!({ "detail-type": "SweepShard", "source": "shared-token-cache", "detail": task });
    json!({ "messageId": id, "body": event.to_string() })
}

/// The task in a message.
pub(crate) fn task(message: &Value) -> Value {
    let event: Value = serde_json::from_str(message["body"].as_str().unwrap()).unwrap();
    event["detail"].clone()
}

pub(crate) fn entries(asked: &Asked) -> Vec<Value> {
    asked.json()["Entries"].as_array().unwrap().clone()
}

pub(crate) fn detail(entry: &Value) -> Value {
    serde_json::from_str(entry["Detail"].as_str().unwrap()).unwrap()
}

/// A bus that takes everything.
pub(crate) fn taken(asked: &Asked) -> Reply {
    let entries = vec![json!({ "EventId": "1" }); entries(asked).len()];
    Reply::Json(200, json!({ "FailedEntryCount": 0, "Entries": entries }))
}

/// An authority that gives everybody new tokens.
pub(crate) fn issued(asked: &Asked, clock: &FixedClock) -> Reply {
    use domain::ports::Clock as _;
    let label = format!("{}-{}", asked.user(), clock.now().unix_timestamp());
    let tokens = json!({
        "token_type": "Bearer", "expires_in": 3600, "scope": "https://graph.microsoft.com/User.Read",
        "access_token": format!("access-{label}"), "refresh_token": format!("refresh-{label}"),
    });
    Reply::Json(200, tokens)
}

pub(crate) fn profile(user: u32) -> Value {
    json!({
        "displayName": format!("User {user}"), "city": "Lakeside",
        "userPrincipalName": sample::user_principal_name(user).as_str(),
    })
}

async fn database() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let memory = dynoxide::Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_with_shutdown(listener, memory, std::future::pending()));
    url
}

/// What the function writes, as Lambda's log collector gets it.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// To everything that this test's own thread says.
    fn listen() -> (Self, DefaultGuard) {
        let log = Self::default();
        let lines = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(log.clone())
            .finish();
        (log, tracing::subscriber::set_default(lines))
    }

    /// The lines since the last look.
    pub(crate) fn take(&self) -> Vec<Value> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(bytes).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Those of one event.
    pub(crate) fn take_only(&self, event: &str) -> Vec<Value> {
        self.take().into_iter().filter(|line| line["event"] == event).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
