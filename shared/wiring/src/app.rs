//! Configuration to adapters to what the functions are given.

use crate::aws::AwsClients;
use crate::clock::{RuntimeTimer, SystemChance, SystemClock};
use crate::config::{CallerConfig, Config, ConfigError, CredentialConfig, Function};
use crate::credential::credential;
use crate::environment::Environment;
use crate::sealer::sealer;
use crate::signing_keys::SealedKeysOfTable;
use crate::telemetry::metrics_sink;
use crate::warm_up;
use domain::background_job::RefreshProfileSnapshot;
use domain::caller::CallerAuthenticator;
use domain::identity::Pseudonyms;
use domain::metrics::Metrics;
use domain::opened_blobs::OpenedBlobs;
use domain::ports::{Chance, Clock, EventPublisher, Sealer, ShardTaskQueue, Timer};
use domain::scope::ScopeSet;
use domain::services::{Services, Settings};
use domain::time_budget::REQUEST_TIMEOUT;
use entra::{AccessPolicy, AccessTokenValidator, EntraTokenExchange, KeyPolicy, SigningKeys, TenantSetting};
use events::{EventBridgePublisher, LoggedEvents};
use graph::GraphProfileReader;
use std::sync::Arc;
use store_dynamodb::{DynamoDbAccountStore, DynamoDbSigningKeys};

/// The delegated permission that the product uses downstream.
const GRAPH_SCOPES: &str = "https://graph.microsoft.com/User.Read";

/// Time, waiting and chance, real or made.
#[derive(Clone)]
pub struct Time {
    pub clock: Arc<dyn Clock>,
    pub timer: Arc<dyn Timer>,
    pub chance: Arc<dyn Chance>,
}

impl Time {
    pub fn system() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// Real but for the clock.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock, timer: Arc::new(RuntimeTimer), chance: Arc::new(SystemChance) }
    }
}

/// What the HTTP function is given.
#[derive(Clone)]
pub struct Api {
    pub services: Services,
    pub authenticator: Arc<dyn CallerAuthenticator>,
    /// Exact origins; empty where API Gateway answers for CORS.
    pub cors_allowed_origins: Arc<[String]>,
}

/// Why a function cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the HTTP client cannot be set up")]
    HttpClient(#[source] reqwest::Error),
    #[error("the application's credential cannot be used: {reason}")]
    Credential { reason: String },
}

impl Api {
    /// Reads the configuration and builds the adapters, and meanwhile fetches the signing keys and opens what the first
    /// request needs; if that fails, the first request that needs it tries again.
    pub async fn start(environment: &Environment, time: Time) -> Result<Self, StartError> {
        let config = Config::read(environment, Function::ProfileApi)?;
        let callers = config.callers.clone().unwrap_or_default();
        let base = Base::new(&config, environment, &time).await?;
        let keys = Arc::new(signing_keys(&config, &base, &time));
        let authenticator = Arc::new(authenticator(&config, &callers, keys.clone(), &time));
        let ahead = Ahead::new(&config, &base);
        // The keys come from the authority, and what is kept of them from the table: both are connected by that.
        let (services, (), (), ()) = tokio::join!(
            services(config, base, time, OpenedBlobs::of_present_users()),
            keys.warm_up(),
            ahead.graph(),
            ahead.sealing_key(),
        );
        Ok(Self {
            services: services?,
            authenticator,
            cors_allowed_origins: callers.cors_allowed_origins.into(),
        })
    }
}

/// What the sweeping function is given.
pub async fn sweep_services(environment: &Environment, time: Time) -> Result<Services, StartError> {
    let config = Config::read(environment, Function::BackgroundSweep)?;
    let base = Base::new(&config, environment, &time).await?;
    let ahead = Ahead::new(&config, &base);
    let (services, (), (), (), ()) = tokio::join!(
        services(config, base, time, OpenedBlobs::default()),
        ahead.authority(),
        ahead.table(),
        ahead.graph(),
        ahead.sealing_key(),
    );
    services
}

/// What is opened at a start, with the clients of the requests.
struct Ahead {
    client: reqwest::Client,
    authority: String,
    graph: String,
    table: String,
    store: Arc<DynamoDbAccountStore>,
    sealer: Arc<dyn Sealer>,
}

impl Ahead {
    fn new(config: &Config, base: &Base) -> Self {
        Self {
            client: base.client.clone(),
            authority: config.authority.signing_keys_url(),
            graph: config.graph_base_url.to_string(),
            table: config.table_name.clone(),
            store: base.store.clone(),
            sealer: base.sealer.clone(),
        }
    }

    async fn authority(&self) {
        warm_up::connection("authority", &self.client, &self.authority).await;
    }

    async fn graph(&self) {
        warm_up::connection("graph", &self.client, &self.graph).await;
    }

    async fn table(&self) {
        warm_up::table(&*self.store).await;
    }

    async fn sealing_key(&self) {
        warm_up::sealing_key(&*self.sealer, &self.table).await;
    }
}

/// What several adapters share.
struct Base {
    client: reqwest::Client,
    aws: AwsClients,
    sealer: Arc<dyn Sealer>,
    store: Arc<DynamoDbAccountStore>,
    metrics: Arc<Metrics>,
}

impl Base {
    async fn new(config: &Config, environment: &Environment, time: &Time) -> Result<Self, StartError> {
        let client = outbound_http::client().map_err(StartError::HttpClient)?;
        let aws = AwsClients::new(environment).await;
        let sealer = sealer(&config.sealing, &config.table_name, &aws, time.clock.clone());
        let store = Arc::new(DynamoDbAccountStore::new(
            aws.dynamodb.clone(),
            config.table_name.clone(),
            config.client_id,
            config.sweep.shards,
            time.clock.clone(),
        ));
        let sink = metrics_sink(environment, time.clock.clone());
        let metrics = Arc::new(Metrics::new(time.clock.clone(), sink));
        Ok(Self { client, aws, sealer, store, metrics })
    }
}

fn signing_keys(config: &Config, base: &Base, time: &Time) -> SigningKeys {
    let url = config.authority.signing_keys_url();
    let items = DynamoDbSigningKeys::new(
        base.aws.dynamodb.clone(),
        config.table_name.clone(),
        &url,
        config.client_id,
        time.clock.clone(),
    );
    let kept = SealedKeysOfTable { items, sealer: base.sealer.clone() };
    SigningKeys::new(base.client.clone(), url, KeyPolicy::default(), time.clock.clone())
        .kept_in(Arc::new(kept))
}

fn authenticator(
    config: &Config,
    callers: &CallerConfig,
    keys: Arc<SigningKeys>,
    time: &Time,
) -> AccessTokenValidator {
    if matches!(callers.allowed_clients, entra::Allowed::Any) {
        tracing::warn!(
            event = "config.any_client_allowed",
            "ENTRA_ALLOWED_CLIENTS=*: any application may call"
        );
    }
    let policy = AccessPolicy {
        client_id: config.client_id,
        app_id_uri: callers.app_id_uri.clone(),
        tenants: callers.allowed_tenants.clone(),
        clients: callers.allowed_clients.clone(),
    };
    AccessTokenValidator::new(config.authority.clone(), policy, keys, time.clock.clone())
}

async fn services(
    config: Config,
    base: Base,
    time: Time,
    opened: OpenedBlobs,
) -> Result<Services, StartError> {
    let Time { clock, timer, chance } = time;
    let Base { client, aws, sealer, store, metrics } = base;
    let credential = credential(&config, &aws, clock.clone()).await?;
    let signs = matches!(
        config.credential,
        CredentialConfig::CertificateArn(_) | CredentialConfig::CertificateFile(_)
    );
    let home = match config.authority.tenant() {
        TenantSetting::Single(home) => Some(home),
        // Which tenant comes first is not known. What a certificate signs is for one token endpoint; everything else proves us
        // in any of them.
        TenantSetting::Organizations => (!signs).then_some(warm_up::NOBODYS_TENANT),
    };
    if let Some(home) = home {
        warm_up::credential(&*credential, &config.authority.token_endpoint(home)).await;
    }
    let profiles = Arc::new(GraphProfileReader::new(
        client.clone(),
        &config.graph_base_url,
        REQUEST_TIMEOUT.unsigned_abs(),
    ));
    let bus = config
        .event_bus_name
        .map(|name| Arc::new(EventBridgePublisher::new(aws.eventbridge.clone(), name, clock.clone())));
    let publisher: Arc<dyn EventPublisher> = match &bus {
        Some(bus) => bus.clone(),
        None => Arc::new(LoggedEvents::new(pseudonyms(&config.table_name, &config.client_id))),
    };
    let queue = bus.map(|bus| -> Arc<dyn ShardTaskQueue> { bus });
    let job =
        RefreshProfileSnapshot { profiles: profiles.clone(), store: store.clone(), clock: clock.clone() };
    let settings = Settings {
        client_id: config.client_id,
        cache_environment: config.authority.cache_environment().to_owned(),
        graph_scopes: ScopeSet::parse(GRAPH_SCOPES),
        token_cache_ttl: config.token_cache_ttl,
        sweep: config.sweep,
        pseudonyms: pseudonyms(&config.table_name, &config.client_id),
    };
    let tokens = EntraTokenExchange::new(
        client,
        config.authority,
        config.client_id,
        credential,
        REQUEST_TIMEOUT.unsigned_abs(),
        clock.clone(),
    );
    Ok(Services {
        store,
        sealer,
        tokens: Arc::new(tokens),
        profiles,
        job: Arc::new(job),
        events: publisher,
        queue,
        clock,
        chance,
        timer,
        flights: Arc::default(),
        opened: Arc::new(opened),
        brakes: Arc::default(),
        metrics,
        settings: Arc::new(settings),
    })
}

/// Table and application together are what makes a deployment.
pub(crate) fn pseudonyms(table: &str, client_id: &domain::identity::ClientId) -> Pseudonyms {
    Pseudonyms::new(format!("{table}/{client_id}"))
}
