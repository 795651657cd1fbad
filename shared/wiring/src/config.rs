//! Environment variables as typed settings. All missing and bad ones are reported together, by name.
//!
//! `docs/configuration.md` and `.env.example` list the same variables for people.

use crate::environment::Environment;
use domain::identity::{ClientId, TenantId};
use domain::services::SweepSettings;
use domain::shard::Shards;
use entra::{Allowed, Authority, TenantSetting};
use sealing::BranchKey;
use secrecy::SecretString;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use time::Duration;
use url::Url;

/// Which function is configured; each reads only what it needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    ProfileApi,
    BackgroundSweep,
}

/// Everything that a function reads from its environment.
#[derive(Debug)]
pub struct Config {
    pub authority: Authority,
    pub client_id: ClientId,
    pub credential: CredentialConfig,
    /// Only the API has callers.
    pub callers: Option<CallerConfig>,
    pub graph_base_url: Url,
    pub table_name: String,
    pub sealing: SealingConfig,
    pub token_cache_ttl: Duration,
    pub sweep: SweepSettings,
    /// `None`: events are logged.
    pub event_bus_name: Option<String>,
}

/// How this application proves itself to Entra ID.
#[derive(Debug, Clone)]
pub enum CredentialConfig {
    /// `ENTRA_CLIENT_SECRET`, for local runs.
    Secret(SecretString),
    /// `ENTRA_CLIENT_SECRET_ARN`: where Secrets Manager keeps it.
    SecretArn(String),
    /// `ENTRA_CLIENT_CERTIFICATE_FILE`: certificate and private key, PEM.
    CertificateFile(PathBuf),
    /// `ENTRA_CLIENT_CERTIFICATE_ARN`: where Secrets Manager keeps the same.
    CertificateArn(String),
    /// The function's own role at AWS: nothing to keep.
    Federated,
}

/// Where the key comes from under which cached tokens are sealed.
#[derive(Debug)]
pub enum SealingConfig {
    /// `SEALING_LOCAL_KEY`.
    Local(Arc<BranchKey>),
    /// `SEALING_KEY_ARN`: branch keys in the table, wrapped by this KMS key.
    Kms { key_arn: String, rotation_days: u32 },
}

/// Who may call the API, and from which pages. The default is nobody.
#[derive(Debug, Clone)]
pub struct CallerConfig {
    pub allowed_clients: Allowed<ClientId>,
    pub allowed_tenants: Allowed<TenantId>,
    /// Audience of version 1.0 tokens, where it is not `api://<client id>`.
    pub app_id_uri: Option<String>,
    /// Exact origins; empty where API Gateway answers for CORS.
    pub cors_allowed_origins: Vec<String>,
}

impl Default for CallerConfig {
    fn default() -> Self {
        Self {
            allowed_clients: Allowed::Only([].into()),
            allowed_tenants: Allowed::Only([].into()),
            app_id_uri: None,
            cors_allowed_origins: Vec::new(),
        }
    }
}

/// The settings that are missing or bad, all of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of the settings must be mended (docs/configuration.md):", self.problems.len())?;
        self.problems.iter().try_for_each(|problem| write!(formatter, "\n  {problem}"))
    }
}

impl Config {
    pub fn read(environment: &Environment, function: Function) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(environment);
        let host = reader.url("ENTRA_AUTHORITY_HOST", "https://login.microsoftonline.com");
        let tenant = reader.required::<TenantSetting>("ENTRA_TENANT_ID");
        let authority = match (host, &tenant) {
            (Some(host), Some(tenant)) => {
                reader.checked("ENTRA_AUTHORITY_HOST", Authority::new(&host, *tenant))
            }
            _ => None,
        };
        let client_id = reader.required::<ClientId>("ENTRA_CLIENT_ID");
        let credential = reader.credential();
        let callers = match function {
            Function::ProfileApi => reader.callers(tenant).map(Some),
            Function::BackgroundSweep => Some(None),
        };
        let graph_base_url = reader.url("GRAPH_BASE_URL", "https://graph.microsoft.com/v1.0");
        let table_name = reader.required::<String>("TABLE_NAME");
        let sealing = reader.sealing();
        let token_cache_ttl = reader.seconds("TOKEN_CACHE_TTL_SECONDS", 14 * 24 * 3600, 60);
        let sweep = reader.sweep();
        let event_bus_name = environment.get("EVENT_BUS_NAME").map(str::to_owned);
        let problems = reader.problems;
        let read = || {
            Some(Self {
                authority: authority?,
                client_id: client_id?,
                credential: credential?,
                callers: callers?,
                graph_base_url: graph_base_url?,
                table_name: table_name?,
                sealing: sealing?,
                token_cache_ttl: token_cache_ttl?,
                sweep: sweep?,
                event_bus_name,
            })
        };
        match read() {
            Some(config) if problems.is_empty() => Ok(config),
            _ => Err(ConfigError { problems }),
        }
    }
}

pub(crate) struct Reader<'a> {
    environment: &'a Environment,
    pub(crate) problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(environment: &'a Environment) -> Self {
        Self { environment, problems: Vec::new() }
    }

    fn problem(&mut self, name: &str, problem: impl fmt::Display) {
        self.problems.push(format!("{name}: {problem}"));
    }

    fn checked<T, E: fmt::Display>(&mut self, name: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.problem(name, error)).ok()
    }

    pub(crate) fn required<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<T> {
        let Some(value) = self.environment.get(name) else {
            self.problem(name, "is required and not set");
            return None;
        };
        self.checked(name, value.trim().parse())
    }

    fn or_default<T: FromStr<Err: fmt::Display>>(&mut self, name: &str, default: T) -> Option<T> {
        match self.environment.get(name) {
            Some(value) => self.checked(name, value.trim().parse()),
            None => Some(default),
        }
    }

    fn url(&mut self, name: &str, default: &str) -> Option<Url> {
        let text = self.environment.get(name).unwrap_or(default);
        let url = self.checked(name, Url::parse(text))?;
        if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
            self.problem(name, "expected an http or https address");
            return None;
        }
        Some(url)
    }

    fn seconds(&mut self, name: &str, default: i64, least: i64) -> Option<Duration> {
        let seconds = self.or_default::<i64>(name, default)?;
        if seconds < least {
            self.problem(name, format_args!("expected at least {least} seconds, got {seconds}"));
            return None;
        }
        Some(Duration::seconds(seconds))
    }

    fn count(&mut self, name: &str, default: u32, most: u32) -> Option<u32> {
        let count = self.or_default::<u32>(name, default)?;
        if !(1..=most).contains(&count) {
            self.problem(name, format_args!("expected 1 to {most}, got {count}"));
            return None;
        }
        Some(count)
    }

    fn list<T: FromStr<Err: fmt::Display>>(&mut self, name: &str) -> Option<Vec<T>> {
        let text = self.environment.get(name).unwrap_or_default().to_owned();
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let parsed: Vec<Option<T>> = items.map(|item| self.checked(name, item.parse())).collect();
        parsed.into_iter().collect()
    }

    fn credential(&mut self) -> Option<CredentialConfig> {
        // Variables of another kind than the one chosen are left alone.
        match self.environment.get("ENTRA_CREDENTIAL").map_or("secret", str::trim) {
            "secret" => self.one_of(
                ("ENTRA_CLIENT_SECRET", |secret| CredentialConfig::Secret(secret.into())),
                ("ENTRA_CLIENT_SECRET_ARN", |arn| CredentialConfig::SecretArn(arn.trim().to_owned())),
            ),
            "certificate" => self.one_of(
                ("ENTRA_CLIENT_CERTIFICATE_FILE", |path| CredentialConfig::CertificateFile(path.into())),
                ("ENTRA_CLIENT_CERTIFICATE_ARN", |arn| {
                    CredentialConfig::CertificateArn(arn.trim().to_owned())
                }),
            ),
            "federated" => Some(CredentialConfig::Federated),
            other => {
                let expected = "expected `secret`, `certificate` or `federated`";
                self.problem("ENTRA_CREDENTIAL", format_args!("{expected}, got `{other}`"));
                None
            }
        }
    }

    /// Reads the one of two variables that is set.
    fn one_of<T>(
        &mut self,
        (one, read_one): (&str, fn(&str) -> T),
        (other, read_other): (&str, fn(&str) -> T),
    ) -> Option<T> {
        match (self.environment.get(one), self.environment.get(other)) {
            (Some(value), None) => Some(read_one(value)),
            (None, Some(value)) => Some(read_other(value)),
            (None, None) => {
                self.problem(one, format_args!("set it, or {other}"));
                None
            }
            (Some(_), Some(_)) => {
                self.problem(one, format_args!("set either it or {other}, not both"));
                None
            }
        }
    }

    fn callers(&mut self, tenant: Option<TenantSetting>) -> Option<CallerConfig> {
        let allowed_clients = match self.environment.get("ENTRA_ALLOWED_CLIENTS").map(str::trim) {
            Some("*") => Some(Allowed::Any),
            Some(_) => {
                self.list("ENTRA_ALLOWED_CLIENTS").map(|list| Allowed::Only(list.into_iter().collect()))
            }
            None => {
                self.problem(
                    "ENTRA_ALLOWED_CLIENTS",
                    "is required and not set: the client ids that may call, or `*` for any",
                );
                None
            }
        };
        let listed = self.list::<TenantId>("ENTRA_ALLOWED_TENANTS");
        let allowed_tenants = match (listed, tenant) {
            (Some(list), _) if !list.is_empty() => Some(Allowed::Only(list.into_iter().collect())),
            (Some(_), Some(TenantSetting::Single(home))) => Some(Allowed::Only([home].into_iter().collect())),
            (Some(_), Some(TenantSetting::Organizations)) => {
                self.problem("ENTRA_ALLOWED_TENANTS", "is required when ENTRA_TENANT_ID is `organizations`");
                None
            }
            _ => None,
        };
        let app_id_uri = self.app_id_uri();
        let cors_allowed_origins = self.list::<Origin>("CORS_ALLOWED_ORIGINS");
        Some(CallerConfig {
            allowed_clients: allowed_clients?,
            allowed_tenants: allowed_tenants?,
            app_id_uri,
            cors_allowed_origins: cors_allowed_origins?.into_iter().map(|origin| origin.0).collect(),
        })
    }

    /// As it stands in the registration: tokens are compared with it to the letter. `None`: the usual one, or a problem is noted.
    fn app_id_uri(&mut self) -> Option<String> {
        let text = self.environment.get("ENTRA_APP_ID_URI")?.trim();
        if Url::parse(text).is_err() {
            let expected = "expected the App ID URI of the registration, such as api://contoso.com/profile";
            self.problem("ENTRA_APP_ID_URI", format_args!("{expected}, got `{text}`"));
            return None;
        }
        Some(text.to_owned())
    }

    fn sealing(&mut self) -> Option<SealingConfig> {
        let rotation_days = self.count("SEALING_KEY_ROTATION_DAYS", 90, 3650);
        match (self.environment.get("SEALING_KEY_ARN"), self.environment.get("SEALING_LOCAL_KEY")) {
            (Some(arn), None) => {
                let key_arn = arn.trim().to_owned();
                if !is_kms_key_arn(&key_arn) {
                    let expected = "arn:aws:kms:<region>:<account>:key/<id>";
                    self.problem("SEALING_KEY_ARN", format_args!("expected {expected}, got `{key_arn}`"));
                    return None;
                }
                Some(SealingConfig::Kms { key_arn, rotation_days: rotation_days? })
            }
            (None, Some(key)) => {
                let key = self.checked("SEALING_LOCAL_KEY", BranchKey::local(&key.into()))?;
                Some(SealingConfig::Local(key.into()))
            }
            (None, None) => {
                self.problem("SEALING_KEY_ARN", "set it, or SEALING_LOCAL_KEY for local runs");
                None
            }
            (Some(_), Some(_)) => {
                self.problem("SEALING_KEY_ARN", "set either it or SEALING_LOCAL_KEY, not both");
                None
            }
        }
    }

    pub(crate) fn shards(&mut self) -> Option<Shards> {
        let count = self.count("SWEEP_SHARDS", 64, 1024);
        let generation = self.count("SWEEP_SHARDS_GENERATION", 1, 1000)?;
        let draining = match self.environment.get("SWEEP_SHARDS_DRAINING") {
            None => None,
            Some(_) if generation == 1 => {
                self.problem(
                    "SWEEP_SHARDS_DRAINING",
                    "the first generation has none before it: raise SWEEP_SHARDS_GENERATION",
                );
                return None;
            }
            Some(_) => Some(self.count("SWEEP_SHARDS_DRAINING", 1, 1024)?),
        };
        Some(Shards {
            generation,
            count: NonZeroU32::new(count?)?,
            draining: draining.and_then(NonZeroU32::new),
        })
    }

    fn sweep(&mut self) -> Option<SweepSettings> {
        let idle = self.seconds("SWEEP_IDLE_SECONDS", 30, 1);
        let interval = self.seconds("SWEEP_INTERVAL_SECONDS", 3600, 1);
        let shards = self.shards();
        let concurrency = self.count("SWEEP_CONCURRENCY", 32, 1024);
        Some(SweepSettings {
            idle: idle?,
            interval: interval?,
            shards: shards?,
            concurrency: usize::try_from(concurrency?).ok()?,
            lease: LEASE,
        })
    }
}

/// The ARN of a key or of an alias, in any partition (`aws`, `aws-cn`, `aws-us-gov`).
fn is_kms_key_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    matches!(parts[..], ["arn", partition, "kms", region, account, key]
        if partition.starts_with("aws") && !region.is_empty() && !account.is_empty()
            && ["key/", "alias/"].iter().any(|kind| key.strip_prefix(kind).is_some_and(|id| !id.is_empty())))
}

/// Above the sum of all timeouts of one turn, so that nobody takes an account over that is still being worked on.
const LEASE: Duration = Duration::minutes(2);

/// `scheme://host[:port]`, exactly as a browser sends it.
struct Origin(String);

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = || format!("expected an origin such as https://app.example.com, got `{text}`");
        let url = Url::parse(text).map_err(|_| expected())?;
        let origin = url.origin().ascii_serialization();
        if origin == text { Ok(Self(origin)) } else { Err(expected()) }
    }
}
