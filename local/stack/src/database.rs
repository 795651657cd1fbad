//! The DynamoDB-compatible server of a stack: one data file, spoken to over HTTP by the real SDK.

use crate::listeners::Loopback;
use dynoxide::Database;
use std::path::{Path, PathBuf};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The data file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the data file {}: {reason}; if it is damaged, start afresh with `cargo local --reset`", path.display())]
pub struct DatabaseError {
    pub path: PathBuf,
    pub reason: String,
}

/// Serves the data file on `listeners` until `stop` says so.
pub(crate) fn serve(
    file: &Path,
    listeners: Loopback,
    tasks: &mut JoinSet<()>,
    stop: &watch::Receiver<bool>,
) -> Result<(), DatabaseError> {
    let unusable = |reason: String| DatabaseError { path: file.to_owned(), reason };
    let path = file.to_str().ok_or_else(|| unusable("its path is not Unicode".to_owned()))?;
    let database = Database::new(path).map_err(|error| unusable(error.to_string()))?;
    // Sets SQLite's `synchronous = NORMAL`: a killed process still loses nothing and the file stays whole, but no write
    // waits for the disk any more, which took four fifths of the time. A power cut may cost the last moments.
    database.disable_bulk_loading().map_err(|error| unusable(error.to_string()))?;
    listeners.serve_each(tasks, stop, move |listener, stopped| {
        let database = database.clone();
        async move {
            if let Err(error) = dynoxide::server::serve_with_shutdown(listener, database, stopped).await {
                tracing::error!(event = "server.stopped", error);
            }
        }
    });
    Ok(())
}
