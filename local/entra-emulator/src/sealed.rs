//! Opaque strings that only this emulator can read: refresh tokens, session cookies and `aio`.
//!
//! They carry their own content, so that nothing is stored per token and 100,000 users cost no memory.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) const KEY_LEN: usize = 32;

/// What a sealed string is for; one made for a purpose cannot be opened for another.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    RefreshToken,
    Session,
    AccessTokenOrigin,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::RefreshToken => b"refresh-token",
            Self::Session => b"session",
            Self::AccessTokenOrigin => b"access-token-origin",
        }
    }
}

pub(crate) struct Sealer {
    key: RandomizedNonceKey,
    subjects: hmac::Key,
    bytes: [u8; KEY_LEN],
}

impl Sealer {
    pub(crate) fn new(bytes: [u8; KEY_LEN]) -> Self {
        let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).expect("AES-256 takes every 32-byte key");
        Self { key, subjects: hmac::Key::new(hmac::HMAC_SHA256, &bytes), bytes }
    }

    pub(crate) fn key_bytes(&self) -> &[u8; KEY_LEN] {
        &self.bytes
    }

    pub(crate) fn seal(&self, purpose: Purpose, content: &impl Serialize) -> String {
        let mut buffer = serde_json::to_vec(content).expect("sealed contents are plain structures");
        let nonce = self
            .key
            .seal_in_place_append_tag(Aad::from(purpose.label()), &mut buffer)
            .expect("contents are far below the limit of AES-GCM");
        let mut sealed = nonce.as_ref().to_vec();
        sealed.append(&mut buffer);
        URL_SAFE_NO_PAD.encode(sealed)
    }

    /// `None` for anything this emulator, or one with the same key, did not seal for this purpose.
    pub(crate) fn open<T: DeserializeOwned>(&self, purpose: Purpose, text: &str) -> Option<T> {
        let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let content = self.key.open_in_place(nonce, Aad::from(purpose.label()), sealed).ok()?;
        serde_json::from_slice(content).ok()
    }

    /// A subject that differs per client, as `sub` of Entra ID does (pairwise, OpenID Connect Core §8.1).
    pub(crate) fn pairwise(&self, user: impl fmt::Display, audience: impl fmt::Display) -> String {
        let tag = hmac::sign(&self.subjects, format!("sub:{user}:{audience}").as_bytes());
        URL_SAFE_NO_PAD.encode(tag.as_ref())
    }
}

/// Bytes nobody can guess, for codes and keys.
pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random generator works");
    bytes
}

/// `N` random bytes as base64url text.
pub(crate) fn random_text<const N: usize>() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<N>())
}

#[cfg(test)]
mod tests {
    use super::{Purpose, Sealer};

    #[test]
    fn sealed_text_opens_only_for_its_purpose_and_key() {
        let sealer = Sealer::new([7; 32]);
        let text = sealer.seal(Purpose::Session, &"who");
        assert_eq!(sealer.open::<String>(Purpose::Session, &text).as_deref(), Some("who"));
        assert!(sealer.open::<String>(Purpose::RefreshToken, &text).is_none());
        assert!(Sealer::new([8; 32]).open::<String>(Purpose::Session, &text).is_none());
        let flipped = if text.starts_with('A') { 'B' } else { 'A' };
        assert!(sealer.open::<String>(Purpose::Session, &format!("{flipped}{}", &text[1..])).is_none());
        assert!(sealer.open::<String>(Purpose::Session, "short").is_none());
    }

    #[test]
    fn subjects_differ_per_client() {
        let sealer = Sealer::new([7; 32]);
        assert_eq!(sealer.pairwise("user", "a"), sealer.pairwise("user", "a"));
        assert_ne!(sealer.pairwise("user", "a"), sealer.pairwise("user", "b"));
    }
}
