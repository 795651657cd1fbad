//! The credentials of an application: `passwordCredential`, `keyCredential`, `federatedIdentityCredential`.
//! <https://learn.microsoft.com/graph/api/application-addpassword>

use axum::http::{Method, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::access::READ;
use super::applications::find;
use super::{Answer, Ask, Key, bad_request, conflict, moment, not_found};
use crate::certificate::Certificate;
use crate::credentials::{Credentials, FederatedCredential, FederatedRecord, Password};
use crate::directory::ClientSecret;
use crate::emulator::lock;
use crate::graph::error::GraphError;
use crate::identifiers::ClientId;
use crate::sealed::random_text;

/// How long a secret is good when nothing is said: two years.
const SECRET_LIFETIME: Duration = Duration::days(730);
/// The most federated credentials of an application.
const MOST_FEDERATED: usize = 20;

/// A secret without its text.
pub(super) fn password(password: &Password) -> Value {
    json!({
        "keyId": password.key_id,
        "displayName": password.display_name,
        "hint": password.hint,
        "startDateTime": moment(password.start),
        "endDateTime": password.end.map(moment),
        "secretText": null,
    })
}

pub(super) fn certificates_of(credentials: &Credentials, with_keys: bool) -> Vec<Value> {
    let certificate = |own: &Certificate| {
        // SHA-1 in hexadecimal, as the portal shows it.
        let sha1 = URL_SAFE_NO_PAD.decode(&own.sha1).unwrap_or_default();
        let thumbprint = sha1.iter().fold(String::new(), |text, byte| format!("{text}{byte:02X}"));
        json!({
            "keyId": key_id(own),
            "type": "AsymmetricX509Cert",
            "usage": "Verify",
            "customKeyIdentifier": thumbprint,
            "startDateTime": moment(own.not_before),
            "endDateTime": moment(own.not_after),
            "key": with_keys.then(|| STANDARD.encode(&own.der)),
            "displayName": null,
        })
    };
    credentials.certificates.iter().map(certificate).collect()
}

/// A certificate keeps its id as long as it is registered.
fn key_id(certificate: &Certificate) -> Uuid {
    let digest = URL_SAFE_NO_PAD.decode(&certificate.sha256).unwrap_or_default();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

/// `keyCredentials` as a whole: who leaves one out removes it.
pub(super) fn replace_certificates(own: &mut Credentials, wanted: &Value) -> Result<(), GraphError> {
    let wanted = wanted.as_array().ok_or_else(|| bad_request("Invalid property 'keyCredentials'."))?;
    let mut certificates = Vec::new();
    for credential in wanted {
        if credential["type"] != "AsymmetricX509Cert" || credential["usage"] != "Verify" {
            return Err(bad_request(
                "Invalid value specified for property 'keyCredentials': type and usage.",
            ));
        }
        let known = || own.certificates.iter().find(|one| credential["keyId"] == json!(key_id(one))).cloned();
        let certificate = match credential["key"].as_str() {
            Some(key) => STANDARD.decode(key).ok().and_then(|der| Certificate::from_der(&der)),
            None => known(),
        };
        certificates.push(certificate.ok_or_else(|| bad_request("Key credential is invalid."))?);
    }
    own.certificates = certificates;
    Ok(())
}

/// `POST /applications/{id}/addPassword`
pub(super) fn add_password(ask: &Ask<'_>, key: &Key<'_>) -> Result<Answer, GraphError> {
    let body = ask.object()?;
    let wanted = body.get("passwordCredential").cloned().unwrap_or_else(|| json!({}));
    let now = ask.shared.clock.now();
    let end = match wanted["endDateTime"].as_str() {
        None => now + SECRET_LIFETIME,
        Some(text) => OffsetDateTime::parse(text, &Rfc3339)
            .ok()
            .filter(|end| *end > now)
            .ok_or_else(|| bad_request("The credential's end date is invalid."))?,
    };
    let text = random_text::<30>();
    let secret = ClientSecret::new(text.clone());
    let added = Password {
        key_id: Uuid::new_v4(),
        display_name: wanted["displayName"].as_str().map(str::to_owned),
        hint: secret.hint(),
        start: now,
        end: Some(end),
        secret,
    };
    let mut answer = password(&added);
    // The one time that the text is told.
    answer["secretText"] = json!(text);
    changed(ask, key, |own| {
        own.secrets.push(added);
        Ok(Answer::Entity(StatusCode::OK, answer))
    })
}

/// `POST /applications/{id}/removePassword`
pub(super) fn remove_password(ask: &Ask<'_>, key: &Key<'_>) -> Result<Answer, GraphError> {
    let body = ask.object()?;
    let id = body.get("keyId").and_then(Value::as_str).unwrap_or_default().to_owned();
    changed(ask, key, |own| {
        let before = own.secrets.len();
        own.secrets.retain(|one| !one.key_id.to_string().eq_ignore_ascii_case(&id));
        if own.secrets.len() == before {
            return Err(bad_request("No password credential found with keyId."));
        }
        Ok(Answer::NoContent)
    })
}

/// Does `change` to the credentials of the application, if the caller may.
fn changed(
    ask: &Ask<'_>,
    key: &Key<'_>,
    change: impl FnOnce(&mut Credentials) -> Result<Answer, GraphError>,
) -> Result<Answer, GraphError> {
    if !matches!(*ask.method, Method::POST | Method::PATCH | Method::DELETE) {
        ask.only(&[Method::POST])?;
    }
    let app_id = application(ask, key, true)?;
    change(lock(&ask.shared.credentials).entry(app_id).or_default())
}

fn application(ask: &Ask<'_>, key: &Key<'_>, to_change: bool) -> Result<ClientId, GraphError> {
    let mut registry = lock(&ask.shared.registry);
    let registration = find(ask, &mut registry, key)?;
    if to_change {
        ask.access.may_change(&registration.owners)?;
    } else {
        ask.access.need(&READ)?;
    }
    Ok(registration.app_id)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FederatedBody {
    name: String,
    issuer: String,
    subject: String,
    audiences: Vec<String>,
    #[serde(default)]
    description: Option<String>,
}

fn record(ask: &Ask<'_>, record: &FederatedRecord) -> Value {
    let credential = &record.credential;
    json!({
        "id": record.id,
        "name": record.name,
        "description": record.description,
        "issuer": credential.issuer.clone().unwrap_or_else(|| ask.shared.web_identity_issuer()),
        "subject": credential.subject,
        "audiences": [credential.audience],
    })
}

/// `/applications/{id}/federatedIdentityCredentials`
pub(super) fn federated(ask: &Ask<'_>, key: &Key<'_>) -> Result<Answer, GraphError> {
    ask.only(&[Method::GET, Method::POST])?;
    if ask.method == Method::GET {
        let app_id = application(ask, key, false)?;
        let all = lock(&ask.shared.credentials);
        let own = all.get(&app_id).map(|own| own.federated.iter().map(|one| record(ask, one)).collect());
        return Ok(Answer::Collection(own.unwrap_or_default()));
    }
    let body = ask.object()?;
    changed(ask, key, |own| {
        let added = federated_record(ask, &own.federated, Uuid::new_v4(), body)?;
        if own.federated.len() >= MOST_FEDERATED {
            return Err(bad_request("Too many federated identity credentials."));
        }
        let answer = record(ask, &added);
        own.federated.push(added);
        Ok(Answer::Entity(StatusCode::CREATED, answer))
    })
}

/// `/applications/{id}/federatedIdentityCredentials/{id or name}`
pub(super) fn federated_one(ask: &Ask<'_>, key: &Key<'_>, id: &str) -> Result<Answer, GraphError> {
    ask.only(&[Method::PATCH, Method::DELETE])?;
    let body = if ask.method == Method::PATCH { Some(ask.object()?) } else { None };
    changed(ask, key, |own| {
        let position = own.federated.iter().position(|one| one.id.to_string() == id || one.name == id);
        let position = position.ok_or_else(|| not_found(id))?;
        let before = own.federated.remove(position);
        let Some(changes) = body else { return Ok(Answer::NoContent) };
        let mut value = record(ask, &before);
        let mut whole = value.as_object_mut().map(std::mem::take).unwrap_or_default();
        whole.remove("id");
        whole.extend(changes);
        let after = federated_record(ask, &own.federated, before.id, whole);
        let refused = after.as_ref().err().cloned();
        own.federated.insert(position, after.unwrap_or(before));
        refused.map_or(Ok(Answer::NoContent), Err)
    })
}

fn federated_record(
    ask: &Ask<'_>,
    others: &[FederatedRecord],
    id: Uuid,
    body: Map<String, Value>,
) -> Result<FederatedRecord, GraphError> {
    let body: FederatedBody = serde_json::from_value(Value::Object(body))
        .map_err(|error| bad_request(format!("Invalid federated identity credential: {error}.")))?;
    let [audience] = &body.audiences[..] else {
        return Err(bad_request("Federated identity credential must have exactly one audience."));
    };
    let is_name = !body.name.is_empty()
        && body.name.len() <= 120
        && body.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !is_name {
        return Err(bad_request("Federated identity credential name is invalid."));
    }
    if others.iter().any(|one| one.name.eq_ignore_ascii_case(&body.name)) {
        return Err(conflict(format!("FederatedIdentityCredential with name {} already exists.", body.name)));
    }
    let credential =
        FederatedCredential { issuer: Some(body.issuer), subject: body.subject, audience: audience.clone() };
    let own_issuer = ask.shared.web_identity_issuer();
    let issuer = |one: &FederatedCredential| one.issuer.clone().unwrap_or_else(|| own_issuer.clone());
    let same = |one: &&FederatedRecord| {
        issuer(&one.credential) == issuer(&credential) && one.credential.subject == credential.subject
    };
    if others.iter().any(|one| same(&one)) {
        return Err(bad_request("The combination of issuer and subject must be unique on an application."));
    }
    Ok(FederatedRecord { id, name: body.name, description: body.description, credential })
}
