//! Graph's resources, as far as they are read here. What is not named is not needed, or is kept as it came.
//! <https://learn.microsoft.com/graph/api/resources/application>

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use time::OffsetDateTime;
use uuid::{Uuid, uuid};

/// Microsoft Graph as an application.
pub(crate) const GRAPH: Uuid = uuid!("00000003-0000-0000-c000-000000000000");

/// `application`
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Application {
    /// Its object id.
    pub(crate) id: Uuid,
    /// Its client id.
    pub(crate) app_id: Uuid,
    #[serde(deserialize_with = "or_default")]
    pub(crate) display_name: String,
    pub(crate) unique_name: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) tags: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) identifier_uris: Vec<String>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) api: Api,
    #[serde(deserialize_with = "or_default")]
    pub(crate) spa: Redirects,
    #[serde(deserialize_with = "or_default")]
    pub(crate) required_resource_access: Vec<RequiredResource>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) optional_claims: OptionalClaims,
    #[serde(deserialize_with = "or_default")]
    pub(crate) password_credentials: Vec<Password>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) key_credentials: Vec<Map<String, Value>>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Api {
    pub(crate) requested_access_token_version: Option<u8>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) known_client_applications: Vec<Uuid>,
    #[serde(deserialize_with = "or_default")]
    pub(crate) oauth2_permission_scopes: Vec<Scope>,
}

/// A permission that an API offers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Scope {
    pub(crate) id: Uuid,
    #[serde(default)]
    pub(crate) value: String,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Redirects {
    #[serde(deserialize_with = "or_default")]
    pub(crate) redirect_uris: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RequiredResource {
    pub(crate) resource_app_id: Uuid,
    pub(crate) resource_access: Vec<RequiredAccess>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RequiredAccess {
    pub(crate) id: Uuid,
    pub(crate) r#type: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct OptionalClaims {
    #[serde(deserialize_with = "or_default")]
    pub(crate) access_token: Vec<OptionalClaim>,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct OptionalClaim {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// A client secret, without its text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Password {
    pub(crate) key_id: Uuid,
    pub(crate) display_name: Option<String>,
    /// The first three characters of its text.
    pub(crate) hint: Option<String>,
    #[serde(with = "time::serde::rfc3339::option", default)]
    pub(crate) end_date_time: Option<OffsetDateTime>,
}

/// `federatedIdentityCredential`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Federated {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    #[serde(default)]
    pub(crate) audiences: Vec<String>,
}

/// `servicePrincipal`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Principal {
    pub(crate) id: Uuid,
    pub(crate) app_id: Uuid,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) tags: Vec<String>,
}

/// `oAuth2PermissionGrant`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Grant {
    pub(crate) id: String,
    pub(crate) client_id: Uuid,
    pub(crate) resource_id: Uuid,
    pub(crate) consent_type: String,
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) scope: String,
}

/// `directoryObject`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct DirectoryObject {
    pub(crate) id: Uuid,
}

/// `organization`
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Organization {
    pub(crate) id: Uuid,
    pub(crate) display_name: Option<String>,
}

/// `user`, as far as who is signed in
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct User {
    pub(crate) id: Uuid,
    pub(crate) user_principal_name: Option<String>,
}

/// For texts that are told once.
pub(crate) fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<SecretString, D::Error> {
    Ok(String::deserialize(from)?.into())
}

/// Graph says `null` where nothing is set.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(from: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}
