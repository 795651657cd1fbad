//! What an operator's check asks in a function's place, with the very adapters that the functions have. Nothing is kept of
//! the answers, and nothing is changed but by [`Probe::send_event`].

use crate::app::StartError;
use crate::aws::AwsClients;
use crate::config::{Config, SealingConfig};
use crate::credential::credential;
use crate::environment::Environment;
use crate::sealer::BranchKeysOfTable;
use domain::error::TokenError;
use domain::identity::TenantId;
use domain::ports::{Clock, PublishError};
use domain::time_budget::REQUEST_TIMEOUT;
pub use entra::KeyDocument;
use entra::{Allowed, EntraTokenExchange, TenantSetting};
use events::{BusError, EventBridgePublisher, find_bus};
use sealing::{BranchKeyStore as _, KeyDate, KeyError, KeyWrapping as _, KmsKeyWrapping, WrappingContext};
use std::sync::Arc;
use store_dynamodb::DynamoDbBranchKeys;

/// An API that every tenant has, to ask a token for.
const RESOURCE: &str = "https://graph.microsoft.com";

/// A deployment, as one of its functions would find it.
pub struct Probe {
    config: Config,
    client: reqwest::Client,
    aws: AwsClients,
    clock: Arc<dyn Clock>,
}

/// Why the application cannot prove who it is.
#[derive(Debug, thiserror::Error)]
pub enum CredentialFault {
    /// `ENTRA_TENANT_ID` is `organizations`, and no tenant is listed to ask in.
    #[error(
        "no tenant to ask in: ENTRA_TENANT_ID is `organizations`, and the API's ENTRA_ALLOWED_TENANTS is not known"
    )]
    NoTenant,
    /// It cannot be read, or not be used.
    #[error(transparent)]
    Unusable(StartError),
    /// Entra ID was asked.
    #[error(transparent)]
    Refused(TokenError),
}

/// Under which key cached tokens are sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealingFound {
    /// One from the configuration; nobody was asked.
    Local,
    /// KMS wraps and unwraps; the date of the newest branch key in the table, if there is one yet, which it unwraps too.
    Kms { newest: Option<String> },
}

impl Probe {
    pub async fn new(
        config: Config,
        environment: &Environment,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StartError> {
        let client = outbound_http::client().map_err(StartError::HttpClient)?;
        let aws = AwsClients::new(environment).await;
        Ok(Self { config, client, aws, clock })
    }

    pub fn config(&self) -> &Config {
        &self.config
    }

    pub fn aws(&self) -> &AwsClients {
        &self.aws
    }

    /// The functions' HTTP client.
    pub fn http(&self) -> &reqwest::Client {
        &self.client
    }

    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Reads a key document as the API does; `None` if it is none.
    pub fn key_document(&self, body: &[u8]) -> Option<KeyDocument> {
        KeyDocument::read(body, self.tenant(), &self.config.authority)
    }

    /// Reads the credential, and asks Entra ID for a token of the application itself, which is thrown away.
    pub async fn prove_credential(&self) -> Result<(), CredentialFault> {
        let tenant = self.tenant().ok_or(CredentialFault::NoTenant)?;
        let credential = credential(&self.config, &self.aws, self.clock.clone())
            .await
            .map_err(CredentialFault::Unusable)?;
        let exchange = EntraTokenExchange::new(
            self.client.clone(),
            self.config.authority.clone(),
            self.config.client_id,
            credential,
            REQUEST_TIMEOUT.unsigned_abs(),
            self.clock.clone(),
        );
        exchange.prove_credential(tenant, RESOURCE).await.map_err(CredentialFault::Refused)
    }

    /// Has KMS make a branch key, which is thrown away, and unwrap it again; then the newest of the table.
    pub async fn find_sealing_key(&self) -> Result<SealingFound, KeyError> {
        let SealingConfig::Kms { key_arn, .. } = &self.config.sealing else { return Ok(SealingFound::Local) };
        let wrapping = KmsKeyWrapping::new(self.aws.kms.clone(), key_arn.clone());
        let table = &self.config.table_name;
        let today = WrappingContext { table, date: KeyDate::of(self.clock.now()) };
        let generated = wrapping.generate(today).await?;
        wrapping.unwrap(&generated.wrapped, today).await?;
        let keys = BranchKeysOfTable(DynamoDbBranchKeys::new(self.aws.dynamodb.clone(), table.clone()));
        let newest = keys.newest().await?;
        if let Some(newest) = &newest {
            wrapping.unwrap(&newest.wrapped, WrappingContext { table, date: newest.date }).await?;
        }
        Ok(SealingFound::Kms { newest: newest.map(|newest| newest.date.to_string()) })
    }

    /// The ARN of the bus of this name.
    pub async fn find_bus(&self, name: &str) -> Result<String, BusError> {
        find_bus(&self.aws.eventbridge, name).await
    }

    /// Puts one event `Probe` without content on the bus. No rule of the template takes it.
    pub async fn send_event(&self, bus: &str) -> Result<(), PublishError> {
        let publisher =
            EventBridgePublisher::new(self.aws.eventbridge.clone(), bus.to_owned(), self.clock.clone());
        publisher.send_probe().await
    }

    /// The home tenant; where it is any, one whose users may call.
    fn tenant(&self) -> Option<TenantId> {
        match self.config.authority.tenant() {
            TenantSetting::Single(tenant) => Some(tenant),
            TenantSetting::Organizations => match &self.config.callers.as_ref()?.allowed_tenants {
                Allowed::Only(tenants) => tenants.iter().next().copied(),
                Allowed::Any => None,
            },
        }
    }
}
