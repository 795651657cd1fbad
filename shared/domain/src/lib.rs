//! Vocabulary, use cases and ports of the shared token cache; no HTTP, no AWS, no environment, no clock of its own.
//!
//! Start at [`read_profile`], [`background_access`] and [`sweep_accounts`]: the use cases. They obtain tokens through
//! [`obtain_token`], which keeps them in a [`token_cache`]. The outside world is behind [`ports`].

pub mod account;
pub mod background_access;
pub mod background_job;
pub mod brake;
pub mod caller;
pub mod counters;
pub mod error;
pub mod event;
pub mod identity;
pub mod metrics;
pub mod obtain_token;
pub mod opened_blobs;
pub mod pace;
pub mod ports;
pub mod profile;
pub mod read_profile;
mod retry;
pub mod scope;
pub mod services;
pub mod shard;
pub mod shard_task;
pub mod single_flight;
pub mod stage;
pub mod sweep_accounts;
mod sweep_run;
pub mod tenant_paces;
pub mod time_budget;
pub mod token;
pub mod token_cache;
pub mod turn;
pub mod waiting;
