//! The contract on the server that the local stack embeds.

use crate::servers::{TestTable, embedded_client};
use test_support::store_contract::StoreFixture;

async fn embedded() -> Option<StoreFixture> {
    Some(TestTable::new(embedded_client().await).await.into_fixture())
}

test_support::account_store_contract!(embedded);
