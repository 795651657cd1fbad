//! Keys as MSAL.NET builds them: every library finds entities under these, whatever keys it writes itself.

use crate::entity::Entity;

fn field<'a>(entity: &'a Entity, name: &str) -> &'a str {
    entity.text(name).unwrap_or_default()
}

/// Also tells whether two access tokens are for the same: user, client, realm and scopes.
pub(crate) fn access_token_key(entity: &Entity) -> String {
    format!(
        "{}-{}-accesstoken-{}-{}-{}",
        field(entity, "home_account_id"),
        field(entity, "environment"),
        field(entity, "client_id"),
        field(entity, "realm"),
        field(entity, "target")
    )
    .to_ascii_lowercase()
}

/// In our own section, where several sessions have a token for the same.
pub(crate) fn session_access_token_key(entity: &Entity) -> String {
    format!("{}-{}", access_token_key(entity), entity.obtained_for().unwrap_or_default())
}

pub(crate) fn refresh_token_key(entity: &Entity) -> String {
    format!(
        "{}-{}-refreshtoken-{}--",
        field(entity, "home_account_id"),
        field(entity, "environment"),
        entity.text("family_id").unwrap_or_else(|| field(entity, "client_id"))
    )
    .to_ascii_lowercase()
}

pub(crate) fn id_token_key(entity: &Entity) -> String {
    format!(
        "{}-{}-idtoken-{}-{}-",
        field(entity, "home_account_id"),
        field(entity, "environment"),
        field(entity, "client_id"),
        field(entity, "realm")
    )
    .to_ascii_lowercase()
}

pub(crate) fn account_key(entity: &Entity) -> String {
    format!(
        "{}-{}-{}",
        field(entity, "home_account_id"),
        field(entity, "environment"),
        field(entity, "realm")
    )
    .to_ascii_lowercase()
}

pub(crate) fn app_metadata_key(entity: &Entity) -> String {
    format!("appmetadata-{}-{}", field(entity, "environment"), field(entity, "client_id"))
        .to_ascii_lowercase()
}
