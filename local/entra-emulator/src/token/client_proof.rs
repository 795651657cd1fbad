//! How a client proves who it is (RFC 6749 §2.3, RFC 7523 §2.2).

use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::client_assertion;
use crate::authority::Authority;
use crate::credentials::{Credentials, Password};
use crate::directory::Application;
use crate::emulator::{Shared, lock};
use crate::entra_error::EntraError;
use crate::parameters::Parameters;

/// The proof that was sent and found right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientProof {
    /// None: a public client, or a confidential one that did not say.
    None,
    /// A client secret.
    Secret,
    /// An assertion, signed with a certificate or by another identity provider.
    Assertion,
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

impl ClientProof {
    /// `azpacr` and `appidacr`: 0 public, 1 secret, 2 certificate.
    pub(crate) fn acr(self) -> &'static str {
        match self {
            Self::None => "0",
            Self::Secret => "1",
            Self::Assertion => "2",
        }
    }

    /// Refuses a client that sent no proof.
    pub(crate) fn require(self) -> Result<(), EntraError> {
        match self {
            Self::None => Err(EntraError::invalid_client(
                7_000_218,
                "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
            )),
            Self::Secret | Self::Assertion => Ok(()),
        }
    }
}

/// What was sent, not yet checked. Has no `Debug`: it holds the secret.
pub(crate) struct Presented {
    pub(crate) client_id: Option<String>,
    secret: Option<String>,
    /// `client_assertion` and its type.
    assertion: Option<(String, Option<String>)>,
}

/// Reads the proof from the form or from HTTP Basic.
pub(crate) fn presented(form: &Parameters, headers: &HeaderMap) -> Result<Presented, EntraError> {
    let mut presented = Presented {
        client_id: form.first("client_id").map(str::to_owned),
        secret: form.first("client_secret").map(str::to_owned),
        assertion: form
            .first("client_assertion")
            .map(|assertion| (assertion.to_owned(), form.first("client_assertion_type").map(str::to_owned))),
    };
    let Some(authorization) = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
        return Ok(presented);
    };
    let Some(encoded) = authorization.strip_prefix("Basic ") else { return Ok(presented) };
    let malformed = || EntraError::malformed("The Authorization header is not valid HTTP Basic.");
    let bytes = STANDARD.decode(encoded.trim()).map_err(|_| malformed())?;
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    let (id, secret) = text.split_once(':').ok_or_else(malformed)?;
    // RFC 6749 §2.3.1: both halves are form-encoded first.
    presented.client_id = Some(form_decoded(id));
    presented.secret = Some(form_decoded(secret));
    Ok(presented)
}

fn form_decoded(text: &str) -> String {
    let pair = format!("v={}", text.replace('&', "%26"));
    Parameters::parse(pair.as_bytes()).first("v").unwrap_or_default().to_owned()
}

/// Checks what was sent; nothing sent is [`ClientProof::None`], which a grant may refuse.
pub(crate) fn check(
    shared: &Shared,
    authority: Authority,
    client: &Application,
    presented: &Presented,
) -> Result<ClientProof, EntraError> {
    if !client.is_confidential() && (presented.secret.is_some() || presented.assertion.is_some()) {
        return Err(EntraError::invalid_client(
            700_025,
            "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.",
        ));
    }
    let all = lock(&shared.credentials);
    let none = Credentials::default();
    let credentials = all.get(&client.client_id).unwrap_or(&none);
    if let Some((assertion, kind)) = &presented.assertion {
        match kind.as_deref() {
            Some(JWT_BEARER) => {}
            Some(_) => return Err(EntraError::malformed("The client_assertion_type is not supported.")),
            None => return Err(EntraError::missing_parameter("client_assertion_type")),
        }
        client_assertion::check(shared, authority, client, credentials, assertion)?;
        return Ok(ClientProof::Assertion);
    }
    let Some(secret) = &presented.secret else { return Ok(ClientProof::None) };
    let now = shared.clock.now();
    let matching = |own: &&Password| own.secret.matches(secret);
    let matching =
        credentials.secrets.iter().filter(matching).max_by_key(|own| own.end.is_none_or(|end| now < end));
    match matching {
        Some(own) if own.end.is_none_or(|end| now < end) => return Ok(ClientProof::Secret),
        Some(_) => {
            return Err(EntraError::invalid_client(
                7_000_222,
                format!(
                    "The provided client secret keys for app '{}' are expired. Visit the Azure portal to create new keys \
                     for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added \
                     security: https://aka.ms/certCreds.",
                    client.client_id
                ),
            ));
        }
        None => {}
    }
    Err(EntraError::invalid_client(
        7_000_215,
        format!(
            "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, \
             not the client secret ID, for a secret added to app '{}'.",
            client.client_id
        ),
    ))
}
