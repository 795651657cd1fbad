//! Validation of the caller's access token: everything that makes it a token of this user, for us, now.

use crate::authority::{Authority, TokenVersion};
use crate::claims::Claims;
use crate::jwks::SigningKey;
use crate::refusal::TokenRefused;
use crate::signing_keys::{KeyLookupError, SigningKeys};
use crate::unverified::UnverifiedToken;
use crate::verified_tokens::VerifiedTokens;
use async_trait::async_trait;
use domain::caller::{Caller, CallerAuthenticator, Refusal};
use domain::identity::{ClientId, HomeAccountId, ObjectId, TenantId, UserPrincipalName};
use domain::ports::Clock;
use domain::scope::ScopeSet;
use domain::token::UserAssertion;
use jsonwebtoken::Algorithm;
use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;
use time::{Duration, OffsetDateTime};

/// How far Entra's clock and ours may differ: a token counts as valid this long before `nbf` and after `exp`. 60 seconds.
pub const CLOCK_LEEWAY: Duration = Duration::seconds(60);

/// The longest sign-in name that is taken: 1024 bytes. Entra's have at most 113 characters, mail addresses 254.
const MAX_USER_NAME_BYTES: usize = 1024;

/// Which of many may.
#[derive(Debug, Clone)]
pub enum Allowed<T> {
    Any,
    Only(BTreeSet<T>),
}

impl<T: Ord> Allowed<T> {
    pub fn includes(&self, one: &T) -> bool {
        match self {
            Self::Any => true,
            Self::Only(some) => some.contains(one),
        }
    }
}

/// Whom this API serves.
#[derive(Debug, Clone)]
pub struct AccessPolicy {
    /// The API's own client id: the audience of v2 tokens.
    pub client_id: ClientId,
    /// The audience of v1 tokens, where the App ID URI is not the usual `api://{client id}`.
    pub app_id_uri: Option<String>,
    /// Tenants whose users may call (`tid`).
    pub tenants: Allowed<TenantId>,
    /// Applications that may call (`azp`, or `appid` in v1 tokens).
    pub clients: Allowed<ClientId>,
}

/// Validates access tokens (<https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens>).
pub struct AccessTokenValidator {
    authority: Authority,
    policy: AccessPolicy,
    keys: Arc<SigningKeys>,
    clock: Arc<dyn Clock>,
    verified: VerifiedTokens,
}

impl AccessTokenValidator {
    pub fn new(
        authority: Authority,
        policy: AccessPolicy,
        keys: Arc<SigningKeys>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { authority, policy, keys, clock, verified: VerifiedTokens::default() }
    }

    /// Validates the value of an `Authorization` header. No claim is read before the signature was verified.
    ///
    /// A token that was found good is remembered by its hash while its keys count, so that the next request with it costs no
    /// verification; that it is in time is checked each time.
    pub async fn validate(&self, authorization: Option<&str>) -> Result<Caller, TokenRefused> {
        let token = UnverifiedToken::from_authorization(authorization)?;
        let keys = self.keys.matching(token.key_id()).await.map_err(|error| match error {
            KeyLookupError::Unknown => TokenRefused::UnknownSigningKey,
            KeyLookupError::Unavailable(source) => TokenRefused::KeysUnavailable(source),
        })?;
        let assertion = token.assertion();
        if let Some(claims) = self.verified.get(assertion.hash(), &keys) {
            self.check_time(&claims)?;
            return Ok(claims.caller(assertion));
        }
        let (claims, signers) = verify(&token, &keys)?;
        let claims = Arc::new(AccessTokenClaims::read(&claims)?);
        self.check_time(&claims)?;
        self.check(&claims, &signers)?;
        self.verified.remember(assertion.hash(), claims.clone(), keys, self.clock.now());
        Ok(claims.caller(assertion))
    }

    /// How many tokens are remembered as good.
    pub fn remembered(&self) -> usize {
        self.verified.len()
    }

    fn check_time(&self, claims: &AccessTokenClaims) -> Result<(), TokenRefused> {
        let now = self.clock.now();
        if now - CLOCK_LEEWAY >= claims.expires_at {
            return Err(TokenRefused::TokenExpired);
        }
        // Entra writes the same into both; a token from the future is either way not one that it has issued.
        if now + CLOCK_LEEWAY < claims.not_before.max(claims.issued_at) {
            return Err(TokenRefused::TokenNotYetValid);
        }
        Ok(())
    }

    /// What cannot change while a token lives.
    fn check(&self, claims: &AccessTokenClaims, signers: &[&SigningKey]) -> Result<(), TokenRefused> {
        if !self.is_audience(claims) {
            return Err(TokenRefused::WrongAudience);
        }
        if claims.issuer != self.authority.issuer(claims.version, claims.tenant_id) {
            return Err(TokenRefused::WrongIssuer);
        }
        // Before the key's issuer: a tenant's own key document may list keys for that tenant only, and whoever is of another
        // one is told so. Nobody is let in by this order.
        if !self.policy.tenants.includes(&claims.tenant_id) {
            return Err(TokenRefused::TenantNotAllowed);
        }
        if !signers.iter().any(|key| key.may_sign_for(claims.tenant_id, &self.authority)) {
            return Err(TokenRefused::WrongKeyIssuer);
        }
        if !self.policy.clients.includes(&claims.client_id) {
            return Err(TokenRefused::ClientNotAllowed);
        }
        Ok(())
    }

    fn is_audience(&self, claims: &AccessTokenClaims) -> bool {
        match (claims.version, &self.policy.app_id_uri) {
            (TokenVersion::V2, _) => claims.audience == self.policy.client_id.to_string(),
            (TokenVersion::V1, Some(uri)) => claims.audience == *uri,
            (TokenVersion::V1, None) => claims.audience == format!("api://{}", self.policy.client_id),
        }
    }
}

#[async_trait]
impl CallerAuthenticator for AccessTokenValidator {
    async fn authenticate(&self, authorization: Option<&str>) -> Result<Caller, Refusal> {
        let validated = self.validate(authorization).await;
        if let Err(refused) = &validated {
            tracing::info!(
                event = "token.refused",
                token.refusal = refused.code(),
                token.claim = refused.claim(),
            );
        }
        Ok(validated?)
    }

    async fn keep_current(&self) {
        self.keys.refresh_if_due().await;
    }

    fn forget(&self, account: &HomeAccountId) {
        self.verified.forget(*account);
    }
}

/// The claims, and the keys that signed them: one key may be published several times, for an issuer each. Only the
/// signature is left to jsonwebtoken: it would take the time from the system, and read claims with a reader of its own.
fn verify<'k>(
    token: &UnverifiedToken,
    keys: &'k [Arc<SigningKey>],
) -> Result<(Claims, Vec<&'k SigningKey>), TokenRefused> {
    let (message, payload, signature) = token.signed_parts();
    let mut signers: Vec<&SigningKey> = Vec::new();
    for key in keys {
        let good =
            jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key.decoding_key, Algorithm::RS256)
                .map_err(|_| TokenRefused::MalformedToken)?;
        if good {
            signers.push(key);
        }
    }
    if signers.is_empty() {
        Err(TokenRefused::BadSignature)
    } else {
        Ok((Claims::from_part(payload)?, signers))
    }
}

/// The claims of an access token whose signature was verified, parsed and not yet judged.
pub(crate) struct AccessTokenClaims {
    version: TokenVersion,
    audience: String,
    issuer: String,
    tenant_id: TenantId,
    object_id: ObjectId,
    client_id: ClientId,
    scopes: ScopeSet,
    user_principal_name: Option<UserPrincipalName>,
    issued_at: OffsetDateTime,
    not_before: OffsetDateTime,
    pub(crate) expires_at: OffsetDateTime,
}

impl AccessTokenClaims {
    /// Where the user's cache lies.
    pub(crate) fn account(&self) -> HomeAccountId {
        HomeAccountId::new(self.object_id, self.tenant_id)
    }

    /// The user who calls with this token.
    fn caller(&self, assertion: UserAssertion) -> Caller {
        Caller {
            account: self.account(),
            tenant_id: self.tenant_id,
            object_id: self.object_id,
            client_id: self.client_id,
            scopes: self.scopes.clone(),
            user_principal_name: self.user_principal_name.clone(),
            assertion,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
        }
    }

    /// Of user number so and so.
    #[cfg(test)]
    pub(crate) fn for_tests(user: u128, expires_at: OffsetDateTime) -> Self {
        Self {
            version: TokenVersion::V2,
            audience: String::new(),
            issuer: String::new(),
            tenant_id: TenantId::from_uuid(uuid::Uuid::from_u128(1)),
            object_id: ObjectId::from_uuid(uuid::Uuid::from_u128(user)),
            client_id: ClientId::from_uuid(uuid::Uuid::from_u128(2)),
            scopes: ScopeSet::default(),
            user_principal_name: None,
            issued_at: OffsetDateTime::UNIX_EPOCH,
            not_before: OffsetDateTime::UNIX_EPOCH,
            expires_at,
        }
    }

    fn read(claims: &Claims) -> Result<Self, TokenRefused> {
        let version = match text(claims, "ver")? {
            "1.0" => TokenVersion::V1,
            "2.0" => TokenVersion::V2,
            _ => return Err(TokenRefused::UnsupportedVersion),
        };
        let scopes = delegated_scopes(claims)?;
        // Not used, and still in every token that Entra issues.
        text(claims, "sub")?;
        let (client, user) = match version {
            TokenVersion::V1 => ("appid", ["upn", "unique_name"]),
            TokenVersion::V2 => ("azp", ["preferred_username", "upn"]),
        };
        Ok(Self {
            version,
            audience: text(claims, "aud")?.to_owned(),
            issuer: text(claims, "iss")?.to_owned(),
            tenant_id: parsed(claims, "tid")?,
            object_id: parsed(claims, "oid")?,
            client_id: parsed(claims, client)?,
            scopes,
            user_principal_name: user_principal_name(claims, user)?,
            issued_at: instant(claims, "iat")?,
            not_before: instant(claims, "nbf")?,
            expires_at: instant(claims, "exp")?,
        })
    }
}

/// What the user lets the application do. An application's own token and an ID token have no such thing.
fn delegated_scopes(claims: &Claims) -> Result<ScopeSet, TokenRefused> {
    // Of another type than a user's: an application, a device, or something that is not known yet.
    if claims.has("idtyp") && claims.text("idtyp") != Some("user") {
        return Err(TokenRefused::AppOnlyToken);
    }
    if claims.has("scp") {
        let scopes = ScopeSet::parse(text(claims, "scp")?);
        return if scopes.is_empty() { Err(TokenRefused::MissingClaim("scp")) } else { Ok(scopes) };
    }
    // An access token names the application that it was issued to; only an ID token answers a page's nonce.
    if claims.has("nonce") || !claims.has("azp") && !claims.has("appid") {
        return Err(TokenRefused::IdToken);
    }
    // In an application's own token the service principal is the subject, or there is none in this tenant.
    if !claims.has("oid") || claims.text("oid") == claims.text("sub") || claims.has("roles") {
        return Err(TokenRefused::AppOnlyToken);
    }
    Err(TokenRefused::MissingClaim("scp"))
}

/// The first of these claims that is there. It becomes the key of an index.
fn user_principal_name(
    claims: &Claims,
    names: [&'static str; 2],
) -> Result<Option<UserPrincipalName>, TokenRefused> {
    let Some((name, text)) = names.into_iter().find_map(|name| Some((name, claims.text(name)?))) else {
        return Ok(None);
    };
    if text.len() > MAX_USER_NAME_BYTES {
        return Err(TokenRefused::ClaimTooLarge(name));
    }
    Ok(Some(UserPrincipalName::new(text)))
}

fn text<'c>(claims: &'c Claims, name: &'static str) -> Result<&'c str, TokenRefused> {
    claims.text(name).ok_or(TokenRefused::MissingClaim(name))
}

/// An id. All zeros are nobody's.
fn parsed<T: FromStr>(claims: &Claims, name: &'static str) -> Result<T, TokenRefused> {
    let text = text(claims, name)?;
    let nobody = text.bytes().all(|byte| matches!(byte, b'0' | b'-'));
    text.parse().ok().filter(|_| !nobody).ok_or(TokenRefused::MissingClaim(name))
}

fn instant(claims: &Claims, name: &'static str) -> Result<OffsetDateTime, TokenRefused> {
    claims.instant(name).ok_or(TokenRefused::MissingClaim(name))
}
