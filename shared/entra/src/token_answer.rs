//! A token endpoint's success, checked before anything of it is kept.

use crate::claims::Claims;
use crate::grant::Grant;
use crate::json;
use domain::error::{TokenError, UnavailableKind};
use domain::identity::HomeAccountId;
use domain::scope::ScopeSet;
use domain::token::{AccessToken, IdToken, IssuedTokens, RefreshToken};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

/// No access token lives longer; a larger `expires_in` is taken for damage. 30 days (Entra: up to 28 hours).
const MAX_LIFETIME: Duration = Duration::days(30);

/// No refresh token is trusted to live longer. 2 years (Entra: 90 days).
const MAX_REFRESH_LIFETIME: Duration = Duration::days(730);

#[derive(Deserialize)]
struct Answer {
    token_type: String,
    access_token: String,
    #[serde(deserialize_with = "seconds")]
    expires_in: Option<Duration>,
    #[serde(default, deserialize_with = "seconds")]
    ext_expires_in: Option<Duration>,
    #[serde(default, deserialize_with = "seconds")]
    refresh_in: Option<Duration>,
    refresh_token: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    refresh_token_expires_in: Option<Duration>,
    id_token: Option<String>,
    client_info: Option<String>,
    scope: Option<String>,
}

/// Reads a success (RFC 6749 §5.1). `requested` stands in for a missing `scope`, as §5.1 says.
pub(crate) fn parse(
    body: &[u8],
    grant: Grant<'_>,
    requested: &ScopeSet,
    issued_at: OffsetDateTime,
) -> Result<IssuedTokens, TokenError> {
    // The parser's message could quote the answer, so it is dropped.
    let answer: Answer = json::object(body).ok_or_else(|| bad_answer("a token answer in JSON"))?;
    if !answer.token_type.eq_ignore_ascii_case("bearer") {
        return Err(bad_answer("a token of type Bearer"));
    }
    let expires_in = answer
        .expires_in
        .filter(|lifetime| *lifetime <= MAX_LIFETIME)
        .ok_or_else(|| bad_answer("a lifetime of up to 30 days in expires_in"))?;
    if !is_token(&answer.access_token)
        || answer.refresh_token.as_deref().is_some_and(|token| !is_token(token))
    {
        return Err(bad_answer("tokens of printable characters"));
    }
    let home_account = answer.client_info.as_deref().and_then(home_account);
    if answer.client_info.is_some() && home_account.is_none() {
        tracing::warn!("the token answer has a client_info that names no account; it is left out");
    }
    if let (Grant::Refresh(account, _), Some(home)) = (grant, home_account)
        && account != home
    {
        return Err(bad_answer("tokens of the account that was asked for"));
    }
    let id_claims =
        answer.id_token.as_deref().and_then(|token| Claims::from_part(token.split('.').nth(1)?).ok());
    let id_claim = |name| id_claims.as_ref().and_then(|claims| claims.text(name)).map(str::to_owned);
    Ok(IssuedTokens {
        scopes: answer
            .scope
            .as_deref()
            .map(ScopeSet::parse)
            .filter(|granted| !granted.is_empty())
            .unwrap_or_else(|| requested.without_reserved()),
        issued_at,
        expires_at: issued_at + expires_in,
        extended_expires_at: issued_at
            + answer.ext_expires_in.unwrap_or_default().clamp(expires_in, MAX_LIFETIME),
        refresh_at: answer.refresh_in.filter(|wait| *wait < expires_in).map(|wait| issued_at + wait),
        refresh_token_expires_at: answer
            .refresh_token_expires_in
            .filter(|lifetime| lifetime.is_positive() && answer.refresh_token.is_some())
            .map(|lifetime| issued_at + lifetime.min(MAX_REFRESH_LIFETIME)),
        username: id_claim("preferred_username"),
        name: id_claim("name"),
        access_token: AccessToken::new(answer.access_token),
        refresh_token: answer.refresh_token.map(RefreshToken::new),
        id_token: answer.id_token.map(IdToken::new),
        home_account,
        client_info: answer.client_info.filter(|_| home_account.is_some()),
    })
}

pub(crate) fn bad_answer(expected: &'static str) -> TokenError {
    TokenError::Unavailable { expected, kind: UnavailableKind::BadAnswer, retry_after: None, source: None }
}

/// Whether it can be sent on in a header (RFC 6750 §2.1 allows less still).
fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `uid.utid` of `client_info`: the user's home, which for a guest is not the tenant that answers.
fn home_account(client_info: &str) -> Option<HomeAccountId> {
    let claims = Claims::from_part(client_info).ok()?;
    Some(HomeAccountId::new(claims.text("uid")?.parse().ok()?, claims.text("utid")?.parse().ok()?))
}

/// Whole seconds as a number or, as some versions of Entra send them, a string. Anything else counts as absent.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    let seconds = match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    Ok(seconds.and_then(|seconds| i64::try_from(seconds).ok()).map(Duration::seconds))
}
