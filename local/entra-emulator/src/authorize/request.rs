//! The parameters of an authorize request, checked.
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-auth-code-flow>

use std::sync::Arc;

use serde_json::Value;
use url::Url;

use crate::authority::{Authority, application};
use crate::directory::{Application, Platform};
use crate::emulator::Shared;
use crate::entra_error::EntraError;
use crate::parameters::Parameters;
use crate::scopes::Scopes;

/// How the answer reaches the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ResponseMode {
    Query,
    Fragment,
    FormPost,
}

/// Where an answer may go. Without one, errors can only be shown.
pub(super) struct Destination {
    pub(super) authority: Authority,
    pub(super) client: Arc<Application>,
    pub(super) redirect_uri: Url,
    pub(super) platform: Platform,
    pub(super) mode: ResponseMode,
    pub(super) state: Option<String>,
}

impl Destination {
    /// # Errors
    /// To be shown as a page: nothing may be sent to an address that is not registered (RFC 6749 §4.1.2.1).
    pub(super) fn parse(shared: &Shared, tenant: &str, parameters: &Parameters) -> Result<Self, EntraError> {
        let authority = Authority::resolve(shared, tenant)?;
        let client_id =
            parameters.first("client_id").ok_or_else(|| EntraError::missing_parameter("client_id"))?;
        let client = application(shared, authority, client_id)?;
        let requested =
            parameters.first("redirect_uri").ok_or_else(|| EntraError::missing_parameter("redirect_uri"))?;
        let registered = Url::parse(requested).ok().and_then(|uri| {
            let platform = client.redirect_uri(&uri)?.platform;
            Some((uri, platform))
        });
        let Some((redirect_uri, platform)) = registered else {
            return Err(EntraError::invalid_request(
                50_011,
                format!(
                    "The redirect URI '{}' specified in the request does not match the redirect URIs configured for \
                     the application '{}'. Make sure the redirect URI sent in the request matches one added to your \
                     application in the Azure portal.",
                    requested.chars().take(256).collect::<String>(),
                    client.client_id
                ),
            ));
        };
        let mode = match parameters.first("response_mode") {
            None | Some("query") => ResponseMode::Query,
            Some("fragment") => ResponseMode::Fragment,
            Some("form_post") => ResponseMode::FormPost,
            Some(_) => {
                return Err(EntraError::malformed("The response_mode must be query, fragment or form_post."));
            }
        };
        let state = parameters.first("state").map(str::to_owned);
        Ok(Self { authority, client, redirect_uri, platform, mode, state })
    }
}

/// What the application asks of the sign-in.
pub(super) struct SignInRequest<'a> {
    pub(super) scope: &'a str,
    pub(super) challenge: Option<&'a str>,
    pub(super) nonce: Option<&'a str>,
    pub(super) claims: Option<&'a str>,
    pub(super) prompt: Prompt,
    pub(super) login_hint: Option<&'a str>,
    pub(super) session_hint: Option<&'a str>,
    pub(super) client_info: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Prompt {
    /// Not said: an existing session is used without asking.
    Automatic,
    None,
    Login,
    SelectAccount,
    Consent,
}

impl<'a> SignInRequest<'a> {
    /// # Errors
    /// To be sent to the destination.
    pub(super) fn parse(
        shared: &Shared,
        destination: &Destination,
        parameters: &'a Parameters,
    ) -> Result<Self, EntraError> {
        match parameters.first("response_type") {
            Some("code") => {}
            None => return Err(EntraError::missing_parameter("response_type")),
            Some(_) => {
                return Err(EntraError::new(
                    "unsupported_response_type",
                    700_051,
                    "The response_type must be 'code': this application is not enabled for other response types.",
                ));
            }
        }
        let scope = parameters.first("scope").ok_or_else(|| EntraError::missing_parameter("scope"))?;
        Scopes::parse(shared, &destination.client, scope)?;
        let challenge = challenge(destination, parameters)?;
        let prompt = match parameters.first("prompt") {
            None => Prompt::Automatic,
            Some("none") => Prompt::None,
            Some("login") => Prompt::Login,
            Some("select_account") => Prompt::SelectAccount,
            Some("consent") => Prompt::Consent,
            Some(_) => {
                return Err(EntraError::invalid_request(
                    90_023,
                    "The prompt must be login, select_account, consent or none.",
                ));
            }
        };
        let claims = parameters.first("claims");
        if claims
            .is_some_and(|text| !serde_json::from_str::<Value>(text).is_ok_and(|claims| claims.is_object()))
        {
            return Err(EntraError::malformed("The parameter 'claims' is not a JSON object."));
        }
        Ok(Self {
            scope,
            challenge,
            nonce: parameters.first("nonce"),
            claims,
            prompt,
            login_hint: parameters.first("login_hint"),
            session_hint: parameters.first("sid"),
            client_info: parameters.first("client_info") == Some("1"),
        })
    }

    /// Whether the claims ask for a stronger sign-in: a policy (`capolids`), an authentication context (`acrs`), or
    /// `amr` with `mfa`.
    pub(super) fn asks_mfa(&self) -> bool {
        let Some(claims) = self.claims.and_then(|text| serde_json::from_str::<Value>(text).ok()) else {
            return false;
        };
        ["access_token", "id_token"].iter().any(|token| {
            let asked = &claims[token];
            asked.get("capolids").is_some()
                || asked.get("acrs").is_some()
                || asked.get("amr").is_some_and(|amr| amr.to_string().contains("mfa"))
        })
    }
}

fn challenge<'a>(
    destination: &Destination,
    parameters: &'a Parameters,
) -> Result<Option<&'a str>, EntraError> {
    match (parameters.first("code_challenge"), parameters.first("code_challenge_method")) {
        (Some(challenge), Some("S256")) => Ok(Some(challenge)),
        (Some(_), _) => Err(EntraError::invalid_request(
            9_002_313,
            "Invalid request. The code_challenge_method must be S256.",
        )),
        (None, _) if destination.platform == Platform::SinglePage => Err(EntraError::invalid_request(
            9_002_325,
            "Proof Key for Code Exchange is required for cross-origin authorization code redemption.",
        )),
        (None, _) => Ok(None),
    }
}
