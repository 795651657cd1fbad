//! `cargo local create-table`.

use crate::settings::{Database, set_aws_defaults};
use store_dynamodb::table::{self, Creation, TableError};
use wiring::{AwsClients, Environment};

/// What was done, for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableMade {
    pub table: String,
    /// The server, or `Amazon`.
    pub place: String,
    pub creation: Creation,
}

/// Why no table was made.
#[derive(Debug, thiserror::Error)]
pub enum CreateTableError {
    #[error("TABLE_NAME is not set: say which table to make")]
    NoName,
    /// A table at Amazon may hold the tokens of real users.
    #[error(
        "--recreate is refused at Amazon's own endpoints: it would delete the table with everything in it. Set \
         AWS_ENDPOINT_URL_DYNAMODB to another server, or delete the table with Amazon's tools"
    )]
    RecreateAtAmazon,
    #[error(transparent)]
    Table(#[from] TableError),
}

/// Makes the table that `TABLE_NAME` names, with its indexes and its time to live, at the server that
/// `AWS_ENDPOINT_URL_DYNAMODB` names, else at Amazon. One that is there is checked; with `recreate` it is deleted first.
pub async fn create_table(environment: &Environment, recreate: bool) -> Result<TableMade, CreateTableError> {
    let table = environment.get("TABLE_NAME").ok_or(CreateTableError::NoName)?.to_owned();
    let place = match Database::of(environment) {
        Database::At(url) => url,
        Database::Amazon | Database::Own if recreate => return Err(CreateTableError::RecreateAtAmazon),
        Database::Amazon | Database::Own => "Amazon".to_owned(),
    };
    let mut environment = environment.clone();
    set_aws_defaults(&mut environment);
    let client = AwsClients::new(&environment).await.dynamodb;
    if recreate {
        table::delete(&client, &table).await?;
    }
    let creation = table::create(&client, &table).await?;
    Ok(TableMade { table, place, creation })
}
