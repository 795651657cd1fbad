//! Claims challenges in `WWW-Authenticate` (continuous access evaluation;
//! <https://learn.microsoft.com/entra/identity-platform/claims-challenge>).

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};
use serde_json::Value;

/// The longest challenge that is passed on: 8 KiB, which still fits a header.
const MAX_CLAIMS_BYTES: usize = 8 * 1024;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The claims (JSON) that a new token must bring, if the answer says that claims are what is lacking.
pub(crate) fn claims(headers: &HeaderMap) -> Option<String> {
    headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok()).find_map(|value| {
        let parameters = parameters(value);
        let parameter = |name: &str| {
            parameters.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
        };
        if parameter("error") != Some("insufficient_claims") {
            return None;
        }
        decode(parameter("claims")?)
    })
}

/// Graph writes standard base64, other services the URL-safe one, with or without padding.
fn decode(claims: &str) -> Option<String> {
    let decoded = BASE64.decode(claims.replace('-', "+").replace('_', "/")).ok()?;
    let json = String::from_utf8(decoded).ok()?;
    let usable = json.len() <= MAX_CLAIMS_BYTES
        && serde_json::from_str(&json).is_ok_and(|value: Value| value.is_object());
    usable.then_some(json)
}

/// The `name=value` pairs of a challenge (RFC 9110 §11.2); schemes and what cannot be read are passed over.
fn parameters(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let Some(end) = rest.find([' ', '\t', ',', '=']) else { return found };
        let (name, after) = rest.split_at(end);
        let Some(value) = after.strip_prefix('=') else {
            rest = after;
            continue;
        };
        let (value, after) = if let Some(quoted) = value.strip_prefix('"') {
            quoted_string(quoted)
        } else {
            let (value, after) = value.split_at(value.find([' ', '\t', ',']).unwrap_or(value.len()));
            (value.to_owned(), after)
        };
        found.push((name.to_owned(), value));
        rest = after;
    }
}

/// The text up to the closing quote, with escapes resolved, and what follows it.
fn quoted_string(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
    use reqwest::header::HeaderValue;

    const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1764000000"}},"x":"~~~???"}"#;

    fn read(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        claims(&headers)
    }

    #[test]
    fn the_claims_are_read_in_either_base64_and_any_place() {
        let (standard, url_safe) = (BASE64_STANDARD.encode(CLAIMS), BASE64_URL_SAFE_NO_PAD.encode(CLAIMS));
        assert_ne!(standard.trim_end_matches('='), url_safe, "the sample tells the two alphabets apart");
        for value in [
            format!(
                r#"Bearer realm="", authorization_uri="https://login.example/a?b=c,d", error="insufficient_claims", claims="{standard}""#
            ),
            format!(r#"Bearer claims="{url_safe}",error=insufficient_claims"#),
            format!(r#"Basic realm="x", Bearer Error="insufficient_claims" , CLAIMS={url_safe}"#),
        ] {
            assert_eq!(read(&[&value]).as_deref(), Some(CLAIMS), "{value}");
            assert_eq!(read(&["Negotiate", &value]).as_deref(), Some(CLAIMS), "{value}");
        }
    }

    #[test]
    fn what_is_no_claims_challenge_has_no_claims() {
        let good = BASE64_STANDARD.encode(CLAIMS);
        for value in [
            String::new(),
            "Bearer".to_owned(),
            "Bearer realm=\"open".to_owned(),
            "Bearer error=\"insufficient_claims\"".to_owned(),
            format!(r#"Bearer error="invalid_token", claims="{good}""#),
            format!(r#"Bearer realm="error=insufficient_claims, claims={good}""#),
            r#"Bearer error="insufficient_claims", claims="%%%""#.to_owned(),
            format!(r#"Bearer error="insufficient_claims", claims="{}""#, BASE64_STANDARD.encode("[1]")),
            format!(
                r#"Bearer error="insufficient_claims", claims="{}""#,
                BASE64_STANDARD.encode([0xFF, 0xFE])
            ),
            format!(
                r#"Bearer error="insufficient_claims", claims="{}""#,
                BASE64_STANDARD.encode(format!(r#"{{"x":"{}"}}"#, "y".repeat(MAX_CLAIMS_BYTES)))
            ),
        ] {
            assert_eq!(read(&[&value]), None, "{value}");
        }
        assert_eq!(read(&[]), None);
    }
}
