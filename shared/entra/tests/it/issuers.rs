//! Who may say what about whom: the issuer in the token, the tenant in it, the issuer and the cloud for which the signing key
//! is published. The cases are those that the issuer and signing-key validators of Microsoft.IdentityModel are tested with.

use crate::support::{CLIENT, FIRST_KEY, FakeEntra, Token, policy};
use domain::identity::TenantId;
use entra::{AccessPolicy, Allowed, Authority, TenantSetting, TokenRefused};
use serde_json::{Value, json};
use test_support::sample;

const PUBLIC: &str = "https://login.microsoftonline.com";
const GOVERNMENT: &str = "https://login.microsoftonline.us";
const CHINA: &str = "https://login.partner.microsoftonline.cn";
const OWN: &str = "https://sts.lakeside.example";

const TENANT: &str = "6f1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";
const OTHER_TENANT: &str = "0a0b0c0d-1111-4222-8333-444455556666";
/// Of personal Microsoft accounts.
const CONSUMERS: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

const V2: &str = "2.0";
const V1: &str = "1.0";

/// One way in which a token and the key that signed it can come together.
struct Case {
    host: &'static str,
    tenants: Allowed<TenantId>,
    version: &'static str,
    /// `iss` of the token; `{tid}` is [`TENANT`].
    issuer: Value,
    tenant: Value,
    /// More members of the token.
    more: &'static str,
    key_issuer: Option<&'static str>,
    key_cloud: Option<&'static str>,
}

impl Default for Case {
    /// A token of the public cloud for its one tenant, signed with a key for all tenants.
    fn default() -> Self {
        Self {
            host: PUBLIC,
            tenants: Allowed::Any,
            version: V2,
            issuer: json!("https://login.microsoftonline.com/{tid}/v2.0"),
            tenant: json!(TENANT),
            more: "",
            key_issuer: Some("https://login.microsoftonline.com/{tenantid}/v2.0"),
            key_cloud: Some("microsoftonline.com"),
        }
    }
}

async fn outcome(entra: &FakeEntra, case: &Case) -> &'static str {
    let mut key = FIRST_KEY.jwk();
    if let Some(issuer) = case.key_issuer {
        key["issuer"] = json!(issuer.replace("{tid}", TENANT));
    }
    if let Some(cloud) = case.key_cloud {
        key["cloud_instance_name"] = json!(cloud);
    }
    entra.publish_keys(&[key]).await;
    let host = case.host.parse().unwrap();
    let authority = Authority::new(&host, TenantSetting::Organizations).unwrap();
    let token = match case.version {
        V1 => Token::v1(&authority).with("aud", format!("api://{CLIENT}")),
        _ => Token::v2(&authority),
    };
    let mut token = token.with("ver", case.version);
    for (name, value) in [("iss", &case.issuer), ("tid", &case.tenant)] {
        let value = value.as_str().map_or(value.clone(), |text| json!(text.replace("{tid}", TENANT)));
        token = if value.is_null() { token.without(name) } else { token.with(name, value) };
    }
    let payload = Value::Object(token.claims.clone()).to_string();
    let payload = payload.replacen('{', &format!("{{{}", case.more), 1);
    let bearer = format!("Bearer {}", FIRST_KEY.sign(&token.header.to_string(), &payload));
    let policy = AccessPolicy { tenants: case.tenants.clone(), ..policy() };
    let validated = entra.validator_with(authority, policy).validate(Some(&bearer)).await;
    validated.map_or_else(|refused: TokenRefused| refused.code(), |_| "ok")
}

async fn check(cases: Vec<(&str, Case, &str)>) {
    let entra = FakeEntra::start().await;
    for (name, case, expected) in cases {
        assert_eq!(outcome(&entra, &case).await, expected, "{name}");
    }
}

#[tokio::test]
async fn the_issuer_of_a_token_is_that_of_its_cloud_tenant_and_version() {
    let issuer = |text: &str| Case { issuer: json!(text), ..Case::default() };
    let of = |host, version, text: &str, key_issuer, key_cloud| Case {
        host,
        version,
        issuer: json!(text),
        key_issuer: Some(key_issuer),
        key_cloud: Some(key_cloud),
        ..Case::default()
    };
    let all_tenants = "https://login.microsoftonline.com/{tenantid}/v2.0";
    check(vec![
        ("template filled in with the tenant", Case::default(), "ok"),
        (
            "version 1",
            of(PUBLIC, V1, "https://sts.windows.net/{tid}/", all_tenants, "microsoftonline.com"),
            "ok",
        ),
        ("the same of an alias", Case { host: "https://login.windows.net", ..Case::default() }, "ok"),
        (
            "US government",
            of(
                GOVERNMENT,
                V2,
                "https://login.microsoftonline.us/{tid}/v2.0",
                "https://login.microsoftonline.us/{tenantid}/v2.0",
                "microsoftonline.us",
            ),
            "ok",
        ),
        (
            "China, version 2",
            of(
                CHINA,
                V2,
                "https://login.partner.microsoftonline.cn/{tid}/v2.0",
                "https://login.partner.microsoftonline.cn/{tenantid}/v2.0",
                "partner.microsoftonline.cn",
            ),
            "ok",
        ),
        (
            "China, version 1",
            of(
                CHINA,
                V1,
                "https://sts.chinacloudapi.cn/{tid}/",
                "https://login.partner.microsoftonline.cn/{tenantid}/v2.0",
                "partner.microsoftonline.cn",
            ),
            "ok",
        ),
        (
            "another host",
            of(
                OWN,
                V2,
                "https://sts.lakeside.example/{tid}/v2.0",
                "https://sts.lakeside.example/{tenantid}/v2.0",
                "any",
            ),
            "ok",
        ),
        ("a pre-production host", issuer("https://login.windows-ppe.net/{tid}/v2.0"), "wrong_issuer"),
        ("a bad host", issuer("https://badissuer/{tid}/v2.0"), "wrong_issuer"),
        ("another cloud's", issuer("https://login.microsoftonline.us/{tid}/v2.0"), "wrong_issuer"),
        ("an alias that is no issuer", issuer("https://login.windows.net/{tid}/v2.0"), "wrong_issuer"),
        ("no slash more", issuer("https://login.microsoftonline.com/{tid}/v2.0/"), "wrong_issuer"),
        ("no other case", issuer("https://login.microsoftonline.com/{tid}/V2.0"), "wrong_issuer"),
        ("plain http", issuer("http://login.microsoftonline.com/{tid}/v2.0"), "wrong_issuer"),
        ("the template itself", issuer("https://login.microsoftonline.com/{tenantid}/v2.0"), "wrong_issuer"),
        ("of all tenants", issuer("https://login.microsoftonline.com/common/v2.0"), "wrong_issuer"),
        ("of no tenant", issuer("https://login.microsoftonline.com//v2.0"), "wrong_issuer"),
        (
            "with a policy (B2C)",
            issuer("https://login.microsoftonline.com/tfp/{tid}/b2c_1_susi/v2.0/"),
            "wrong_issuer",
        ),
        ("version 1 in version 2", issuer("https://sts.windows.net/{tid}/"), "wrong_issuer"),
        ("version 2 in version 1", Case { version: V1, ..Case::default() }, "wrong_issuer"),
        ("empty", issuer(""), "missing_claim"),
        ("absent", Case { issuer: json!(null), ..Case::default() }, "missing_claim"),
        (
            "several",
            Case { issuer: json!(["https://login.microsoftonline.com/{tid}/v2.0"]), ..Case::default() },
            "missing_claim",
        ),
    ])
    .await;
}

#[tokio::test]
async fn the_tenant_of_a_token_is_there_once_and_is_that_of_its_issuer() {
    let tenant = |value: Value| Case { tenant: value, ..Case::default() };
    let more = |more| Case { more, ..Case::default() };
    check(vec![
        ("the issuer's", tenant(json!(TENANT)), "ok"),
        ("in capitals it is the same GUID", tenant(json!(TENANT.to_uppercase())), "ok"),
        ("another one", tenant(json!(OTHER_TENANT)), "wrong_issuer"),
        ("absent, though the issuer names it", tenant(json!(null)), "missing_claim"),
        ("empty", tenant(json!("")), "missing_claim"),
        ("a domain", tenant(json!("lakeside.example")), "missing_claim"),
        ("`common`", tenant(json!("common")), "missing_claim"),
        ("a number", tenant(json!(7)), "missing_claim"),
        (
            "again in another case, before",
            more(r#""TID":"0a0b0c0d-1111-4222-8333-444455556666","#),
            "duplicate_claim",
        ),
        ("again", more(r#""tid":"6f1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d","#), "duplicate_claim"),
        (
            "only in another case",
            Case {
                tenant: json!(null),
                more: r#""TID":"6f1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d","#,
                ..Case::default()
            },
            "duplicate_claim",
        ),
        (
            "by its name in SAML tokens",
            Case {
                tenant: json!(null),
                more: r#""http://schemas.microsoft.com/identity/claims/tenantid":"6f1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d","#,
                ..Case::default()
            },
            "missing_claim",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_key_signs_for_the_issuer_that_it_is_published_for() {
    let key = |issuer| Case { key_issuer: issuer, ..Case::default() };
    let v1 = |issuer| Case {
        version: V1,
        issuer: json!("https://sts.windows.net/{tid}/"),
        key_issuer: Some(issuer),
        ..Case::default()
    };
    check(vec![
        ("of all tenants", key(Some("https://login.microsoftonline.com/{tenantid}/v2.0")), "ok"),
        ("of this tenant", key(Some("https://login.microsoftonline.com/{tid}/v2.0")), "ok"),
        ("not stated", key(None), "ok"),
        ("version 1 of all tenants", key(Some("https://sts.windows.net/{tenantid}/")), "ok"),
        ("for a version 1 token", v1("https://sts.windows.net/{tenantid}/"), "ok"),
        ("version 2 for a version 1 token", v1("https://login.microsoftonline.com/{tenantid}/v2.0"), "ok"),
        (
            "of another tenant",
            key(Some("https://login.microsoftonline.com/0a0b0c0d-1111-4222-8333-444455556666/v2.0")),
            "wrong_key_issuer",
        ),
        (
            "of personal accounts",
            key(Some("https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0")),
            "wrong_key_issuer",
        ),
        (
            "of another cloud",
            key(Some("https://login.microsoftonline.us/{tenantid}/v2.0")),
            "wrong_key_issuer",
        ),
        (
            "of another cloud, this tenant",
            key(Some("https://login.microsoftonline.us/{tid}/v2.0")),
            "wrong_key_issuer",
        ),
        (
            "for a version 1 token, of another cloud",
            v1("https://sts.chinacloudapi.cn/{tenantid}/"),
            "wrong_key_issuer",
        ),
        ("empty", key(Some("")), "wrong_key_issuer"),
        ("a blank", key(Some(" ")), "wrong_key_issuer"),
        (
            "the placeholder in another case",
            key(Some("https://login.microsoftonline.com/{tenantId}/v2.0")),
            "wrong_key_issuer",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_key_signs_for_the_cloud_that_it_is_published_for() {
    let key = |cloud| Case { key_cloud: cloud, ..Case::default() };
    check(vec![
        ("this one", key(Some("microsoftonline.com")), "ok"),
        ("not stated", key(None), "ok"),
        ("another one", key(Some("microsoftonline.us")), "wrong_key_issuer"),
        ("empty", key(Some("")), "wrong_key_issuer"),
        ("another case", key(Some("MicrosoftOnline.com")), "wrong_key_issuer"),
        (
            "of an authority whose cloud is not known",
            Case {
                host: OWN,
                issuer: json!("https://sts.lakeside.example/{tid}/v2.0"),
                key_issuer: None,
                key_cloud: Some("microsoftonline.us"),
                ..Case::default()
            },
            "ok",
        ),
        (
            "nor is its issuer for us",
            Case {
                host: OWN,
                issuer: json!("https://sts.lakeside.example/{tid}/v2.0"),
                key_cloud: None,
                ..Case::default()
            },
            "wrong_key_issuer",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_tenant_that_is_not_listed_is_told_so_whatever_its_keys_say() {
    let one = || Allowed::Only([TENANT.parse().unwrap()].into());
    let from = |tenant: &str, key_issuer| Case {
        tenants: one(),
        tenant: json!(tenant),
        issuer: json!(format!("https://login.microsoftonline.com/{tenant}/v2.0")),
        key_issuer: Some(key_issuer),
        ..Case::default()
    };
    let all_tenants = "https://login.microsoftonline.com/{tenantid}/v2.0";
    let this_tenant = "https://login.microsoftonline.com/{tid}/v2.0";
    check(vec![
        ("listed", from(TENANT, all_tenants), "ok"),
        ("not listed, keys of all tenants", from(OTHER_TENANT, all_tenants), "tenant_not_allowed"),
        ("not listed, keys of the listed tenant", from(OTHER_TENANT, this_tenant), "tenant_not_allowed"),
        ("personal accounts", from(CONSUMERS, all_tenants), "tenant_not_allowed"),
        (
            "any tenant, and a key of another one",
            Case { tenants: Allowed::Any, ..from(OTHER_TENANT, this_tenant) },
            "wrong_key_issuer",
        ),
        (
            "listed, and a key of another one",
            from(TENANT, "https://login.microsoftonline.com/0a0b0c0d-1111-4222-8333-444455556666/v2.0"),
            "wrong_key_issuer",
        ),
    ])
    .await;
    assert_ne!(TENANT, sample::TENANT.to_string(), "no case passes for the tenant that other tests use");
}
