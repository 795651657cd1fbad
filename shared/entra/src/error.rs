//! Entra's errors, sorted by what the caller does next (`docs/troubleshooting.md` has them by AADSTS number).

use crate::grant::Grant;
use crate::json;
use crate::token_answer::bad_answer;
use domain::error::{TokenError, UnavailableKind};
use outbound_http::Answer;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

/// The longest claims challenge that is passed on: 8 KiB, which still fits a header.
const MAX_CLAIMS_BYTES: usize = 8 * 1024;

/// A request loop was detected, or the tenant is being throttled: asking again at once makes it worse.
const SLOW_DOWN: [u32; 2] = [50_196, 90_055];

/// The assertion is outside its time, malformed, or its signature is not accepted.
const STALE_ASSERTION: [u32; 3] = [50_013, 50_027, 500_133];

/// Nothing about the user: our registration, permission or credential.
const APPLICATION: [u32; 20] = [
    50_001,    // the resource is not known in the tenant
    70_001,    // the application is not known
    70_011,    // a scope that does not exist
    90_002,    // the tenant is not known
    500_011,   // the resource's service principal is not known
    500_131,   // the assertion was issued for another application
    650_057,   // the resource is not among the registration's permissions
    700_016,   // the application is not known in the tenant
    700_024,   // the client assertion is outside its time
    700_027,   // the client assertion's signature is not accepted
    700_030,   // the client certificate is not accepted
    1_000_502, // the client certificate is outside its time
    7_000_112, // the application is disabled
    7_000_114, // the application may not use this grant
    7_000_214, // the certificate is not registered
    7_000_215, // the client secret is wrong
    7_000_218, // no client credential was sent
    7_000_222, // the client secret has expired
    7_000_274, // the federated credential is not accepted
    7_000_277, // the federated credential's issuer is not accepted
];

/// The credential itself is not accepted (any more): another one, or the same signed anew, may be. The codes on which
/// Microsoft.Identity.Web reloads its certificate, and those of secrets.
const CREDENTIAL: [u32; 8] =
    [700_024, 700_027, 1_000_502, 7_000_214, 7_000_215, 7_000_222, 7_000_274, 7_000_277];

/// Whether a reloaded credential may help.
pub(crate) fn is_credential_rejection(error: &TokenError) -> bool {
    matches!(error, TokenError::ApplicationRejected { code: Some(code), .. } if CREDENTIAL.contains(code))
}

#[derive(Deserialize)]
struct ErrorBody {
    error: String,
    suberror: Option<String>,
    #[serde(default)]
    error_codes: Vec<Value>,
    error_description: Option<String>,
    claims: Option<String>,
    correlation_id: Option<String>,
    trace_id: Option<String>,
}

/// Sorts an answer that is not a success: first by HTTP status, then by the codes that say more than `error` does, then by
/// `error` and `suberror`.
pub(crate) fn classify(answer: &Answer, grant: Grant<'_>) -> TokenError {
    let body = ErrorBody::parse(&answer.body);
    if let Some(body) = &body {
        body.log(answer.status);
    }
    let code = body.as_ref().and_then(ErrorBody::code);
    let retry_after = answer.retry_after;
    if answer.status == StatusCode::TOO_MANY_REQUESTS {
        return TokenError::Throttled { retry_after, code };
    }
    let unavailable = |kind| TokenError::Unavailable { expected: "a token", kind, retry_after, source: None };
    if answer.status == StatusCode::REQUEST_TIMEOUT {
        return unavailable(UnavailableKind::TimedOut);
    }
    if answer.status.is_server_error() {
        return unavailable(UnavailableKind::Down);
    }
    let Some(body) = body.filter(|_| answer.status.is_client_error()) else {
        return bad_answer("a token answer or an OAuth 2.0 error");
    };

    let is_one_of = |codes: &[u32]| code.is_some_and(|code| codes.contains(&code));
    let on_behalf_of = matches!(grant, Grant::OnBehalfOf(_));
    if is_one_of(&SLOW_DOWN) {
        return TokenError::Throttled { retry_after, code };
    }
    if is_one_of(&APPLICATION) {
        return TokenError::ApplicationRejected { error: body.error, code };
    }
    if on_behalf_of && is_one_of(&STALE_ASSERTION) {
        return TokenError::StaleAssertion { code };
    }
    match (body.error.as_str(), body.suberror.as_deref()) {
        ("temporarily_unavailable" | "server_error" | "service_unavailable", _) => {
            unavailable(UnavailableKind::Down)
        }
        ("invalid_grant", Some("bad_token" | "token_expired")) if on_behalf_of => {
            TokenError::StaleAssertion { code }
        }
        (
            "invalid_client"
            | "unauthorized_client"
            | "unsupported_grant_type"
            | "invalid_request"
            | "invalid_scope"
            | "invalid_resource"
            | "invalid_target",
            _,
        ) if body.claims.is_none() => TokenError::ApplicationRejected { error: body.error, code },
        // What no user can cure, such as `message_only` or `client_mismatch`, is this account's trouble all the same: the
        // suberror tells, and no other account is held up.
        (
            "invalid_grant"
            | "interaction_required"
            | "login_required"
            | "consent_required"
            | "access_denied",
            _,
        ) => body.user_needed(code),
        _ if body.claims.is_some() => body.user_needed(code),
        _ => bad_answer("an OAuth 2.0 error that is known"),
    }
}

impl ErrorBody {
    fn parse(body: &[u8]) -> Option<Self> {
        let mut body: Self = json::object(body)?;
        // What goes into logs, the table and answers is held to the form that OAuth gives it.
        body.error = word(body.error)?;
        body.suberror = body.suberror.and_then(word);
        body.claims = body.claims.filter(|claims| {
            claims.len() <= MAX_CLAIMS_BYTES
                && serde_json::from_str(claims).is_ok_and(|value: Value| value.is_object())
        });
        Some(body)
    }

    /// The AADSTS number: the first of `error_codes`, else the one that the description begins with.
    fn code(&self) -> Option<u32> {
        let listed = self.error_codes.iter().find_map(|code| u32::try_from(code.as_u64()?).ok());
        listed.or_else(|| {
            let rest = self.error_description.as_deref()?.strip_prefix("AADSTS")?;
            rest.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
        })
    }

    fn user_needed(self, code: Option<u32>) -> TokenError {
        TokenError::UserNeeded { error: self.error, code, suberror: self.suberror, claims: self.claims }
    }

    /// The ids under which Microsoft's support finds the request. The description is left out: it names users.
    fn log(&self, status: StatusCode) {
        let id = |text: &Option<String>| text.clone().and_then(word);
        tracing::info!(
            http.status = status.as_u16(),
            entra.error = self.error,
            entra.suberror = self.suberror,
            entra.aadsts = self.code(),
            entra.correlation_id = id(&self.correlation_id),
            entra.trace_id = id(&self.trace_id),
            "Entra ID answered with an error"
        );
    }
}

/// Up to 64 letters, digits, `_`, `-` and `.`, else nothing.
fn word(text: String) -> Option<String> {
    let fits = (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_that_is_told_apart_has_a_heading_in_troubleshooting() {
        let document = include_str!("../../../docs/troubleshooting.md");
        let headings: BTreeSet<u32> = document
            .lines()
            .filter_map(|line| line.strip_prefix("### "))
            .flat_map(|heading| heading.split(", "))
            .filter_map(|code| code.strip_prefix("AADSTS")?.parse().ok())
            .collect();
        let told_apart = [&SLOW_DOWN[..], &STALE_ASSERTION, &APPLICATION, &CREDENTIAL].concat();
        let missing: Vec<u32> = told_apart.into_iter().filter(|code| !headings.contains(code)).collect();
        assert_eq!(missing, [0_u32; 0], "headings of docs/troubleshooting.md");
        // Consent, which `problem.rs` of the API tells apart.
        assert!(headings.contains(&65_001));
    }
}
