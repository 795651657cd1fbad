//! What every run has: one authority, one table, one clock, and as many environments of the functions as wanted.

use crate::error::{SoakError, cannot};
use crate::inspector::Inspector;
use crate::proxy::{Guard, Proxy};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::identity::HomeAccountId;
use entra_emulator::{API_CLIENT_ID, API_CLIENT_SECRET, Directory, Emulator, SPA_CLIENT_ID, TENANT_ID};
use serde_json::{Value, json};
use stack::{OffsetClock, SignedIn, Sweeper, Visitor};
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::net::TcpListener;
use url::Url;
use wiring::{AwsClients, Environment, Time};

const TABLE: &str = "soak";

/// Each run keeps invented tokens in memory only, so the key need not be secret.
const SEALING_KEY: [u8; 32] = [7; 32];

/// Variables of the functions.
pub(crate) type Variables = Vec<(&'static str, String)>;

/// One authority, behind a guarded proxy, one table, and one clock for all.
pub(crate) struct World {
    pub(crate) clock: OffsetClock,
    pub(crate) emulator: Emulator,
    pub(crate) authority: Proxy,
    /// The table's server, without anything in between.
    pub(crate) database: String,
    pub(crate) inspector: Inspector,
    visitor: Visitor,
}

impl World {
    /// Starts everything in this process; it ends with the process.
    pub(crate) async fn start(guard: Arc<dyn Guard>) -> Result<Self, SoakError> {
        let clock = OffsetClock::default();
        let (listener, database) = listen().await?;
        let memory = dynoxide::Database::memory().map_err(cannot("open a database in memory"))?;
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, memory, std::future::pending()));

        let bound = Proxy::bind()?;
        let public_url = Url::parse(&bound.url()).map_err(cannot("name the authority"))?;
        let emulator = Emulator::start(entra_emulator::Settings {
            public_url,
            state_file: None,
            directory: Directory::sample(),
            clock: Arc::new(clock.clone()),
        })
        .map_err(cannot("start the emulator"))?;
        let (listener, behind) = listen().await?;
        serve(listener, emulator.router());
        let authority = bound.serve(&behind, guard).await?;

        let environment = environment(&variables(authority.url(), &database));
        let client = AwsClients::new(&environment).await.dynamodb;
        store_dynamodb::table::create(&client, TABLE).await.map_err(cannot("make the table"))?;
        let time = Time::with_clock(Arc::new(clock.clone()));
        let services = wiring::sweep_services(&environment, time).await;
        let inspector = Inspector::new(services.map_err(cannot("wire up the inspector"))?);
        let visitor = visitor(&behind).await?;
        Ok(Self { clock, emulator, authority, database, inspector, visitor })
    }

    /// What an environment is started with whose table is reached at `database`.
    pub(crate) fn variables(&self, database: &str) -> Variables {
        variables(self.authority.url(), database)
    }

    /// A new environment of the API. Returns its base address.
    pub(crate) async fn api(&self, database: &str, time: Time) -> Result<String, SoakError> {
        let environment = environment(&self.variables(database));
        let api = wiring::Api::start(&environment, time).await.map_err(cannot("start an API"))?;
        let (listener, url) = listen().await?;
        serve(listener, profile_api::router(api));
        Ok(url)
    }

    /// A new environment of the sweep.
    pub(crate) async fn sweeper(&self, database: &str, time: Time) -> Result<Sweeper, SoakError> {
        let environment = environment(&self.variables(database));
        let services = wiring::sweep_services(&environment, time).await.map_err(cannot("start a sweep"))?;
        Ok(Sweeper::new(services, self.clock.clone()))
    }

    /// Signs a user in at the authority itself: no fault strikes there.
    pub(crate) async fn sign_in(&self, user: &str) -> Result<SignedIn, SoakError> {
        self.visitor.sign_in(user).await.map_err(cannot("sign a user in"))
    }

    pub(crate) fn http(&self) -> &reqwest::Client {
        self.visitor.http()
    }

    pub(crate) fn account_of(&self, user: &str) -> Result<HomeAccountId, SoakError> {
        let users = self.emulator.users();
        let known = users.iter().find(|known| known.user_principal_name == user);
        let id = known.map(|known| known.home_account_id.as_str()).unwrap_or_default();
        id.parse().map_err(cannot("find a user of the sample directory"))
    }

    pub(crate) fn pass(&self, seconds: i64) -> Result<(), SoakError> {
        self.clock.advance(seconds).map(|_| ()).map_err(cannot("move the clock"))
    }
}

/// The variables as wiring reads them.
pub(crate) fn environment(variables: &Variables) -> Environment {
    variables.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

fn variables(authority: &str, database: &str) -> Variables {
    let own = |text: &str| text.to_owned();
    vec![
        ("ENTRA_AUTHORITY_HOST", own(authority)),
        ("ENTRA_TENANT_ID", own(TENANT_ID)),
        ("ENTRA_CLIENT_ID", own(API_CLIENT_ID)),
        ("ENTRA_CLIENT_SECRET", own(API_CLIENT_SECRET)),
        ("ENTRA_ALLOWED_CLIENTS", own(SPA_CLIENT_ID)),
        ("GRAPH_BASE_URL", format!("{authority}/graph/v1.0")),
        ("TABLE_NAME", own(TABLE)),
        ("AWS_ENDPOINT_URL_DYNAMODB", own(database)),
        ("AWS_REGION", own("us-east-1")),
        ("AWS_ACCESS_KEY_ID", own("local")),
        ("AWS_SECRET_ACCESS_KEY", own("local")),
        ("SEALING_LOCAL_KEY", BASE64_STANDARD.encode(SEALING_KEY)),
        ("SWEEP_SHARDS", own("4")),
    ]
}

/// A person at a page whose authority is the emulator itself.
async fn visitor(emulator: &str) -> Result<Visitor, SoakError> {
    let base = format!("{emulator}/{TENANT_ID}/oauth2/v2.0");
    let settings = json!({
        "clientId": SPA_CLIENT_ID,
        "apiScopes": [
            format!("api://{API_CLIENT_ID}/Profile.ReadWrite"),
            format!("api://{API_CLIENT_ID}/Profile.Read"),
        ],
        "authorityMetadata": {
            "authorization_endpoint": format!("{base}/authorize"),
            "token_endpoint": format!("{base}/token"),
        },
    });
    let (listener, page) = listen().await?;
    serve(listener, Router::new().route("/config.json", get(|| async move { Json::<Value>(settings) })));
    Visitor::at(&page).await.map_err(cannot("open the page"))
}

pub(crate) async fn listen() -> Result<(TcpListener, String), SoakError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(cannot("listen"))?;
    let address = listener.local_addr().map_err(cannot("listen"))?;
    Ok((listener, format!("http://{address}")))
}

pub(crate) fn serve(listener: TcpListener, router: Router) {
    tokio::spawn(async move {
        // It serves until the process ends; what breaks a single connection is its caller's business.
        let _ = axum::serve(listener, router).await;
    });
}
