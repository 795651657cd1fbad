//! The contract on Amazon's DynamoDB Local: what another implementation of the protocol makes of the same requests.

use crate::servers::{TestTable, dynamodb_local_client};
use test_support::store_contract::StoreFixture;

async fn dynamodb_local() -> Option<StoreFixture> {
    Some(TestTable::new(dynamodb_local_client()?).await.into_fixture())
}

test_support::account_store_contract!(dynamodb_local);
