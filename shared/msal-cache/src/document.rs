//! The document: known sections as entities, everything else kept.

use crate::access_tokens::AccessTokens;
use crate::canonical::{self, in_cached_environment, one_of_each};
use crate::entity::Entity;
use crate::keys::{account_key, app_metadata_key, id_token_key};
use crate::refresh_tokens::newest_of_each_owner;
use serde_json::{Map, Value};
use std::fmt;

/// Why bytes are not a unified cache. Never carries any of the text, which may hold tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Not JSON at all: also what is nested deeper than 127 levels, has a number that no `f64` holds, or text that is not
    /// Unicode.
    #[error("the cache is not JSON (line {line}, column {column})")]
    NotJson { line: usize, column: usize },
    /// JSON, but the document, a section or an entity is not an object.
    #[error("the cache's {place} is not a JSON object")]
    NotAnObject { place: String },
}

/// A user's cache in MSAL's unified format. Cloning is cheap enough for a merge; `Debug` shows counts only.
#[derive(Clone, Default, PartialEq)]
pub struct UnifiedCache {
    pub(crate) access_tokens: AccessTokens,
    /// One per user and client, each with a time.
    pub(crate) refresh_tokens: Vec<Entity>,
    pub(crate) id_tokens: Vec<Entity>,
    pub(crate) accounts: Vec<Entity>,
    pub(crate) app_metadata: Vec<Entity>,
    pub(crate) unknown_sections: Map<String, Value>,
}

pub(crate) const ACCESS_TOKEN: &str = "AccessToken";
/// Ours: several entries with one MSAL key would make MSAL Node delete all of them.
pub(crate) const SESSION_ACCESS_TOKEN: &str = "SessionAccessToken";
pub(crate) const REFRESH_TOKEN: &str = "RefreshToken";
pub(crate) const ID_TOKEN: &str = "IdToken";
pub(crate) const ACCOUNT: &str = "Account";
pub(crate) const APP_METADATA: &str = "AppMetadata";

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl UnifiedCache {
    /// Reads what any MSAL library wrote. Empty input is an empty cache.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let root: Value = serde_json::from_slice(bytes)
            .map_err(|error| FormatError::NotJson { line: error.line(), column: error.column() })?;
        let Value::Object(mut sections) = root else {
            return Err(FormatError::NotAnObject { place: "document".to_owned() });
        };
        let mut access_tokens = take_section(&mut sections, ACCESS_TOKEN)?;
        access_tokens.append(&mut take_section(&mut sections, SESSION_ACCESS_TOKEN)?);
        let mut entities = |name: &str| -> Result<Vec<Entity>, FormatError> {
            Ok(take_section(&mut sections, name)?.into_iter().map(|(_, entity)| entity).collect())
        };
        let refresh_tokens = map(entities(REFRESH_TOKEN)?, canonical::refresh_token);
        let id_tokens = map(entities(ID_TOKEN)?, canonical::id_token);
        let accounts = map(entities(ACCOUNT)?, in_cached_environment);
        let app_metadata = map(entities(APP_METADATA)?, in_cached_environment);

        let (plain, isolated): (Vec<_>, Vec<_>) =
            access_tokens.into_iter().partition(|(_, entity)| entity.is_plain_bearer());
        let plain: Vec<Entity> =
            plain.into_iter().map(|(_, entity)| canonical::access_token(entity)).collect();
        Ok(Self {
            refresh_tokens: newest_of_each_owner(refresh_tokens, &plain),
            access_tokens: AccessTokens::arrange(plain, isolated),
            id_tokens: one_of_each(id_tokens, id_token_key),
            accounts: one_of_each(accounts, account_key),
            app_metadata: one_of_each(app_metadata, app_metadata_key),
            unknown_sections: sections,
        })
    }

    /// Nothing cached and nothing kept for others.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn map(entities: Vec<Entity>, change: impl Fn(Entity) -> Entity) -> Vec<Entity> {
    entities.into_iter().map(change).collect()
}

fn take_section(sections: &mut Map<String, Value>, name: &str) -> Result<Vec<(String, Entity)>, FormatError> {
    let entities = match sections.shift_remove(name) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(entities)) => entities,
        Some(_) => return Err(FormatError::NotAnObject { place: format!("section {name}") }),
    };
    entities
        .into_iter()
        .map(|(key, entity)| match entity {
            Value::Object(fields) => Ok((key, Entity(fields))),
            _ => Err(FormatError::NotAnObject { place: format!("entity in section {name}") }),
        })
        .collect()
}

impl fmt::Debug for UnifiedCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UnifiedCache")
            .field("access_tokens", &self.access_tokens.len())
            .field("refresh_tokens", &self.refresh_tokens.len())
            .field("accounts", &self.accounts.len())
            .finish_non_exhaustive()
    }
}
