//! As much of DER (ITU-T X.690) as keys and certificates need.

/// Content of the value with `tag` at the start of `der`, and what follows it.
pub(crate) fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = der.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
        (
            bytes
                .iter()
                .try_fold(0_usize, |length, byte| length.checked_mul(256)?.checked_add(usize::from(*byte)))?,
            rest,
        )
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}

/// Modulus and exponent of a DER `RSAPublicKey` (RFC 8017 §A.1.1), without leading zeros as JWK wants them
/// (RFC 7518 §6.3.1).
pub(crate) fn public_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, _) = der_value(der, 0x30)?;
    let (modulus, rest) = der_value(sequence, 0x02)?;
    let (exponent, _) = der_value(rest, 0x02)?;
    Some((modulus.strip_prefix(&[0]).unwrap_or(modulus), exponent))
}
