//! Tokens: the answer of the token endpoint and the claims in it.
//! <https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference>

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use super::client_proof::ClientProof;
use super::refresh::RefreshGrant;
use super::{SignIn, TokenRequest};
use crate::directory::{Profile, User};
use crate::emulator::Shared;
use crate::scenarios::TokenSizes;
use crate::scopes::{GRAPH_URI, Resource, Scopes};
use crate::sealed::{Purpose, random_text};
use crate::signing_keys::TokenKind;

/// Access and id tokens are valid this long before they are issued, as Entra ID's are.
const BACKDATED: Duration = Duration::minutes(5);
/// Access-token life unless a scenario sets another.
const LIFETIME_SECONDS: u32 = 3_600;
/// Life of Graph tokens for clients that handle claims challenges (`xms_cc` = `cp1`).
const CONTINUOUS_LIFETIME_SECONDS: u32 = 86_400;
/// From this life on the answer names a time to refresh early, `refresh_in`.
const REFRESH_IN_FROM_SECONDS: u32 = 7_200;
/// Refresh tokens live this long from their last use.
pub(super) const REFRESH_LIFETIME: Duration = Duration::days(90);
/// Refresh tokens of single-page applications live this long from the sign-in.
pub(super) const SPA_REFRESH_LIFETIME: Duration = Duration::hours(24);

/// Whom and what tokens are for.
pub(super) struct Issue<'a> {
    pub(super) user: &'a User,
    pub(super) scopes: &'a Scopes,
    /// The `scope` parameter as sent: what a later refresh without `scope` means.
    pub(super) scope_text: &'a str,
    pub(super) sign_in: SignIn,
    pub(super) single_page: bool,
    /// The fixed end of a single-page application's refresh tokens, once the first was issued.
    pub(super) refresh_ends_at: Option<OffsetDateTime>,
    pub(super) nonce: Option<&'a str>,
    pub(super) continuous: bool,
}

impl TokenRequest<'_> {
    /// Whether the client says it handles claims challenges: `xms_cc` holds `cp1` in the `claims` parameter.
    pub(super) fn asks_continuous(&self, earlier: Option<&str>) -> bool {
        let claims_ask = |text: &str| {
            serde_json::from_str::<Value>(text).is_ok_and(|claims| {
                claims["access_token"]["xms_cc"]["values"]
                    .as_array()
                    .is_some_and(|values| values.iter().any(|value| value == "cp1"))
            })
        };
        self.form.first("claims").or(earlier).is_some_and(claims_ask)
    }

    /// The answer: an access token, and what the scopes ask for besides.
    pub(super) fn issue(&self, issue: &Issue<'_>) -> Value {
        let shared = self.shared;
        let now = shared.clock.now();
        let profile = shared.profile(issue.user);
        let continuous = issue.continuous && matches!(issue.scopes.resource, Resource::Graph { .. });
        let lifetime = shared
            .with_scenarios(|scenarios| scenarios.access_token_lifetime_seconds)
            .unwrap_or(if continuous { CONTINUOUS_LIFETIME_SECONDS } else { LIFETIME_SECONDS });
        let mut answer = json!({
            "token_type": "Bearer",
            "scope": issue.scopes.answered(self.client),
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": self.access_token(issue, &profile, now, lifetime, continuous),
        });
        if lifetime >= REFRESH_IN_FROM_SECONDS {
            answer["refresh_in"] = json!(lifetime / 2);
        }
        if issue.scopes.offline_access {
            self.add_refresh_token(issue, now, &mut answer);
        }
        if issue.scopes.openid {
            answer["id_token"] = json!(self.id_token(issue, &profile, now));
        }
        if self.form.first("client_info") == Some("1") {
            answer["client_info"] = json!(client_info(issue.user));
        }
        answer
    }

    fn access_token(
        &self,
        issue: &Issue<'_>,
        profile: &Profile,
        now: OffsetDateTime,
        lifetime: u32,
        continuous: bool,
    ) -> String {
        let shared = self.shared;
        let user = issue.user;
        let (mut claims, kind) =
            self.resource_claims(&issue.scopes.resource, &user.tenant.to_string(), self.proof);
        add_times(&mut claims, now, i64::from(lifetime));
        let sealed = shared.sealer.seal(Purpose::AccessTokenOrigin, &issue.sign_in);
        let own = json!({
            "aio": sealed,
            "name": profile.shown_name(),
            "oid": user.object_id,
            "rh": format!("1.{}.", random_text::<24>()),
            "scp": issue.scopes.granted(self.client).join(" "),
            "sid": issue.sign_in.session,
            "sub": shared.sealer.pairwise(user.home_account_id(), issue.scopes.resource.shown()),
            "tid": user.tenant,
            "uti": random_text::<16>(),
            "xms_ftd": random_text::<32>(),
        });
        merge(&mut claims, own);
        if self.states_kind(&issue.scopes.resource) {
            claims["idtyp"] = json!("user");
        }
        if kind == TokenKind::V2 {
            claims["preferred_username"] = json!(profile.sign_in_name());
        } else {
            claims["acr"] = json!("1");
            claims["amr"] = if issue.sign_in.mfa { json!(["pwd", "mfa"]) } else { json!(["pwd"]) };
            claims["family_name"] = json!(profile.surname);
            claims["given_name"] = json!(profile.given_name);
            claims["unique_name"] = json!(profile.sign_in_name());
            claims["upn"] = json!(profile.user_principal_name);
        }
        add_guest_home(&mut claims, shared, user);
        if continuous {
            claims["xms_cc"] = json!(["cp1"]);
        }
        self.sign(claims, kind, self.sizes().access_token)
    }

    /// Whether `idtyp` is in tokens for this resource: Graph has it, others ask for it in their registration.
    pub(super) fn states_kind(&self, resource: &Resource) -> bool {
        match resource {
            Resource::Graph { .. } => true,
            Resource::Application { id, .. } => self
                .shared
                .application(*id)
                .is_some_and(|api| api.access_token_claims.iter().any(|claim| claim == "idtyp")),
        }
    }

    /// Audience, issuer and client, by the token version that the resource asks for.
    pub(super) fn resource_claims(
        &self,
        resource: &Resource,
        tenant: &str,
        proof: ClientProof,
    ) -> (Value, TokenKind) {
        let (audience, kind) = match resource {
            Resource::Graph { audience } => ((*audience).to_owned(), TokenKind::Graph),
            Resource::Application { id, uri } => {
                let version = self.shared.application(*id).map(|api| api.access_token_version);
                if version == Some(1) {
                    (uri.clone(), TokenKind::V1)
                } else {
                    (id.to_string(), TokenKind::V2)
                }
            }
        };
        let claims = if kind == TokenKind::V2 {
            json!({
                "aud": audience, "iss": self.shared.issuer_v2(tenant), "ver": "2.0",
                "azp": self.client.client_id, "azpacr": proof.acr(),
            })
        } else {
            json!({
                "aud": audience, "iss": self.shared.issuer_v1(tenant), "ver": "1.0",
                "appid": self.client.client_id, "appidacr": proof.acr(), "app_displayname": self.client.name,
            })
        };
        (claims, kind)
    }

    fn id_token(&self, issue: &Issue<'_>, profile: &Profile, now: OffsetDateTime) -> String {
        let shared = self.shared;
        let user = issue.user;
        let mut claims = json!({
            "aud": self.client.client_id,
            "iss": shared.issuer_v2(user.tenant),
            "aio": random_text::<48>(),
            "auth_time": issue.sign_in.authenticated_at,
            "rh": format!("1.{}.", random_text::<24>()),
            "sid": issue.sign_in.session,
            "sub": shared.sealer.pairwise(user.home_account_id(), self.client.client_id),
            "tid": user.tenant,
            "uti": random_text::<16>(),
            "ver": "2.0",
        });
        add_times(&mut claims, now, i64::from(LIFETIME_SECONDS));
        if let Some(nonce) = issue.nonce {
            claims["nonce"] = json!(nonce);
        }
        if issue.scopes.profile {
            claims["name"] = json!(profile.shown_name());
            claims["oid"] = json!(user.object_id);
            claims["preferred_username"] = json!(profile.sign_in_name());
        }
        if let (true, Some(mail)) = (issue.scopes.email, &profile.mail) {
            claims["email"] = json!(mail);
        }
        add_guest_home(&mut claims, shared, user);
        self.sign(claims, TokenKind::V2, self.sizes().id_token)
    }

    fn sizes(&self) -> TokenSizes {
        self.shared.with_scenarios(|scenarios| scenarios.token_sizes).unwrap_or_default()
    }

    /// A token of at least `size` characters.
    fn sign(&self, mut claims: Value, kind: TokenKind, size: usize) -> String {
        let token = self.shared.with_keys(|keys| keys.sign(&claims, kind));
        let Some(padding) = padding(&token, size) else { return token };
        claims["padding"] = json!(padding);
        self.shared.with_keys(|keys| keys.sign(&claims, kind))
    }

    fn add_refresh_token(&self, issue: &Issue<'_>, now: OffsetDateTime, answer: &mut Value) {
        let expires_at = match (issue.single_page, issue.refresh_ends_at) {
            (true, Some(ends_at)) => ends_at,
            (true, None) => now + SPA_REFRESH_LIFETIME,
            (false, _) => now + REFRESH_LIFETIME,
        };
        let mut grant = RefreshGrant {
            id: Uuid::new_v4(),
            user: issue.user.object_id,
            client: self.client.client_id,
            scope: issue.scope_text.to_owned(),
            issued_at_ms: milliseconds(now),
            expires_at_ms: milliseconds(expires_at),
            single_page: issue.single_page,
            sign_in: issue.sign_in,
            padding: String::new(),
        };
        let mut token = grant.seal(self.shared);
        if let Some(padding) = padding(&token, self.sizes().refresh_token) {
            grant.padding = padding;
            token = grant.seal(self.shared);
        }
        answer["refresh_token"] = json!(token);
        if issue.single_page {
            answer["refresh_token_expires_in"] = json!((expires_at - now).whole_seconds().max(0));
        }
    }
}

/// What a member `padding` of its content must hold so that a token, base64 of JSON, gets `size` characters, or a few more.
fn padding(token: &str, size: usize) -> Option<String> {
    const MEMBER: usize = r#","padding":"""#.len();
    let missing = size.checked_sub(token.len()).filter(|missing| *missing > 0)?;
    let length = (missing * 3).div_ceil(4).saturating_sub(MEMBER);
    let mut text = String::new();
    while text.len() < length {
        text.push_str(&random_text::<96>());
    }
    text.truncate(length);
    Some(text)
}

/// `uid` and `utid`, from which MSAL builds the home account id.
pub(crate) fn client_info(user: &User) -> String {
    let info = json!({ "uid": user.home.object_id, "utid": user.home.tenant });
    URL_SAFE_NO_PAD.encode(info.to_string())
}

pub(super) fn add_times(claims: &mut Value, now: OffsetDateTime, lifetime_seconds: i64) {
    let issued_at = (now - BACKDATED).unix_timestamp();
    claims["iat"] = json!(issued_at);
    claims["nbf"] = json!(issued_at);
    claims["exp"] = json!(now.unix_timestamp() + lifetime_seconds);
}

/// Guests carry the identity provider that signed them in.
fn add_guest_home(claims: &mut Value, shared: &Shared, user: &User) {
    if user.is_guest() {
        claims["idp"] = json!(shared.issuer_v1(user.home.tenant));
    }
}

pub(super) fn merge(claims: &mut Value, more: Value) {
    if let (Value::Object(claims), Value::Object(more)) = (claims, more) {
        claims.extend(more);
    }
}

pub(super) fn milliseconds(time: OffsetDateTime) -> i64 {
    time.unix_timestamp() * 1_000 + i64::from(time.millisecond())
}

/// Audiences that Graph accepts.
pub(crate) fn is_graph_audience(audience: &Value) -> bool {
    audience == GRAPH_URI || audience == crate::scopes::GRAPH_ID
}
