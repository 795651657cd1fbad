//! Environment to configuration to adapters to what the functions are given. Only this crate chooses which adapter is real.

mod app;
mod aws;
mod aws_http;
mod clock;
pub mod config;
mod credential;
mod dot_env;
mod emf;
mod environment;
mod page_settings;
mod probe;
mod runtime;
mod sealer;
mod signing_keys;
mod table_config;
pub mod telemetry;
mod warm_up;
mod xray;

pub use app::{Api, StartError, Time, sweep_services};
pub use aws::AwsClients;
pub use clock::{RuntimeTimer, SystemChance, SystemClock};
pub use config::{Config, ConfigError, Function};
pub use dot_env::{DotEnvError, env_line, read_env_file};
pub use emf::EmfLines;
pub use entra::Allowed;
pub use environment::Environment;
pub use events::{BusError, SWEEP_SHARD};
pub use page_settings::page_settings;
pub use probe::{CredentialFault, KeyDocument, Probe, SealingFound};
pub use runtime::runtime;
pub use table_config::TableConfig;
pub use xray::XRay;
