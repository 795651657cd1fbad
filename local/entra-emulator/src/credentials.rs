//! What applications may prove themselves with: secrets, certificates, federated credentials. They can be changed while the
//! emulator runs, as an administrator would rotate them, and are forgotten with it.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::certificate::{self, Certificate};
use crate::directory::{Application, ClientSecret, Directory};
use crate::emulator::{ControlError, Emulator, lock};
use crate::identifiers::ClientId;

/// A federated identity credential: whose tokens prove the application.
/// <https://learn.microsoft.com/graph/api/resources/federatedidentitycredential>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederatedCredential {
    /// `iss` of the tokens. `None` is the AWS account that the emulator plays
    /// ([`Emulator::web_identity_issuer`]), the only one whose tokens it can verify.
    #[serde(default)]
    pub issuer: Option<String>,
    /// `sub` of the tokens; letters' case matters.
    pub subject: String,
    /// `aud` of the tokens.
    pub audience: String,
}

/// A registered certificate, as an administrator sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateSummary {
    /// SHA-256 of the certificate, base64url: `x5t#S256` of assertions.
    pub thumbprint: String,
    /// From when it is good.
    #[serde(with = "time::serde::rfc3339")]
    pub not_before: OffsetDateTime,
    /// Until when it is good.
    #[serde(with = "time::serde::rfc3339")]
    pub not_after: OffsetDateTime,
}

/// An application with what it may prove itself with. Secrets are only counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationSummary {
    /// The application (client) id.
    pub client_id: ClientId,
    /// Its display name.
    pub name: String,
    /// How many secrets it has.
    pub client_secrets: usize,
    /// Its certificates, in the order they were registered.
    pub certificates: Vec<CertificateSummary>,
    /// Its federated credentials.
    pub federated_credentials: Vec<FederatedCredential>,
}

/// The credentials of one application.
#[derive(Default, Clone)]
pub(crate) struct Credentials {
    pub(crate) secrets: Vec<Password>,
    pub(crate) certificates: Vec<Certificate>,
    pub(crate) federated: Vec<FederatedRecord>,
}

/// A client secret as an administrator sees it, with its text. Graph's `passwordCredential`.
#[derive(Clone)]
pub(crate) struct Password {
    pub(crate) key_id: Uuid,
    pub(crate) display_name: Option<String>,
    /// The first three characters of the text.
    pub(crate) hint: String,
    pub(crate) start: OffsetDateTime,
    /// `None` is for ever.
    pub(crate) end: Option<OffsetDateTime>,
    pub(crate) secret: ClientSecret,
}

/// A federated credential with the name that the registration has for it.
#[derive(Clone)]
pub(crate) struct FederatedRecord {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    pub(crate) credential: FederatedCredential,
}

impl Password {
    /// One without an end.
    fn unending(secret: ClientSecret, start: OffsetDateTime) -> Self {
        let hint = secret.hint();
        Self { key_id: Uuid::new_v4(), display_name: None, hint, start, end: None, secret }
    }
}

impl FederatedRecord {
    fn all(credentials: Vec<FederatedCredential>) -> Vec<Self> {
        let record = |(position, credential)| Self {
            id: Uuid::new_v4(),
            name: format!("credential-{}", position + 1),
            description: None,
            credential,
        };
        credentials.into_iter().enumerate().map(record).collect()
    }
}

impl Credentials {
    pub(crate) fn of(directory: &Directory, now: OffsetDateTime) -> HashMap<ClientId, Self> {
        let of_application = |application: &Application| Self {
            secrets: application
                .client_secrets
                .iter()
                .map(|secret| Password::unending(secret.clone(), now))
                .collect(),
            certificates: Vec::new(),
            federated: FederatedRecord::all(application.federated_credentials.clone()),
        };
        directory.applications.iter().map(|one| (one.client_id, of_application(one))).collect()
    }
}

impl From<&Certificate> for CertificateSummary {
    fn from(certificate: &Certificate) -> Self {
        Self {
            thumbprint: certificate.sha256.clone(),
            not_before: certificate.not_before,
            not_after: certificate.not_after,
        }
    }
}

impl Emulator {
    /// Every application with its credentials.
    pub fn applications(&self) -> Vec<ApplicationSummary> {
        let applications = self.shared.applications();
        let all = lock(&self.shared.credentials);
        let none = Credentials::default();
        applications
            .iter()
            .map(|application| {
                let own = all.get(&application.client_id).unwrap_or(&none);
                ApplicationSummary {
                    client_id: application.client_id,
                    name: application.name.clone(),
                    client_secrets: own.secrets.len(),
                    certificates: own.certificates.iter().map(CertificateSummary::from).collect(),
                    federated_credentials: own.federated.iter().map(|one| one.credential.clone()).collect(),
                }
            })
            .collect()
    }

    /// From now on these are the application's secrets; none of the earlier ones is.
    ///
    /// # Errors
    /// [`ControlError::UnknownApplication`]; [`ControlError::Invalid`] for a public client.
    pub fn replace_client_secrets(&self, client_id: &str, secrets: &[String]) -> Result<(), ControlError> {
        let application = self.confidential(client_id)?;
        let now = self.now();
        self.change_credentials(&application, |own| {
            own.secrets =
                secrets.iter().map(|text| Password::unending(ClientSecret::new(text), now)).collect();
        });
        Ok(())
    }

    /// From now on these are the application's federated credentials.
    ///
    /// # Errors
    /// As [`Emulator::replace_client_secrets`].
    pub fn replace_federated_credentials(
        &self,
        client_id: &str,
        credentials: Vec<FederatedCredential>,
    ) -> Result<(), ControlError> {
        let application = self.confidential(client_id)?;
        let records = FederatedRecord::all(credentials);
        self.change_credentials(&application, |own| own.federated = records);
        Ok(())
    }

    /// Registers the first certificate in `pem`; one that is registered already stays so.
    ///
    /// # Errors
    /// As [`Emulator::replace_client_secrets`], and [`ControlError::Invalid`] for other texts.
    pub fn register_certificate(
        &self,
        client_id: &str,
        pem: &str,
    ) -> Result<CertificateSummary, ControlError> {
        let application = self.confidential(client_id)?;
        let certificate = Certificate::from_pem(pem).ok_or_else(|| {
            ControlError::Invalid("expected an X.509 certificate with an RSA key in PEM".into())
        })?;
        let summary = CertificateSummary::from(&certificate);
        self.change_credentials(&application, |own| {
            if !own.certificates.contains(&certificate) {
                own.certificates.push(certificate);
            }
        });
        Ok(summary)
    }

    /// Makes a key with a certificate, registers the certificate and returns both as PEM: what
    /// `ENTRA_CLIENT_CERTIFICATE_FILE` takes. Making keys takes a while, so no start does it unasked.
    ///
    /// # Errors
    /// As [`Emulator::replace_client_secrets`], and [`ControlError::KeyGeneration`].
    pub fn issue_certificate(&self, client_id: &str) -> Result<String, ControlError> {
        let application = self.confidential(client_id)?;
        let pem =
            certificate::generate(&application.name, self.now()).map_err(|_| ControlError::KeyGeneration)?;
        self.register_certificate(client_id, &pem)?;
        Ok(pem)
    }

    /// Removes the certificate with this thumbprint (SHA-256, base64url).
    ///
    /// # Errors
    /// As [`Emulator::replace_client_secrets`], and [`ControlError::UnknownCertificate`].
    pub fn remove_certificate(&self, client_id: &str, thumbprint: &str) -> Result<(), ControlError> {
        let application = self.confidential(client_id)?;
        let removed = self.change_credentials(&application, |own| {
            let before = own.certificates.len();
            own.certificates.retain(|certificate| certificate.sha256 != thumbprint);
            own.certificates.len() < before
        });
        removed.then_some(()).ok_or_else(|| ControlError::UnknownCertificate(thumbprint.to_owned()))
    }

    fn confidential(&self, client_id: &str) -> Result<Arc<Application>, ControlError> {
        let application = client_id.parse().ok().and_then(|id: ClientId| self.shared.application(id));
        let application =
            application.ok_or_else(|| ControlError::UnknownApplication(client_id.to_owned()))?;
        if application.is_confidential() {
            return Ok(application);
        }
        Err(ControlError::Invalid(format!("{} is a public client and has no credentials", application.name)))
    }

    fn change_credentials<T>(
        &self,
        application: &Application,
        change: impl FnOnce(&mut Credentials) -> T,
    ) -> T {
        change(lock(&self.shared.credentials).entry(application.client_id).or_default())
    }
}
