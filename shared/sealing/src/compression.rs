//! Compression of what is sealed (zlib, RFC 1950): a cache names its user and client a dozen times, and the table is
//! billed by size.
//!
//! Whoever reads the table sees the length of what was compressed, but has no say in what it is, so the length tells
//! nothing about the tokens (as it could where somebody tries one guess after another beside a secret).

use crate::unreadable::Unreadable;
use domain::error::SealingError;
use flate2::bufread::ZlibDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};
use std::cell::RefCell;
use std::io::Read as _;

/// The most that is sealed, before compression: 1 MiB. More than that never comes out of a blob, whatever is in it.
pub const MAX_PLAINTEXT_BYTES: usize = 1024 * 1024;

/// As zlib's own default.
const LEVEL: u32 = 6;

thread_local! {
    /// Kept, because its tables have 300 KB: to get and clear them takes as long as to compress a cache.
    static COMPRESSOR: RefCell<Compress> = RefCell::new(Compress::new(Compression::new(LEVEL), true));
}

pub(crate) fn compress(plaintext: &[u8]) -> Result<Vec<u8>, SealingError> {
    if plaintext.len() > MAX_PLAINTEXT_BYTES {
        return Err(SealingError::TooLarge { bytes: plaintext.len(), limit: MAX_PLAINTEXT_BYTES });
    }
    COMPRESSOR.with_borrow_mut(|compressor| {
        compressor.reset();
        let mut compressed = Vec::with_capacity(plaintext.len());
        let mut rest = plaintext;
        loop {
            let taken_before = compressor.total_in();
            let status = compressor.compress_vec(rest, &mut compressed, FlushCompress::Finish);
            let status =
                status.map_err(|error| SealingError::Unavailable { source: Some(Box::new(error)) })?;
            if status == Status::StreamEnd {
                return Ok(compressed);
            }
            let taken = usize::try_from(compressor.total_in() - taken_before).unwrap_or(rest.len());
            rest = &rest[taken..];
            // What does not compress becomes a little longer.
            compressed.reserve(plaintext.len() / 8 + 64);
        }
    })
}

pub(crate) fn decompress(compressed: &[u8]) -> Result<Vec<u8>, Unreadable> {
    let mut plaintext = Vec::with_capacity(2 * compressed.len());
    let mut decoder = ZlibDecoder::new(compressed).take(MAX_PLAINTEXT_BYTES as u64 + 1);
    match decoder.read_to_end(&mut plaintext) {
        Ok(length) if length <= MAX_PLAINTEXT_BYTES => Ok(plaintext),
        _ => Err(Unreadable::Malformed("what was sealed is not compressed as it should be")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same numbers at each run, in no order that compression would find.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        std::iter::repeat_with(&mut next).take(length).collect()
    }

    #[test]
    fn what_does_not_compress_comes_back_whole() {
        for length in [0, 1, 63, 4_096, 70_000, MAX_PLAINTEXT_BYTES] {
            let plaintext = noise(length);
            let compressed = compress(&plaintext).unwrap();
            assert!(compressed.len() >= length, "{length}");
            assert_eq!(decompress(&compressed).unwrap(), plaintext, "{length}");
        }
    }

    #[test]
    fn what_was_compressed_before_leaves_nothing_behind() {
        let alone = compress(b"tokens of one user").unwrap();
        compress(&noise(100_000)).unwrap();
        assert_eq!(compress(b"tokens of one user").unwrap(), alone);
    }
}
