//! The database of a lab: a DynamoDB-compatible server behind a door that counts, and can be shut.

use std::collections::BTreeMap;
pub(crate) use table_door::Consumed;
use table_door::Door;
use tokio::net::TcpListener;

#[derive(Clone)]
pub(crate) struct Database {
    pub(crate) url: String,
    door: Door,
}

impl Database {
    /// Before a server of its own, in memory.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let behind = format!("http://{}/", listener.local_addr().unwrap());
        let database = dynoxide::Database::memory().unwrap();
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()));
        Self::before(behind).await
    }

    /// Before the server at this address.
    pub(crate) async fn before(behind: String) -> Self {
        let door = Door::before(&behind).await.unwrap();
        Self { url: door.url().to_owned(), door }
    }

    /// Requests per operation since the last call of this.
    pub(crate) fn take_counts(&self) -> BTreeMap<String, u64> {
        self.door.take_counts()
    }

    /// What each request consumed since the last call of this, in their order.
    pub(crate) fn take_consumed(&self) -> Vec<Consumed> {
        self.door.take_consumed()
    }

    /// Answers 500 to everything, or no more.
    pub(crate) fn shut(&self, shut: bool) {
        self.door.shut(shut);
    }
}
