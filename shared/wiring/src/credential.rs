//! The application's credential as it is configured, and the places that it is read from.
//!
//! The AWS side of it is small and is settings more than anything else, so it has no crate of its own.

use crate::app::StartError;
use crate::aws::AwsClients;
use crate::config::{Config, CredentialConfig};
use async_trait::async_trait;
use aws_sdk_secretsmanager::error::DisplayErrorContext;
use aws_sdk_sts::operation::get_web_identity_token::GetWebIdentityTokenError;
use domain::ports::Clock;
use entra::{
    ClientCertificate, ClientCredential, ClientSecret, CredentialError, CredentialSource,
    FederatedCredential, WebIdentity, WebIdentitySource,
};
use secrecy::SecretString;
use std::path::PathBuf;
use std::sync::Arc;
use time::OffsetDateTime;

/// How long a role's web identity is asked for: 300 seconds, STS's own default and what policies usually allow.
const WEB_IDENTITY_SECONDS: i32 = 300;

/// What is kept somewhere is read now, so that a missing or damaged one is known at the start.
pub(crate) async fn credential(
    config: &Config,
    aws: &AwsClients,
    clock: Arc<dyn Clock>,
) -> Result<Arc<dyn ClientCredential>, StartError> {
    let source: Arc<dyn CredentialSource> = match &config.credential {
        CredentialConfig::Secret(secret) => return Ok(Arc::new(ClientSecret::new(secret.clone()))),
        CredentialConfig::Federated => {
            let source = Arc::new(RoleIdentity { client: aws.sts.clone() });
            let audience = config.authority.federation_audience();
            return Ok(Arc::new(FederatedCredential::new(source, audience, clock)));
        }
        CredentialConfig::SecretArn(arn) | CredentialConfig::CertificateArn(arn) => {
            Arc::new(StoredSecret { client: aws.secrets.clone(), arn: arn.clone() })
        }
        CredentialConfig::CertificateFile(path) => Arc::new(PemFile(path.clone())),
    };
    let loaded: Result<Arc<dyn ClientCredential>, _> = match &config.credential {
        CredentialConfig::CertificateArn(_) | CredentialConfig::CertificateFile(_) => {
            ClientCertificate::load(config.client_id, source, clock).await.map(|loaded| Arc::new(loaded) as _)
        }
        _ => ClientSecret::load(source, clock).await.map(|loaded| Arc::new(loaded) as _),
    };
    loaded.map_err(|error| StartError::Credential { reason: error.source.to_string() })
}

/// A file beside the program.
struct PemFile(PathBuf);

#[async_trait]
impl CredentialSource for PemFile {
    async fn read(&self) -> Result<SecretString, CredentialError> {
        // A few kilobytes at the start and after a refusal: not worth a thread.
        std::fs::read_to_string(&self.0).map(SecretString::from).map_err(|error| {
            CredentialError::new(format!("the certificate file {} cannot be read: {error}", self.0.display()))
        })
    }
}

/// A secret of AWS Secrets Manager, in its current version.
struct StoredSecret {
    client: aws_sdk_secretsmanager::Client,
    arn: String,
}

#[async_trait]
impl CredentialSource for StoredSecret {
    async fn read(&self) -> Result<SecretString, CredentialError> {
        let answer = self.client.get_secret_value().secret_id(&self.arn).send().await.map_err(|error| {
            let reason = DisplayErrorContext(error);
            CredentialError::new(format!("{} cannot be read from Secrets Manager: {reason}", self.arn))
        })?;
        answer.secret_string.map(SecretString::from).ok_or_else(|| {
            CredentialError::new(format!("expected a secret that is a text, got a binary one ({})", self.arn))
        })
    }
}

/// The role that the function runs as, told by AWS STS
/// (<https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html>). Regional endpoints only.
struct RoleIdentity {
    client: aws_sdk_sts::Client,
}

#[async_trait]
impl WebIdentitySource for RoleIdentity {
    async fn issue(&self, audience: &str) -> Result<WebIdentity, CredentialError> {
        let request = self
            .client
            .get_web_identity_token()
            .audience(audience)
            .signing_algorithm("RS256")
            .duration_seconds(WEB_IDENTITY_SECONDS);
        let answer = request.send().await.map_err(|error| {
            let disabled = error.as_service_error().is_some_and(
                GetWebIdentityTokenError::is_outbound_web_identity_federation_disabled_exception,
            );
            let cure = if disabled {
                "; turn it on with `aws iam enable-outbound-web-identity-federation`"
            } else {
                ""
            };
            let reason = DisplayErrorContext(error);
            CredentialError::new(format!("AWS STS gave no web identity token: {reason}{cure}"))
        })?;
        let expires_at = answer.expiration.and_then(|at| OffsetDateTime::from_unix_timestamp(at.secs()).ok());
        match (answer.web_identity_token, expires_at) {
            (Some(token), Some(expires_at)) => Ok(WebIdentity { token: token.into(), expires_at }),
            _ => Err(CredentialError::new(
                "expected a token and its expiration from AWS STS, got an answer without",
            )),
        }
    }
}
