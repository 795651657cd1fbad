//! Environment to configuration to adapters to what the functions are given. Only this crate chooses which adapter is real.

mod app;
mod aws;
mod clock;
pub mod config;
mod credential;
mod environment;
mod sealer;
mod signing_keys;
pub mod telemetry;

pub use app::{Api, StartError, Time, sweep_services};
pub use aws::AwsClients;
pub use clock::{RuntimeTimer, SystemChance, SystemClock};
pub use config::{Config, ConfigError, Function};
pub use environment::Environment;
pub use events::SWEEP_SHARD;
