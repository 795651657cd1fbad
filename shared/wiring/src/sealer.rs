//! The sealer, and the table as the place of its branch keys: the two crates do not know each other.

use crate::aws::AwsClients;
use crate::config::SealingConfig;
use async_trait::async_trait;
use domain::error::StoreError;
use domain::ports::{Clock, Sealer};
use sealing::{
    BranchKeyStore, Creation, InvalidKeyDate, KeyDate, KeyError, KmsKeyWrapping, KmsSealer, LocalSealer,
    WrappedBranchKey,
};
use std::error::Error;
use std::sync::Arc;
use store_dynamodb::{BranchKeyCreation, BranchKeyItem, DynamoDbBranchKeys};

pub(crate) fn sealer(
    config: &SealingConfig,
    table: &str,
    aws: &AwsClients,
    clock: Arc<dyn Clock>,
) -> Arc<dyn Sealer> {
    match config {
        SealingConfig::Local(key) => Arc::new(LocalSealer::new(key.clone())),
        SealingConfig::Kms { key_arn, rotation_days } => {
            let keys = BranchKeysOfTable(DynamoDbBranchKeys::new(aws.dynamodb.clone(), table.to_owned()));
            let wrapping = KmsKeyWrapping::new(aws.kms.clone(), key_arn.clone());
            let table = table.to_owned();
            Arc::new(KmsSealer::new(Arc::new(keys), Arc::new(wrapping), table, *rotation_days, clock))
        }
    }
}

pub(crate) struct BranchKeysOfTable(pub(crate) DynamoDbBranchKeys);

#[async_trait]
impl BranchKeyStore for BranchKeysOfTable {
    async fn newest(&self) -> Result<Option<WrappedBranchKey>, KeyError> {
        let item = self.0.newest().await.map_err(|error| store_error("find the newest branch key", error))?;
        item.map(wrapped).transpose()
    }

    async fn get(&self, date: KeyDate) -> Result<Option<WrappedBranchKey>, KeyError> {
        let item = self.0.get(&date.to_string()).await;
        item.map_err(|error| store_error("find a branch key", error))?.map(wrapped).transpose()
    }

    async fn create(&self, key: &WrappedBranchKey) -> Result<Creation, KeyError> {
        let item = BranchKeyItem {
            date: key.date.to_string(),
            wrapped: key.wrapped.clone(),
            kms_key: key.kms_key.clone(),
            created_at: key.created_at,
        };
        match self.0.create(&item).await.map_err(|error| store_error("create a branch key", error))? {
            BranchKeyCreation::Created => Ok(Creation::Created),
            BranchKeyCreation::Existed(item) => wrapped(item).map(Creation::Existed),
        }
    }
}

fn wrapped(item: BranchKeyItem) -> Result<WrappedBranchKey, KeyError> {
    let date = item.date.parse().map_err(|error: InvalidKeyDate| KeyError {
        operation: "read a branch key",
        reason: format!("{error} as its sort key, got {:?}; delete the item", item.date),
        source: None,
    })?;
    Ok(WrappedBranchKey { date, wrapped: item.wrapped, kms_key: item.kms_key, created_at: item.created_at })
}

fn store_error(operation: &'static str, error: StoreError) -> KeyError {
    let source: Arc<dyn Error + Send + Sync> = Arc::new(error);
    KeyError { operation, reason: source.to_string(), source: Some(source) }
}
