//! The token endpoint, `POST /{tenant}/oauth2/v2.0/token`.

mod authorization_code;
mod client_assertion;
mod client_credentials;
pub(crate) mod client_proof;
mod device_code;
pub(crate) mod issue;
mod on_behalf_of;
mod refresh;
mod without_sign_in;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, header};
use axum::{Extension, Json};
use serde_json::Value;

use crate::authority::{Authority, application};
use crate::directory::{Application, User};
use crate::emulator::{Emulator, Shared};
use crate::entra_error::EntraError;
use crate::exchange::Note;
use crate::parameters::Parameters;
use crate::scopes::Resource;
use crate::sealed::Purpose;
use client_proof::ClientProof;

/// A token request with its client known, and proven where a proof was sent.
struct TokenRequest<'a> {
    shared: &'a Shared,
    authority: Authority,
    client: &'a Application,
    proof: ClientProof,
    form: &'a Parameters,
    origin: Option<&'a str>,
    note: &'a Note,
}

impl<'a> TokenRequest<'a> {
    fn required(&self, name: &str) -> Result<&'a str, EntraError> {
        self.form.first(name).ok_or_else(|| EntraError::missing_parameter(name))
    }

    /// `spa` redirect URIs are redeemed from a browser, others never are.
    fn check_origin(&self, single_page: bool) -> Result<(), EntraError> {
        match (single_page, self.origin) {
            (true, None) => Err(EntraError::invalid_request(
                9_002_327,
                "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin \
                 requests.",
            )),
            (false, Some(origin)) => Err(EntraError::invalid_request(
                9_002_326,
                format!(
                    "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. \
                     Request origin: '{}'.",
                    origin.chars().take(256).collect::<String>()
                ),
            )),
            _ => Ok(()),
        }
    }
}

pub(crate) async fn token(
    State(emulator): State<Emulator>,
    Path(tenant): Path<String>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, EntraError> {
    let form = form(&headers, &body)?;
    let answer = granted(&emulator, &tenant, &note, &headers, &form);
    emulator.shared.secrets_seen.note(&form, answer.as_ref().ok());
    answer.map(Json)
}

fn granted(
    emulator: &Emulator,
    tenant: &str,
    note: &Note,
    headers: &HeaderMap,
    form: &Parameters,
) -> Result<Value, EntraError> {
    let grant_type = form.first("grant_type").ok_or_else(|| EntraError::missing_parameter("grant_type"))?;
    let shared = &emulator.shared;
    let authority = Authority::resolve(shared, tenant)?;
    let presented = client_proof::presented(form, headers)?;
    let client_id =
        presented.client_id.as_deref().ok_or_else(|| EntraError::missing_parameter("client_id"))?;
    let client = application(shared, authority, client_id)?;
    note.client(client.client_id);
    let client = &*client;
    let proof = client_proof::check(shared, authority, client, &presented)?;
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let request = TokenRequest { shared, authority, client, proof, form, origin, note };
    match grant_type {
        "authorization_code" => authorization_code::redeem(&request),
        "refresh_token" => refresh::redeem(&request),
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => on_behalf_of::exchange(&request),
        "urn:ietf:params:oauth:grant-type:device_code" => device_code::redeem(&request),
        "client_credentials" => client_credentials::issue(&request),
        other => {
            let other: String = other.chars().take(64).collect();
            Err(EntraError::new(
                "unsupported_grant_type",
                70_003,
                format!("The app requested an unsupported grant type '{other}'."),
            ))
        }
    }
}

/// GET on a POST endpoint, in Entra ID's words.
pub(crate) async fn only_post() -> EntraError {
    EntraError::invalid_request(900_561, "The endpoint only accepts POST requests. Received a GET request.")
}

/// The form of a POST; repeated parameters and bytes that are not a form are refused.
pub(crate) fn form(headers: &HeaderMap, body: &Bytes) -> Result<Parameters, EntraError> {
    let media_type =
        headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let is_form = media_type
        .split(';')
        .next()
        .is_some_and(|name| name.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded"));
    if !is_form {
        // Entra ID reads no other media type, so to it nothing was sent.
        return Ok(Parameters::default());
    }
    let form = Parameters::parse(body);
    match form.repeated() {
        Some(name) => {
            let name: String = name.chars().take(64).collect();
            Err(EntraError::malformed(&format!("The parameter '{name}' was sent more than once.")))
        }
        None => Ok(form),
    }
}

/// What a grant remembers of the sign-in it came from. Sealed into `aio`, so that it passes through On-Behalf-Of.
#[derive(Debug, Clone, Copy, serde::Serialize, serde::Deserialize)]
pub(crate) struct SignIn {
    /// [`crate::user_state::UserState::session_generation`] at that time.
    pub(crate) generation: u64,
    /// Whether the sign-in was approved a second time.
    pub(crate) mfa: bool,
    /// `sid`.
    pub(crate) session: uuid::Uuid,
    /// `auth_time`, Unix seconds.
    pub(crate) authenticated_at: i64,
}

impl Shared {
    pub(crate) fn sign_in_of(&self, claims: &Value) -> Option<SignIn> {
        self.sealer.open(Purpose::AccessTokenOrigin, claims["aio"].as_str()?)
    }

    /// Whether `user` may still use what came from `sign_in`: not disabled, not revoked, consent given, MFA done.
    fn check_user(
        &self,
        client: &Application,
        user: &User,
        sign_in: SignIn,
        issued_at: time::OffsetDateTime,
        resource: &Resource,
    ) -> Result<(), EntraError> {
        let state = self.user_state(user.object_id);
        if state.disabled {
            return Err(EntraError::disabled());
        }
        if sign_in.generation < state.session_generation {
            return Err(EntraError::revoked(issued_at, state.tokens_valid_from));
        }
        if state.consent_withdrawn {
            return Err(EntraError::consent_required(client.client_id, &client.name));
        }
        if state.mfa_required && !sign_in.mfa {
            return Err(EntraError::mfa_required(&resource.shown()).with_suberror("basic_action"));
        }
        Ok(())
    }
}
