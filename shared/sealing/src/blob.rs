//! The bytes of a sealed blob: version, key id, nonce, ciphertext with its tag.

use crate::unreadable::Unreadable;

/// The only layout there is.
pub(crate) const VERSION: u8 = 1;
pub(crate) const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;

/// A sealed blob taken apart; nothing in it is to be believed before it was opened.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Blob<'a> {
    pub(crate) key_id: &'a str,
    pub(crate) nonce: [u8; NONCE_BYTES],
    pub(crate) ciphertext: &'a [u8],
}

/// `version (1) · length of the key id (1) · key id (UTF-8)`, which also go into the associated data.
pub(crate) fn header(key_id: &str) -> Vec<u8> {
    let length = u8::try_from(key_id.len()).expect("key ids are short names of our own");
    let mut bytes = vec![VERSION, length];
    bytes.extend_from_slice(key_id.as_bytes());
    bytes
}

impl<'a> Blob<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let cut = Unreadable::Malformed;
        let (&version, rest) = bytes.split_first().ok_or(cut("it is empty"))?;
        if version != VERSION {
            return Err(Unreadable::UnknownVersion);
        }
        let (&length, rest) = rest.split_first().ok_or(cut("it ends within the header"))?;
        let (key_id, rest) =
            rest.split_at_checked(usize::from(length)).ok_or(cut("it ends within the key id"))?;
        let key_id =
            std::str::from_utf8(key_id).map_err(|_| Unreadable::Malformed("its key id is not text"))?;
        let (nonce, ciphertext) =
            rest.split_first_chunk::<NONCE_BYTES>().ok_or(cut("it ends within the nonce"))?;
        if ciphertext.len() < TAG_BYTES {
            return Err(cut("it ends within the tag"));
        }
        Ok(Self { key_id, nonce: *nonce, ciphertext })
    }
}
