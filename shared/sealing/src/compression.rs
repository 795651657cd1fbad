//! Compression of what is sealed (zlib, RFC 1950): a cache names its user and client a dozen times, and the table is
//! billed by size.
//!
//! Whoever reads the table sees the length of what was compressed, but has no say in what it is, so the length tells
//! nothing about the tokens (as it could where somebody tries one guess after another beside a secret).

use crate::unreadable::Unreadable;
use domain::error::SealingError;
use miniz_oxide::deflate::compress_to_vec_zlib;
use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

/// The most that is sealed, before compression: 1 MiB. More than that never comes out of a blob, whatever is in it.
pub const MAX_PLAINTEXT_BYTES: usize = 1024 * 1024;

/// As zlib's own default.
const LEVEL: u8 = 6;

pub(crate) fn compress(plaintext: &[u8]) -> Result<Vec<u8>, SealingError> {
    if plaintext.len() > MAX_PLAINTEXT_BYTES {
        return Err(SealingError::TooLarge { bytes: plaintext.len(), limit: MAX_PLAINTEXT_BYTES });
    }
    Ok(compress_to_vec_zlib(plaintext, LEVEL))
}

pub(crate) fn decompress(compressed: &[u8]) -> Result<Vec<u8>, Unreadable> {
    decompress_to_vec_zlib_with_limit(compressed, MAX_PLAINTEXT_BYTES)
        .map_err(|_| Unreadable::Malformed("what was sealed is not compressed as it should be"))
}
