//! The embedded table server, on threads of its own and with its data on disk.

use crate::error::{BenchError, cannot};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Threads that the table's server runs on are called so.
pub(crate) const STORE_THREADS: &str = "store";

/// Threads that keep their processor time: those that end take it with them.
pub(crate) fn runtime(name: &str) -> Result<Runtime, BenchError> {
    Builder::new_multi_thread()
        .enable_all()
        .thread_name(name)
        .thread_keep_alive(Duration::MAX)
        .build()
        .map_err(cannot("start threads"))
}

/// A running server.
pub(crate) struct Store {
    url: String,
    folder: PathBuf,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), String>>,
}

impl Store {
    /// With its data in this folder, which is there and is removed in the end.
    pub(crate) async fn start(folder: PathBuf, threads: &Handle) -> Result<Self, BenchError> {
        let file = folder.join("table.db").display().to_string();
        let unusable = |error: dynoxide::DynoxideError| BenchError::Cannot {
            action: format!("open {file}"),
            reason: error.to_string(),
        };
        let database = dynoxide::Database::new(&file).map_err(unusable)?;
        // No write waits for the disk, as in `cargo local`.
        database.disable_bulk_loading().map_err(unusable)?;
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, address) = oneshot::channel();
        let task = threads.spawn(async move {
            // Bound on these threads, because they are the ones that wait for its connections.
            let listener =
                TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(|error| error.to_string())?;
            let address = listener.local_addr().map_err(|error| error.to_string())?;
            // Nobody who waits is nobody who asks.
            let _ = tell.send(address);
            let stopped = async move {
                let _ = stopped.await;
            };
            dynoxide::server::serve_with_shutdown(listener, database, stopped).await
        });
        let address = address.await.map_err(cannot("start the table's server"))?;
        Ok(Self { url: format!("http://{address}"), folder, stop, task })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) async fn stop(self) -> Result<(), BenchError> {
        // It may have stopped by itself, which the task then tells.
        let _ = self.stop.send(());
        let served = self.task.await.map_err(cannot("stop the table's server"))?;
        served.map_err(|reason| BenchError::Cannot { action: "serve the table".to_owned(), reason })?;
        let folder = self.folder;
        std::fs::remove_dir_all(&folder).map_err(cannot(format!("remove {}", folder.display())))
    }
}
