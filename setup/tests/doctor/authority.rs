//! Entra ID and Graph: reachable, with the right time and keys, and willing to take our credential.

use crate::servers::{nowhere, web};
use crate::{Report, Site};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc2822;
use time::{Duration, OffsetDateTime};
use wiremock::{MockServer, ResponseTemplate};

fn now() -> OffsetDateTime {
    domain::ports::Clock::now(&wiring::SystemClock)
}

fn metadata(issuer: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({ "issuer": issuer }))
}

/// An authority of our tenant that says so little, at this time, with these keys.
async fn authority(tenant: &str, ahead: Duration, keys: Value) -> MockServer {
    let server = MockServer::start().await;
    let date = (now() + ahead).to_offset(time::UtcOffset::UTC).replace_nanosecond(0).unwrap();
    let date = date.format(&Rfc2822).unwrap();
    let issuer = format!("{}/{tenant}/v2.0", server.uri());
    for (at, answer) in [
        (format!("/{tenant}/v2.0/.well-known/openid-configuration"), metadata(&issuer)),
        (format!("/{tenant}/discovery/v2.0/keys"), ResponseTemplate::new(200).set_body_json(keys)),
    ] {
        wiremock::Mock::given(wiremock::matchers::path(at))
            .respond_with(answer.insert_header("date", date.as_str()))
            .mount(&server)
            .await;
    }
    server
}

async fn at_authority(site: &Site, ahead: Duration, keys: Value) -> Report {
    let server = authority(&site.variables["ENTRA_TENANT_ID"], ahead, keys).await;
    site.doctor_with("ENTRA_AUTHORITY_HOST", &server.uri()).await
}

#[tokio::test]
async fn an_authority_that_cannot_be_reached_costs_no_other_check() {
    let site = Site::start().await;
    let report = site.doctor_with("ENTRA_AUTHORITY_HOST", &nowhere().await).await;
    assert_eq!(report.failed(), ["authority", "signing-keys", "credential"]);
    report.assert_failed("authority", "the connection failed", "is ENTRA_AUTHORITY_HOST right");
    report.assert_failed("credential", "did not answer as expected", "token endpoint");
    assert_eq!((report.status("clock"), report.status("graph")), ("skipped", "ok"));
}

#[tokio::test]
async fn a_tenant_that_is_not_known_is_named_by_its_error() {
    let site = Site::start().await;
    let report = site.doctor_with("ENTRA_TENANT_ID", "aaaabbbb-0000-4000-8000-000000000001").await;
    report.assert_failed("authority", "AADSTS90002", "check ENTRA_TENANT_ID");
    report.assert_failed("credential", "AADSTS90002", "the tenant is not known");
}

#[tokio::test]
async fn an_authority_that_signs_as_somebody_else_is_no_authority() {
    let site = Site::start().await;
    let tenant = site.variables["ENTRA_TENANT_ID"].clone();
    let at = format!("/{tenant}/v2.0/.well-known/openid-configuration");
    let server = web(vec![("GET", &at, metadata("https://elsewhere.example/v2.0"))]).await;
    let report = site.doctor_with("ENTRA_AUTHORITY_HOST", &server.uri()).await;
    report.assert_failed("authority", "got https://elsewhere.example/v2.0", "ENTRA_TENANT_ID");
}

#[tokio::test]
async fn a_clock_that_is_wrong_fails_and_one_that_strays_warns() {
    let site = Site::start().await;
    let report = at_authority(&site, Duration::HOUR, json!({"keys": []})).await;
    report.assert_failed("clock", "behind the authority's", "NTP");
    let report = at_authority(&site, -Duration::HOUR, json!({"keys": []})).await;
    report.assert_failed("clock", "ahead of the authority's", "NTP");
    let report = at_authority(&site, Duration::seconds(30), json!({"keys": []})).await;
    assert_eq!(report.status("clock"), "warning");
}

#[tokio::test]
async fn keys_that_are_missing_or_are_anothers_are_told_apart() {
    let site = Site::start().await;
    let keys = async |keys| at_authority(&site, Duration::ZERO, keys).await;
    keys(json!({"keys": []})).await.assert_failed("signing-keys", "no RSA signing key", "Entra ID's");
    keys(json!("rubbish")).await.assert_failed("signing-keys", "expected a key document", "ENTRA_TENANT_ID");
    // 256 bytes, of which the first is not zero.
    let modulus = format!("x{}", "A".repeat(341));
    let others = json!({"keys": [{"kty": "RSA", "kid": "key", "e": "AQAB", "n": modulus,
        "issuer": "https://elsewhere.example/v2.0"}]});
    keys(others).await.assert_failed("signing-keys", "none of the 1 keys", "ENTRA_TENANT_ID");
}

#[tokio::test]
async fn a_secret_that_is_wrong_is_told_from_an_application_that_is_not_known() {
    let site = Site::start().await;
    let report = site.doctor_with("ENTRA_CLIENT_SECRET", "wrong").await;
    report.assert_only("credential", "AADSTS7000215", "put the secret's value, not its id");
    let report = site.doctor_with("ENTRA_CLIENT_ID", "aaaabbbb-0000-4000-8000-000000000009").await;
    report.assert_only("credential", "AADSTS700016", "check ENTRA_CLIENT_ID");
}

#[tokio::test]
async fn a_credential_that_cannot_be_read_is_told_without_asking_entra() {
    let site = Site::start().await;
    let mut variables = site.with("ENTRA_CREDENTIAL", "certificate");
    variables.insert("ENTRA_CLIENT_CERTIFICATE_FILE", "no-such-file.pem".to_owned());
    let report = crate::doctor(&variables, &[]).await;
    report.assert_only("credential", "no-such-file.pem", "docs/configuration.md");
}

#[tokio::test]
async fn a_graph_that_is_not_there_or_is_something_else_fails() {
    let site = Site::start().await;
    let report = site.doctor_with("GRAPH_BASE_URL", &nowhere().await).await;
    report.assert_only("graph", "the connection failed", "GRAPH_BASE_URL");
    let open = web(vec![("GET", "/v1.0/me", ResponseTemplate::new(200))]).await;
    let report = site.doctor_with("GRAPH_BASE_URL", &format!("{}/v1.0", open.uri())).await;
    report.assert_only("graph", "expected HTTP 401 without a token, got 200", "GRAPH_BASE_URL");
    let down = web(vec![("GET", "/v1.0/me", ResponseTemplate::new(503))]).await;
    let report = site.doctor_with("GRAPH_BASE_URL", &format!("{}/v1.0", down.uri())).await;
    report.assert_only("graph", "HTTP 503", "passes by itself");
}
