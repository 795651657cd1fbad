//! The key from which all item keys are derived.

use crate::key_date::KeyDate;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretString};
use std::fmt;
use zeroize::Zeroizing;

/// 256 secret bits. They lie in one place on the heap, so that moving the value leaves no copy behind; they are erased
/// when it is dropped, and never printed.
pub struct KeyMaterial(Box<Zeroizing<[u8; Self::BYTES]>>);

impl KeyMaterial {
    pub const BYTES: usize = 32;

    /// Copies a key; `None` unless there are exactly 32 bytes. The caller erases its own copy.
    pub fn copied_from(bytes: &[u8]) -> Option<Self> {
        let mut material = Box::new(Zeroizing::new([0; Self::BYTES]));
        (bytes.len() == Self::BYTES).then(|| material.copy_from_slice(bytes))?;
        Some(Self(material))
    }

    fn bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("KeyMaterial").finish_non_exhaustive()
    }
}

/// 256 random bits that all environments of a deployment share. Erased from memory when dropped, never printed.
pub struct BranchKey {
    id: String,
    material: KeyMaterial,
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
        let material = KeyMaterial::copied_from(&bytes)
            .ok_or_else(|| InvalidKey { got: format!("{} bytes", bytes.len()) })?;
        Ok(Self { id: Self::LOCAL_ID.to_owned(), material })
    }

    /// A key of the table, which blobs name by its date.
    pub(crate) fn dated(date: KeyDate, material: KeyMaterial) -> Self {
        Self { id: date.to_string(), material }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn material(&self) -> &[u8; KeyMaterial::BYTES] {
        self.material.bytes()
    }
}

impl fmt::Debug for BranchKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("BranchKey").field("id", &self.id).finish_non_exhaustive()
    }
}
