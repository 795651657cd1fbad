//! A scripted authority, keys to sign with, and tokens to change one claim of.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::identity::{ClientId, HomeAccountId, TenantId};
use domain::token::UserAssertion;
use entra::{
    AccessPolicy, AccessTokenValidator, Allowed, Authority, ClientCredential, ClientSecret,
    EntraTokenExchange, KeyPolicy, SigningKeys, TenantSetting,
};
use serde_json::{Map, Value, json};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use test_support::{FixedClock, sample};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

pub(crate) const TENANT: TenantId = sample::TENANT;
pub(crate) const CLIENT: ClientId = sample::CLIENT;
pub(crate) const SECRET: &str = "s3cr3t & more";

/// Longer than any busy machine takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(20);
/// For tests in which time must run out.
pub(crate) const SHORT_TIMEOUT: Duration = Duration::from_millis(100);
/// What no test waits for.
pub(crate) const NEVER: Duration = Duration::from_mins(10);

/// Two keys for the whole test run: generating one takes a while.
pub(crate) static FIRST_KEY: LazyLock<SigningPair> = LazyLock::new(|| SigningPair::generate("first"));
pub(crate) static SECOND_KEY: LazyLock<SigningPair> = LazyLock::new(|| SigningPair::generate("second"));

pub(crate) struct SigningPair {
    pub(crate) key_id: &'static str,
    pair: KeyPair,
}

impl SigningPair {
    fn generate(key_id: &'static str) -> Self {
        Self { key_id, pair: KeyPair::generate(KeySize::Rsa2048).expect("a key pair") }
    }

    /// The public key as Entra publishes it: without `alg`.
    pub(crate) fn jwk(&self) -> Value {
        // SEQUENCE { INTEGER modulus, INTEGER exponent } (RFC 8017 A.1.1), of fixed length for 2048 bits and 65537.
        let public = self.pair.public_key().as_ref();
        assert_eq!(public.len(), 270);
        json!({
            "kty": "RSA",
            "use": "sig",
            "kid": self.key_id,
            "n": BASE64_URL_SAFE_NO_PAD.encode(&public[9..265]),
            "e": BASE64_URL_SAFE_NO_PAD.encode(&public[267..270]),
        })
    }

    /// A token of these parts, signed by this key whatever the header says.
    pub(crate) fn sign(&self, header: &str, payload: &str) -> String {
        let message =
            format!("{}.{}", BASE64_URL_SAFE_NO_PAD.encode(header), BASE64_URL_SAFE_NO_PAD.encode(payload));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
            .expect("an RSA key signs any message");
        format!("{message}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature))
    }
}

/// An access token for our API, good in every way until changed.
pub(crate) struct Token {
    pub(crate) header: Value,
    pub(crate) claims: Map<String, Value>,
}

impl Token {
    /// As the v2.0 endpoint issues it at [`sample::NOW`], for user 1.
    pub(crate) fn v2(authority: &Authority) -> Self {
        let account = sample::account(1);
        Self::new(json!({
            "ver": "2.0",
            "aud": CLIENT.to_string(),
            "iss": authority.issuer(entra::TokenVersion::V2, TENANT),
            "azp": sample::SPA_CLIENT.to_string(),
            "azpacr": "0",
            "preferred_username": "User1@Lakeside.example",
            "name": "User 1",
            "tid": TENANT.to_string(),
            "oid": account.object_id.to_string(),
        }))
    }

    /// As it is issued where the registration asks for version 1.
    pub(crate) fn v1(authority: &Authority) -> Self {
        let account = sample::account(1);
        Self::new(json!({
            "ver": "1.0",
            "aud": format!("api://{CLIENT}"),
            "iss": authority.issuer(entra::TokenVersion::V1, TENANT),
            "appid": sample::SPA_CLIENT.to_string(),
            "appidacr": "0",
            "upn": "user1@lakeside.example",
            "tid": TENANT.to_string(),
            "oid": account.object_id.to_string(),
        }))
    }

    fn new(claims: Value) -> Self {
        let Value::Object(mut claims) = claims else { unreachable!("the literals above are objects") };
        let now = sample::NOW.unix_timestamp();
        claims.insert("iat".to_owned(), json!(now));
        claims.insert("nbf".to_owned(), json!(now));
        claims.insert("exp".to_owned(), json!(now + 3600));
        claims.insert("sub".to_owned(), json!("pairwise-subject"));
        claims.insert("scp".to_owned(), json!("Profile.Read Profile.ReadWrite"));
        Self { header: json!({"typ": "JWT", "alg": "RS256", "kid": FIRST_KEY.key_id}), claims }
    }

    #[must_use]
    pub(crate) fn with(mut self, claim: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(claim.to_owned(), value.into());
        self
    }

    #[must_use]
    pub(crate) fn without(mut self, claim: &str) -> Self {
        self.claims.remove(claim).expect("the claim was there");
        self
    }

    #[must_use]
    pub(crate) fn key_id(mut self, key_id: &str) -> Self {
        self.header["kid"] = json!(key_id);
        self
    }

    pub(crate) fn sign(&self, pair: &SigningPair) -> String {
        pair.sign(&self.header.to_string(), &Value::Object(self.claims.clone()).to_string())
    }

    pub(crate) fn bearer(&self) -> String {
        format!("Bearer {}", self.sign(&FIRST_KEY))
    }
}

/// The fields of a form, sorted.
pub(crate) fn form(request: &Request) -> Vec<(String, String)> {
    let mut fields: Vec<_> = url::form_urlencoded::parse(&request.body).into_owned().collect();
    fields.sort();
    fields
}

/// One field of a form.
pub(crate) fn field(request: &Request, name: &str) -> Option<String> {
    form(request).into_iter().find(|(own, _)| own == name).map(|(_, value)| value)
}

/// A success of the token endpoint.
pub(crate) fn success() -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({"token_type": "Bearer", "expires_in": 3600, "access_token": "at"}))
}

/// An authority on this machine.
pub(crate) struct FakeEntra {
    pub(crate) server: MockServer,
    pub(crate) clock: FixedClock,
    pub(crate) authority: Authority,
    /// Of each request to it.
    pub(crate) timeout: Duration,
}

impl FakeEntra {
    pub(crate) async fn start() -> Self {
        let server = MockServer::start().await;
        let authority = authority(&server.uri());
        Self { server, clock: FixedClock::default(), authority, timeout: TIMEOUT }
    }

    /// Publishes these keys from now on, instead of what was there.
    pub(crate) async fn publish_keys(&self, keys: &[Value]) {
        self.publish(ResponseTemplate::new(200).set_body_json(json!({ "keys": keys }))).await;
    }

    /// Answers the key document so from now on.
    pub(crate) async fn publish(&self, answer: ResponseTemplate) {
        self.server.reset().await;
        Mock::given(method("GET"))
            .and(path(format!("/{TENANT}/discovery/v2.0/keys")))
            .respond_with(answer)
            .mount(&self.server)
            .await;
    }

    /// Answers the token endpoint so from now on.
    pub(crate) async fn answer(&self, answer: ResponseTemplate) {
        self.server.reset().await;
        Mock::given(method("POST"))
            .and(path(format!("/{TENANT}/oauth2/v2.0/token")))
            .respond_with(answer)
            .mount(&self.server)
            .await;
    }

    /// Requests since the last change of the script.
    pub(crate) async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.expect("recording is on")
    }

    /// Until there were so many since the last change of the script.
    pub(crate) async fn requested(&self, count: usize) {
        while self.requests().await.len() < count {
            tokio::task::yield_now().await;
        }
    }

    pub(crate) fn keys(&self) -> SigningKeys {
        let policy =
            KeyPolicy { timeout: self.timeout, warm_up_timeout: self.timeout, ..KeyPolicy::default() };
        SigningKeys::new(client(), self.authority.signing_keys_url(), policy, Arc::new(self.clock.clone()))
    }

    pub(crate) fn validator(&self) -> AccessTokenValidator {
        self.validator_with(self.authority.clone(), policy())
    }

    /// Keys still come from here, whatever the authority.
    pub(crate) fn validator_with(&self, authority: Authority, policy: AccessPolicy) -> AccessTokenValidator {
        AccessTokenValidator::new(authority, policy, Arc::new(self.keys()), Arc::new(self.clock.clone()))
    }

    pub(crate) fn exchange(&self) -> EntraTokenExchange {
        exchange(&self.authority, &self.clock, self.timeout)
    }

    pub(crate) fn exchange_with(&self, credential: Arc<dyn ClientCredential>) -> EntraTokenExchange {
        let clock = Arc::new(self.clock.clone());
        EntraTokenExchange::new(client(), self.authority.clone(), CLIENT, credential, self.timeout, clock)
    }
}

pub(crate) fn exchange(authority: &Authority, clock: &FixedClock, timeout: Duration) -> EntraTokenExchange {
    let credential = Arc::new(ClientSecret::new(SECRET));
    EntraTokenExchange::new(client(), authority.clone(), CLIENT, credential, timeout, Arc::new(clock.clone()))
}

pub(crate) fn authority(host: &str) -> Authority {
    Authority::new(&host.parse().expect("a URL"), TenantSetting::Single(TENANT)).expect("a usable host")
}

/// Our tenant's users, by way of our own page.
pub(crate) fn policy() -> AccessPolicy {
    AccessPolicy {
        client_id: CLIENT,
        app_id_uri: None,
        tenants: Allowed::Only([TENANT].into()),
        clients: Allowed::Only([sample::SPA_CLIENT].into()),
    }
}

/// As wiring builds it: without redirects. Nothing here speaks TLS, and reading the system's certificates takes a while.
pub(crate) fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([])
        .build()
        .expect("an HTTP client")
}

pub(crate) fn account() -> HomeAccountId {
    sample::account(1)
}

/// A caller's token that routes: its payload can be read.
pub(crate) fn assertion() -> UserAssertion {
    let account = account();
    let payload = json!({"oid": account.object_id.to_string(), "tid": account.tenant_id.to_string()});
    UserAssertion::new(format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(payload.to_string())))
}

/// `client_info` of an account.
pub(crate) fn client_info(account: HomeAccountId) -> String {
    let info = json!({"uid": account.object_id.to_string(), "utid": account.tenant_id.to_string()});
    BASE64_URL_SAFE_NO_PAD.encode(info.to_string())
}
