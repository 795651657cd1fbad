//! Why a bearer token was refused, one value per reason.

use crate::signing_keys::KeysUnavailable;
use domain::caller::Refusal;
use std::error::Error;
use std::fmt;

/// The reason for refusing a bearer token. `Display` says what the sender should do and names nothing of ours.
#[derive(Debug)]
pub enum TokenRefused {
    MissingToken,
    /// Above [`MAX_TOKEN_BYTES`](crate::MAX_TOKEN_BYTES).
    TokenTooLarge,
    MalformedToken,
    /// A member of the header or the payload occurs twice, or one that is relied on occurs in another case.
    DuplicateClaim,
    /// A JWE: token encryption is on in the API's registration.
    EncryptedToken,
    UnsupportedAlgorithm,
    UnknownSigningKey,
    BadSignature,
    /// The signing key is published for another issuer or cloud than the token's.
    WrongKeyIssuer,
    TokenExpired,
    TokenNotYetValid,
    WrongAudience,
    WrongIssuer,
    /// `ver` is neither `1.0` nor `2.0`.
    UnsupportedVersion,
    /// Absent, empty or of another type; the name, never the value.
    MissingClaim(&'static str),
    /// Longer than any that Entra issues; the name, never the value.
    ClaimTooLarge(&'static str),
    /// An ID token tells a page who signed in, and permits nothing.
    IdToken,
    TenantNotAllowed,
    ClientNotAllowed,
    /// On-Behalf-Of needs a user, and an application's own token has none.
    AppOnlyToken,
    /// Nothing can be said about the token just now; answer 503, not 401.
    KeysUnavailable(KeysUnavailable),
}

impl TokenRefused {
    /// Stable, snake case: what logs and answers call this reason.
    pub fn code(&self) -> &'static str {
        self.code_and_detail().0
    }

    /// The claim that the reason is about, if it is about one.
    pub fn claim(&self) -> Option<&'static str> {
        match self {
            Self::MissingClaim(name) | Self::ClaimTooLarge(name) => Some(name),
            _ => None,
        }
    }

    fn code_and_detail(&self) -> (&'static str, &'static str) {
        match self {
            Self::MissingToken => {
                ("missing_token", "send an access token for this API: `Authorization: Bearer <token>`")
            }
            Self::TokenTooLarge => {
                ("token_too_large", "the bearer token is longer than any access token for this API")
            }
            Self::DuplicateClaim => {
                ("duplicate_claim", "the access token names one of its claims more than once")
            }
            Self::MalformedToken => {
                ("malformed_token", "the bearer token is not a signed JWT that this API can read")
            }
            Self::EncryptedToken => (
                "encrypted_token",
                "the access token is encrypted; turn token encryption off in this API's registration",
            ),
            Self::UnsupportedAlgorithm => {
                ("unsupported_algorithm", "the access token must be signed with RS256")
            }
            Self::UnknownSigningKey => {
                ("unknown_signing_key", "the access token is not signed with a current key of Entra ID")
            }
            Self::BadSignature => ("bad_signature", "the signature of the access token is not right"),
            Self::WrongKeyIssuer => {
                ("wrong_key_issuer", "the signing key of the access token belongs to another issuer")
            }
            Self::TokenExpired => ("token_expired", "the access token has expired; get a new one"),
            Self::TokenNotYetValid => {
                ("token_not_yet_valid", "the access token is not valid yet; check the clocks on both sides")
            }
            Self::WrongAudience => {
                ("wrong_audience", "the access token is for another API; ask for a scope of this one")
            }
            Self::WrongIssuer => ("wrong_issuer", "the access token comes from another issuer"),
            Self::UnsupportedVersion => {
                ("unsupported_version", "the access token is of a version that this API does not know")
            }
            Self::MissingClaim(_) => (
                "missing_claim",
                "the access token lacks a claim that this API needs, or has it in another form \
                 (aud, azp or appid, exp, iat, iss, nbf, oid, scp, sub, tid, ver)",
            ),
            Self::ClaimTooLarge(_) => {
                ("claim_too_large", "a claim of the access token is longer than any that Entra ID issues")
            }
            Self::IdToken => {
                ("id_token", "this is an ID token; send an access token, got with a scope of this API")
            }
            Self::TenantNotAllowed => {
                ("tenant_not_allowed", "the users of this tenant may not call this API")
            }
            Self::ClientNotAllowed => ("client_not_allowed", "this application may not call this API"),
            Self::AppOnlyToken => (
                "app_only_token",
                "the access token is an application's own; this API needs one with a user in it \
                 (delegated permissions)",
            ),
            Self::KeysUnavailable(_) => {
                ("keys_unavailable", "the signing keys of Entra ID are not available")
            }
        }
    }
}

impl fmt::Display for TokenRefused {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code_and_detail().1)?;
        match self.claim() {
            Some(name) => write!(formatter, ": {name}"),
            None => Ok(()),
        }
    }
}

impl Error for TokenRefused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::KeysUnavailable(source) => Some(source),
            _ => None,
        }
    }
}

impl From<TokenRefused> for Refusal {
    fn from(refused: TokenRefused) -> Self {
        let (code, detail) = refused.code_and_detail();
        match refused {
            TokenRefused::MissingToken => Self::Missing,
            // Genuine, and still not welcome: a fresh token would not help.
            TokenRefused::TenantNotAllowed | TokenRefused::ClientNotAllowed | TokenRefused::AppOnlyToken => {
                Self::Forbidden { code, detail }
            }
            TokenRefused::KeysUnavailable(source) => Self::KeysUnavailable { source: Some(Box::new(source)) },
            _ => Self::Invalid { code, detail },
        }
    }
}
