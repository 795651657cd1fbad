//! What a start does ahead of the first request, so that it need not wait: connections are open and keys are there.
//!
//! The clients are those of the requests, so that what is opened here is used there. Nothing here decides whether the function
//! starts: what does not work now may work when it is needed.

use domain::identity::TenantId;
use domain::ports::{AccountStore, ItemAddress, Sealer};
use entra::ClientCredential;
use std::error::Error;
use std::time::Duration;
use tokio::time::timeout;
use url::Url;

/// The longest that a start waits for any of it; they run at the same time.
const LIMIT: Duration = Duration::from_millis(1500);

/// A tenant that does not exist.
pub(crate) const NOBODYS_TENANT: TenantId = TenantId::from_uuid(uuid::Uuid::nil());

type Done = Result<(), Box<dyn Error + Send + Sync>>;

/// A connection to the server of this address, by a request that asks for nothing. What is answered does not matter.
pub(crate) async fn connection(what: &'static str, client: &reqwest::Client, address: &str) {
    let asked = async {
        let mut root = Url::parse(address)?;
        root.set_path("/");
        root.set_query(None);
        client.head(root).send().await.map_err(reqwest::Error::without_url)?;
        Ok(())
    };
    attempt(what, asked).await;
}

/// A connection to the table: one read of the brake of a tenant that does not exist.
pub(crate) async fn table(store: &dyn AccountStore) {
    attempt("table", async { Ok(store.brake(NOBODYS_TENANT).await.map(drop)?) }).await;
}

/// The key that tokens are sealed with: by sealing nothing, for no place.
pub(crate) async fn sealing_key(sealer: &dyn Sealer, table: &str) {
    let nowhere = ItemAddress {
        table: table.to_owned(),
        partition_key: "WARM-UP".to_owned(),
        sort_key: "WARM-UP".to_owned(),
        client_id: String::new(),
    };
    attempt("sealing_key", async { Ok(sealer.seal(&nowhere, b"").await.map(drop)?) }).await;
}

/// The proof that goes with the first token request, signed or asked for now.
pub(crate) async fn credential(credential: &dyn ClientCredential, token_endpoint: &str) {
    let proved =
        async { credential.authenticate(token_endpoint).await.map(drop).map_err(|error| error.source) };
    attempt("credential", proved).await;
}

async fn attempt(what: &'static str, work: impl Future<Output = Done>) {
    match timeout(LIMIT, work).await {
        Ok(Ok(())) => tracing::debug!(event = "warm_up.done", what),
        Ok(Err(error)) => tracing::debug!(event = "warm_up.failed", what, error = &*error as &dyn Error),
        Err(elapsed) => tracing::debug!(event = "warm_up.failed", what, error = &elapsed as &dyn Error),
    }
}
