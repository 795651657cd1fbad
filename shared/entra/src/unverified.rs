//! A bearer token of which nothing is believed yet.

use crate::claims::Claims;
use crate::refusal::TokenRefused;
use domain::token::UserAssertion;
use secrecy::{ExposeSecret, SecretString};

/// The longest bearer token that is looked at: 16 KiB. Entra's stay well below, groups claims included.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// The longest id of a signing key that is looked for: 256 bytes. Entra's have 27 or 43.
const MAX_KEY_ID_BYTES: usize = 256;

/// A token that has the form of a signed JWT (RFC 7515) with an algorithm we take. Its claims cannot be read: they become
/// readable when the signature was verified.
#[derive(Debug)]
pub struct UnverifiedToken {
    raw: SecretString,
    key_id: String,
}

impl UnverifiedToken {
    /// Reads the value of an `Authorization` header (RFC 6750 §2.1).
    pub fn from_authorization(authorization: Option<&str>) -> Result<Self, TokenRefused> {
        let (scheme, rest) = authorization.and_then(|value| value.trim().split_once(' ')).unwrap_or_default();
        let raw = rest.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || raw.is_empty() {
            return Err(TokenRefused::MissingToken);
        }
        Self::parse(raw)
    }

    fn parse(raw: &str) -> Result<Self, TokenRefused> {
        let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if raw.len() > MAX_TOKEN_BYTES {
            return Err(TokenRefused::TokenTooLarge);
        }
        if !raw.bytes().all(base64url) {
            return Err(TokenRefused::MalformedToken);
        }
        let parts: Vec<&str> = raw.split('.').collect();
        if parts.len() == 5 {
            return Err(TokenRefused::EncryptedToken);
        }
        let [header, payload, signature] = parts[..] else { return Err(TokenRefused::MalformedToken) };
        let header = Claims::from_part(header)?;
        // First of all: a token without a signature has an `alg` that says so.
        if header.text("alg").ok_or(TokenRefused::MalformedToken)? != "RS256" {
            return Err(TokenRefused::UnsupportedAlgorithm);
        }
        // Extensions that must be understood (RFC 7515 §4.1.11): none is. One of them, `b64` (RFC 7797), changes what the
        // payload is, and so counts even where `crit` does not name it.
        let known_type = !header.has("typ")
            || header
                .text("typ")
                .is_some_and(|kind| matches!(kind.to_ascii_lowercase().as_str(), "jwt" | "at+jwt"));
        if payload.is_empty()
            || signature.is_empty()
            || header.has("crit")
            || header.has("b64")
            || !known_type
        {
            return Err(TokenRefused::MalformedToken);
        }
        let key_id = header.text("kid").ok_or(TokenRefused::UnknownSigningKey)?.to_owned();
        if key_id.len() > MAX_KEY_ID_BYTES {
            return Err(TokenRefused::ClaimTooLarge("kid"));
        }
        Ok(Self { raw: raw.into(), key_id })
    }

    /// Which key the token says it is signed with.
    pub fn key_id(&self) -> &str {
        &self.key_id
    }

    /// What was signed (RFC 7515 §5.1), the payload in it, and the signature; the latter two in base64url.
    pub(crate) fn signed_parts(&self) -> (&str, &str, &str) {
        let (message, signature) = self.raw.expose_secret().rsplit_once('.').unwrap_or_default();
        let (_, payload) = message.split_once('.').unwrap_or_default();
        (message, payload, signature)
    }

    /// The token as it is traded in by On-Behalf-Of, with its hash.
    pub(crate) fn assertion(&self) -> UserAssertion {
        UserAssertion::new(self.raw.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    fn refusal(authorization: &str) -> &'static str {
        UnverifiedToken::from_authorization(Some(authorization))
            .err()
            .map_or("accepted", |refused| refused.code())
    }

    fn with_header(header: &str) -> String {
        format!("Bearer {}.e30.c2ln", BASE64_URL_SAFE_NO_PAD.encode(header))
    }

    #[test]
    fn only_a_bearer_header_with_something_in_it_counts() {
        assert_eq!(UnverifiedToken::from_authorization(None).unwrap_err().code(), "missing_token");
        for value in ["", "Bearer", "Bearer ", "Bearer    ", "Basic dTpw", "eyJ.e30.c2ln", "Bearereyj a.b.c"]
        {
            assert_eq!(refusal(value), "missing_token", "{value}");
        }
    }

    #[test]
    fn the_scheme_is_compared_without_case_and_blanks_do_not_matter() {
        let token = with_header(r#"{"alg":"RS256","kid":"k","typ":"JWT"}"#);
        for value in
            [token.clone(), token.replace("Bearer", "bearer"), token.replace("Bearer ", " BEARER   ")]
        {
            assert_eq!(refusal(&value), "accepted");
        }
    }

    #[test]
    fn what_does_not_have_the_form_of_a_signed_token_is_refused() {
        for value in ["Bearer x", "Bearer a.b", "Bearer a.b.c.d", "Bearer ..", "Bearer a b.c", "Bearer ä.b.c"]
        {
            assert_eq!(refusal(value), "malformed_token", "{value}");
        }
        for header in [
            "",
            "[]",
            r#"{"alg":7,"kid":"k"}"#,
            r#"{"alg":"RS256","kid":"k","crit":["exp"]}"#,
            r#"{"alg":"RS256","kid":"k","b64":false}"#,
            r#"{"alg":"RS256","kid":"k","typ":"secevent+jwt"}"#,
        ] {
            assert_eq!(refusal(&with_header(header)), "malformed_token", "{header}");
        }
        assert_eq!(refusal("Bearer a.b.c.d.e"), "encrypted_token");
    }

    #[test]
    fn what_is_longer_than_any_real_token_is_refused() {
        let token = with_header(r#"{"alg":"RS256","kid":"k"}"#);
        let longest = MAX_TOKEN_BYTES + "Bearer ".len() - token.len();
        assert_eq!(refusal(&(token.clone() + &"A".repeat(longest))), "accepted");
        assert_eq!(refusal(&(token + &"A".repeat(longest + 1))), "token_too_large");
        let with_key_id = |bytes| with_header(&format!(r#"{{"alg":"RS256","kid":"{}"}}"#, "k".repeat(bytes)));
        assert_eq!(refusal(&with_key_id(MAX_KEY_ID_BYTES)), "accepted");
        assert_eq!(refusal(&with_key_id(MAX_KEY_ID_BYTES + 1)), "claim_too_large");
    }

    #[test]
    fn a_header_that_says_two_things_is_refused() {
        for header in [
            r#"{"alg":"RS256","alg":"none","kid":"k"}"#,
            r#"{"alg":"RS256","ALG":"none","kid":"k"}"#,
            r#"{"alg":"RS256","kid":"k","Kid":"other"}"#,
            r#"{"alg":"RS256","kid":"k","x5t":"a","x5t":"a"}"#,
        ] {
            assert_eq!(refusal(&with_header(header)), "duplicate_claim", "{header}");
        }
    }

    #[test]
    fn two_values_in_one_header_are_refused() {
        let token = with_header(r#"{"alg":"RS256","kid":"k"}"#);
        // As a gateway joins two headers of one name (RFC 9110 §5.3).
        for separator in [",", ", ", " "] {
            assert_eq!(refusal(&[token.as_str(), token.as_str()].join(separator)), "malformed_token");
        }
    }

    #[test]
    fn any_algorithm_but_rs256_is_refused_before_anything_else_is_read() {
        for algorithm in ["none", "None", "HS256", "RS384", "PS256", "ES256", "rs256"] {
            let header = format!(r#"{{"alg":"{algorithm}","kid":"k"}}"#);
            assert_eq!(refusal(&with_header(&header)), "unsupported_algorithm", "{algorithm}");
        }
        let unsigned = format!("Bearer {}.e30.", BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
        assert_eq!(refusal(&unsigned), "unsupported_algorithm");
    }

    #[test]
    fn a_token_that_names_no_key_cannot_be_verified() {
        for header in [r#"{"alg":"RS256"}"#, r#"{"alg":"RS256","kid":""}"#, r#"{"alg":"RS256","kid":7}"#] {
            assert_eq!(refusal(&with_header(header)), "unknown_signing_key", "{header}");
        }
    }

    #[test]
    fn the_token_does_not_print() {
        let token = with_header(r#"{"alg":"RS256","kid":"k"}"#);
        let parsed = UnverifiedToken::from_authorization(Some(&token)).unwrap();
        assert!(!format!("{parsed:?}").contains("e30"));
    }
}
