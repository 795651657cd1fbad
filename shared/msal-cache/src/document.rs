//! The document: known sections as entities, everything else kept.

use crate::entity::Entity;
use serde_json::{Map, Value};
use std::fmt;

/// Why bytes are not a unified cache. Never carries any of the text, which may hold tokens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Not JSON at all.
    #[error("the cache is not JSON (line {line}, column {column})")]
    NotJson { line: usize, column: usize },
    /// JSON, but the document, a section or an entity is not an object.
    #[error("the cache's {place} is not a JSON object")]
    NotAnObject { place: String },
}

/// A user's cache in MSAL's unified format. Cloning is cheap enough for a merge; `Debug` shows counts only.
#[derive(Clone, Default, PartialEq)]
pub struct UnifiedCache {
    pub(crate) access_tokens: Vec<Entity>,
    /// Access tokens of the user's other sessions. They stand in a section of our own, because several entries with one
    /// MSAL key make MSAL Node delete all of them.
    pub(crate) session_access_tokens: Vec<Entity>,
    pub(crate) refresh_tokens: Vec<Entity>,
    pub(crate) id_tokens: Vec<Entity>,
    pub(crate) accounts: Vec<Entity>,
    pub(crate) app_metadata: Vec<Entity>,
    pub(crate) unknown_sections: Map<String, Value>,
}

pub(crate) const ACCESS_TOKEN: &str = "AccessToken";
pub(crate) const SESSION_ACCESS_TOKEN: &str = "SessionAccessToken";
pub(crate) const REFRESH_TOKEN: &str = "RefreshToken";
pub(crate) const ID_TOKEN: &str = "IdToken";
pub(crate) const ACCOUNT: &str = "Account";
pub(crate) const APP_METADATA: &str = "AppMetadata";

impl UnifiedCache {
    /// Reads what any MSAL library wrote. Empty input is an empty cache.
    pub fn parse(bytes: &[u8]) -> Result<Self, FormatError> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        let root: Value = serde_json::from_slice(bytes)
            .map_err(|error| FormatError::NotJson { line: error.line(), column: error.column() })?;
        let Value::Object(mut sections) = root else {
            return Err(FormatError::NotAnObject { place: "document".to_owned() });
        };
        let mut take = |name: &str| take_section(&mut sections, name);
        Ok(Self {
            access_tokens: take(ACCESS_TOKEN)?,
            session_access_tokens: take(SESSION_ACCESS_TOKEN)?,
            refresh_tokens: take(REFRESH_TOKEN)?,
            id_tokens: take(ID_TOKEN)?,
            accounts: take(ACCOUNT)?,
            app_metadata: take(APP_METADATA)?,
            unknown_sections: sections,
        })
    }

    /// Nothing cached and nothing kept for others.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn take_section(sections: &mut Map<String, Value>, name: &str) -> Result<Vec<Entity>, FormatError> {
    let entities = match sections.shift_remove(name) {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Object(entities)) => entities,
        Some(_) => return Err(FormatError::NotAnObject { place: format!("section {name}") }),
    };
    entities
        .into_iter()
        .map(|(_, entity)| match entity {
            Value::Object(fields) => Ok(Entity(fields)),
            _ => Err(FormatError::NotAnObject { place: format!("entity in section {name}") }),
        })
        .collect()
}

impl fmt::Debug for UnifiedCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("UnifiedCache")
            .field("access_tokens", &self.access_tokens.len())
            .field("session_access_tokens", &self.session_access_tokens.len())
            .field("refresh_tokens", &self.refresh_tokens.len())
            .field("accounts", &self.accounts.len())
            .finish_non_exhaustive()
    }
}
