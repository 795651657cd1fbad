//! Tasks that run until they are told to stop.

use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How long requests that are under way may take to finish. A browser's idle connections are closed at once.
const FINISH: Duration = Duration::from_secs(3);

/// A group of servers that stop together.
#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
}

impl Servers {
    pub(crate) fn new() -> Self {
        Self { tasks: JoinSet::new(), stop: watch::Sender::new(false) }
    }

    /// Turns true when the servers should stop.
    pub(crate) fn stop_signal(&self) -> watch::Receiver<bool> {
        self.stop.subscribe()
    }

    /// Lets requests that are under way finish, for a while.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(FINISH, finished).await.is_err() {
            tracing::warn!(event = "stop.cut_short", "requests were still under way");
            self.tasks.shutdown().await;
        }
    }
}
