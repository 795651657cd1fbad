//! The key from which all item keys are derived.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use zeroize::Zeroizing;

/// 256 random bits that all environments of a deployment share. Erased from memory when dropped, never printed.
pub struct BranchKey {
    id: String,
    material: Zeroizing<[u8; 32]>,
}

/// The text of a local key is not 32 bytes in base64.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected 32 bytes in base64 (44 characters), got {got}; make one with `openssl rand -base64 32`")]
pub struct InvalidKey {
    pub got: String,
}

impl BranchKey {
    /// The id under which blobs name a key that comes from configuration.
    pub const LOCAL_ID: &'static str = "local";

    /// Reads `SEALING_LOCAL_KEY`: 32 bytes in standard base64.
    pub fn local(text: &SecretString) -> Result<Self, InvalidKey> {
        let text = text.expose_secret().trim();
        let bytes = Zeroizing::new(
            BASE64_STANDARD
                .decode(text)
                .map_err(|_| InvalidKey { got: format!("{} characters that are not base64", text.len()) })?,
        );
        let material = <[u8; 32]>::try_from(bytes.as_slice())
            .map_err(|_| InvalidKey { got: format!("{} bytes", bytes.len()) })?;
        Ok(Self { id: Self::LOCAL_ID.to_owned(), material: Zeroizing::new(material) })
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn material(&self) -> &[u8; 32] {
        &self.material
    }
}

impl fmt::Debug for BranchKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BranchKey").field("id", &self.id).finish_non_exhaustive()
    }
}
