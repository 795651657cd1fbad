//! The DynamoDB-compatible server of a stack: one data file, spoken to over HTTP by the real SDK.

use crate::listeners::Loopback;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use dynoxide::Database;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// The data file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the data file {}: {reason}; if it is damaged, start afresh with `cargo local --reset`", path.display())]
pub struct DatabaseError {
    pub path: PathBuf,
    pub reason: String,
}

/// The longest that the embedded server is waited for while it counts the items of a large table.
const COUNTING: Duration = Duration::from_mins(2);

/// The same client for questions about a table as a whole: the embedded server reads all of it to answer them, which takes
/// longer than any request of the functions may.
pub(crate) fn patient(client: &Client) -> Client {
    let timeouts =
        TimeoutConfig::builder().operation_attempt_timeout(COUNTING).operation_timeout(COUNTING).build();
    Client::from_conf(client.config().to_builder().timeout_config(timeouts).build())
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
