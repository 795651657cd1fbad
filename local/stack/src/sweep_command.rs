//! `cargo local sweep`: the background sweep, once, from a terminal.

use crate::attached::{AttachError, Attached, Needs};
use crate::sweeper::Sweeper;
use background_sweep::{Answer, SweepFailure};
use domain::sweep_accounts::TurnObserver;
use serde_json::json;
use std::path::Path;
use wiring::Environment;

/// What to sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SweepWish {
    /// Everything that is due.
    Due,
    /// One account, by home account id or user principal name, due or not.
    Account(String),
    /// Nothing: only tell what is due.
    DryRun,
}

/// Why a sweep failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum SweepCommandError {
    #[error(transparent)]
    Attach(#[from] AttachError),
    #[error(transparent)]
    Sweep(#[from] SweepFailure),
}

/// Sweeps the table of the stack whose data lie in `folder`, running or not, in this process; `observer` hears of each turn.
pub async fn sweep_now(
    environment: &Environment,
    folder: &Path,
    wish: &SweepWish,
    observer: &dyn TurnObserver,
) -> Result<Answer, SweepCommandError> {
    let attached = Attached::open(environment, folder, Needs::TableAndEmulator).await?;
    let sweeper = Sweeper::new(attached.services.clone(), attached.clock.clone());
    let answer = match wish {
        SweepWish::Due => sweeper.watched(&sweeper.scheduled_event(), observer).await,
        SweepWish::Account(account) => sweeper.watched(&json!({ "account": account }), observer).await,
        SweepWish::DryRun => sweeper.watched(&json!({ "dryRun": true }), observer).await,
    };
    attached.close().await;
    Ok(answer?)
}
