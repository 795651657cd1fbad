//! The device code flow's own endpoints: `devicecode`, and the page where the code is typed (RFC 8628).

use std::collections::HashMap;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::{Extension, Json};
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use crate::authority::{Authority, application};
use crate::authorize::session::new_sign_in;
use crate::directory::User;
use crate::emulator::{Emulator, Shared, lock};
use crate::entra_error::{EntraError, TraceIds};
use crate::exchange::Note;
use crate::identifiers::{ClientId, ObjectId};
use crate::pages::{self, LISTED_USERS, account, document, each, escape, hidden};
use crate::parameters::Parameters;
use crate::scopes::Scopes;
use crate::sealed::{random_bytes, random_text};
use crate::token::{SignIn, form};

/// How long the user has.
const LIFETIME: Duration = Duration::minutes(15);
/// How often the device should ask, in seconds.
const INTERVAL_SECONDS: u32 = 5;
/// Letters that are not mistaken for one another.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const USER_CODE_LEN: usize = 9;

/// A device that waits for its user.
pub(crate) struct DeviceGrant {
    pub(crate) client: ClientId,
    authority: Authority,
    user_code: String,
    pub(crate) scope: String,
    pub(crate) expires_at: OffsetDateTime,
    pub(crate) decision: DeviceDecision,
}

/// What the user decided.
#[derive(Debug, Clone, Copy)]
pub(crate) enum DeviceDecision {
    Pending,
    Declined,
    Approved { user: ObjectId, sign_in: SignIn },
}

/// `POST /{tenant}/oauth2/v2.0/devicecode`
pub(crate) async fn device_code(
    State(emulator): State<Emulator>,
    Path(tenant): Path<String>,
    Extension(note): Extension<Note>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, EntraError> {
    let form = form(&headers, &body)?;
    let shared = &emulator.shared;
    let authority = Authority::resolve(shared, &tenant)?;
    let client_id = form.first("client_id").ok_or_else(|| EntraError::missing_parameter("client_id"))?;
    let client = application(shared, authority, client_id)?;
    note.client(client.client_id);
    if !client.public_client_flows {
        return Err(EntraError::invalid_client(
            7_000_218,
            "The request body must contain the following parameter: 'client_assertion' or 'client_secret'. \
             (\"Allow public client flows\" is off for this application.)",
        ));
    }
    let scope = form.first("scope").ok_or_else(|| EntraError::missing_parameter("scope"))?;
    Scopes::parse(shared, &client, scope)?;
    let now = shared.clock.now();
    let device_code = random_text::<64>();
    let user_code = user_code();
    let verification_uri = format!("{}/devicelogin", shared.base);
    let message = format!(
        "To sign in, use a web browser to open the page {verification_uri} and enter the code {user_code} to \
         authenticate."
    );
    let grant = DeviceGrant {
        client: client.client_id,
        authority,
        user_code: user_code.clone(),
        scope: scope.to_owned(),
        expires_at: now + LIFETIME,
        decision: DeviceDecision::Pending,
    };
    let mut devices = lock(&shared.devices);
    devices.retain(|_, grant| now < grant.expires_at + LIFETIME);
    devices.insert(device_code.clone(), grant);
    Ok(Json(json!({
        "user_code": user_code,
        "device_code": device_code,
        "verification_uri": verification_uri,
        "expires_in": LIFETIME.whole_seconds(),
        "interval": INTERVAL_SECONDS,
        "message": message,
    })))
}

fn user_code() -> String {
    // 256 is no multiple of 20, so bytes above 239 would favour the first letters.
    let mut code = String::new();
    while code.len() < USER_CODE_LEN {
        let usable = random_bytes::<16>().into_iter().filter(|byte| *byte < 240);
        code.extend(usable.map(|byte| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()])));
    }
    code.truncate(USER_CODE_LEN);
    code
}

/// `GET /devicelogin`: type the code, or pick the account when `?user_code=` brings it.
pub(crate) async fn show(State(emulator): State<Emulator>, RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::parse(query.unwrap_or_default().as_bytes());
    page(&emulator.shared, &parameters)
}

/// `POST /devicelogin`: `user_code`, then `user`, then `approve=yes` and `consent=yes` where needed; or `action=cancel`.
pub(crate) async fn submit(
    State(emulator): State<Emulator>,
    Extension(note): Extension<Note>,
    Extension(ids): Extension<TraceIds>,
    body: Bytes,
) -> Response {
    let shared = &emulator.shared;
    let parameters = Parameters::parse(&body);
    let Some(chosen) = parameters.first("user").or(parameters.first("action")) else {
        return page(shared, &parameters);
    };
    let typed = typed_code(&parameters);
    let now = shared.clock.now();
    let mut devices = lock(&shared.devices);
    let Some(grant) = pending(&mut devices, &typed, now) else {
        drop(devices);
        return page(shared, &parameters);
    };
    if parameters.first("action") == Some("cancel") {
        grant.decision = DeviceDecision::Declined;
        return done("Sign-in declined", "The device will not be signed in.");
    }
    let found = shared.directory.find_sign_in(chosen, grant.authority.tenant());
    let Some(user) = found.filter(|user| grant.authority.covers(user)) else {
        let error = EntraError::invalid_request(50_020, "User account does not exist in this tenant.");
        return pages::error(&note, &error, &ids);
    };
    let user = &*user;
    note.user(&user.profile.user_principal_name);
    note.client(grant.client);
    let state = shared.user_state(user.object_id);
    if state.disabled {
        return pages::error(&note, &EntraError::disabled(), &ids);
    }
    let approved = parameters.first("approve") == Some("yes");
    if state.mfa_required && !approved {
        return question(
            &typed,
            user,
            "Approve sign-in",
            "Approving stands for a second proof that it is you.",
            "approve",
            "",
        );
    }
    if state.consent_withdrawn {
        if parameters.first("consent") != Some("yes") {
            let keep = if approved { hidden("approve", "yes") } else { String::new() };
            let text = format!("The application asks for: {}", grant.scope);
            return question(&typed, user, "Permissions requested", &text, "consent", &keep);
        }
        if let Err(error) = shared.change_user(user, |state| state.consent_withdrawn = false) {
            tracing::warn!(%error, "the consent is in force but could not be saved");
        }
    }
    let sign_in = new_sign_in(shared, user, approved);
    grant.decision = DeviceDecision::Approved { user: user.object_id, sign_in };
    done("You have signed in", "You may close this window and go back to the device.")
}

fn pending<'a>(
    devices: &'a mut HashMap<String, DeviceGrant>,
    user_code: &str,
    now: OffsetDateTime,
) -> Option<&'a mut DeviceGrant> {
    devices.values_mut().find(|grant| {
        grant.user_code == user_code
            && now < grant.expires_at
            && matches!(grant.decision, DeviceDecision::Pending)
    })
}

fn typed_code(parameters: &Parameters) -> String {
    parameters.first("user_code").unwrap_or_default().trim().to_ascii_uppercase()
}

fn page(shared: &Shared, parameters: &Parameters) -> Response {
    let typed = typed_code(parameters);
    let mut devices = lock(&shared.devices);
    let waiting =
        pending(&mut devices, &typed, shared.clock.now()).map(|grant| (grant.client, grant.authority));
    drop(devices);
    let Some((client, authority)) = waiting else {
        let wrong = if typed.is_empty() {
            ""
        } else {
            "<p role=\"alert\">That code did not work. Check it and try again, or ask the device for a new one.</p>"
        };
        let body = format!(
            "<h1>Enter code</h1>{wrong}<form method=\"post\" action=\"/devicelogin\"><label for=\"user_code\">Code shown \
             on your device</label><div class=\"row\"><input id=\"user_code\" name=\"user_code\" autocomplete=\"off\" \
             autofocus required><button class=\"primary\">Next</button></div></form>"
        );
        let status = if typed.is_empty() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        return pages::html(status, document("Enter code", "", &body));
    };
    let name = shared.application(client).map(|client| client.name.clone()).unwrap_or_default();
    let users = shared.directory.directory.users.iter().filter(|user| authority.covers(user));
    let items = each(users.take(LISTED_USERS), |user| account(shared, user, &[], false));
    let body = format!(
        "<h1>Pick an account</h1><p>to sign in to <strong>{}</strong> on another device. Do not go on if you did not \
         start this.</p><form method=\"post\" action=\"/devicelogin\">{}<ul class=\"accounts\">{items}</ul>\
         <button class=\"link\" name=\"action\" value=\"cancel\">Cancel</button></form>",
        escape(&name),
        hidden("user_code", &typed)
    );
    pages::html(StatusCode::OK, document("Pick an account", "", &body))
}

fn question(user_code: &str, user: &User, title: &str, text: &str, button: &str, keep: &str) -> Response {
    let body = format!(
        "<h1>{title}</h1><p>{}</p><form method=\"post\" action=\"/devicelogin\">{}{}{keep}<div class=\"row\"><button \
         class=\"primary\" name=\"{button}\" value=\"yes\" autofocus>Continue</button><button name=\"action\" \
         value=\"cancel\">Cancel</button></div></form>",
        escape(text),
        hidden("user_code", user_code),
        hidden("user", &user.object_id.to_string()),
    );
    pages::html(StatusCode::OK, document(title, "", &body))
}

fn done(title: &str, text: &str) -> Response {
    pages::html(StatusCode::OK, document(title, "", &format!("<h1>{title}</h1><p>{text}</p>")))
}
