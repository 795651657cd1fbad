//! The API and the page from outside.

use crate::servers::web;
use crate::{Report, Site, doctor};
use serde_json::json;
use wiremock::ResponseTemplate;

async fn at_api(site: &Site, api: &str) -> Report {
    doctor(&site.variables, &["--api-url", api]).await
}

fn healthy(version: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({"status": "ok", "version": version}))
}

fn challenging() -> ResponseTemplate {
    ResponseTemplate::new(401).insert_header("www-authenticate", "Bearer")
}

/// What a preflight answers a page of the site.
fn preflight(origin: &str, headers: &str) -> ResponseTemplate {
    ResponseTemplate::new(204)
        .insert_header("access-control-allow-origin", origin)
        .insert_header("access-control-allow-headers", headers)
}

#[tokio::test]
async fn an_api_that_is_not_there_or_does_not_start_is_told() {
    let site = Site::start().await;
    let other = web(Vec::new()).await;
    let report = at_api(&site, &other.uri()).await;
    report.assert_failed("api-health", "expected the API's health, got HTTP 404", "--api-url");
    let broken = web(vec![("GET", "/api/health", ResponseTemplate::new(500))]).await;
    let report = at_api(&site, &broken.uri()).await;
    report.assert_failed("api-health", "HTTP 500", "start.failed");
}

#[tokio::test]
async fn an_api_of_another_version_is_a_warning() {
    let site = Site::start().await;
    let other = web(vec![("GET", "/api/health", healthy("0.0.1"))]).await;
    let report = at_api(&site, &other.uri()).await;
    assert_eq!(report.status("api-health"), "warning");
}

#[tokio::test]
async fn a_page_that_may_not_call_the_api_is_told_why() {
    let site = Site::start().await;
    let api = site.stack.addresses().api.clone();
    let report =
        doctor(&site.variables, &["--api-url", &api, "--page-url", "http://other.localhost:1"]).await;
    report.assert_failed("api-cors", "http://other.localhost:1 may not call it", "CorsAllowedOrigins");
    let origin = site.stack.addresses().page.clone();
    for (answer, status, detail) in [
        (preflight(&origin, "Authorization"), "ok", "may call it"),
        (preflight("*", "authorization"), "warning", "any origin"),
        (preflight("https://other.example", "authorization"), "failed", "got https://other.example"),
        (preflight(&origin, "content-type"), "failed", "may not send a token"),
        (ResponseTemplate::new(403), "failed", "preflight: HTTP 403"),
    ] {
        let server = web(vec![("OPTIONS", "/api/profile", answer)]).await;
        let report = at_api(&site, &server.uri()).await;
        let finding = report.find("api-cors");
        assert_eq!(finding["status"], status, "{finding}");
        assert!(finding["detail"].as_str().unwrap().contains(detail), "{finding}");
    }
    let mut variables = site.variables.clone();
    variables.remove("CORS_ALLOWED_ORIGINS");
    assert_eq!(doctor(&variables, &["--api-url", &api]).await.status("api-cors"), "skipped");
    // One that is served where the API is needs no leave.
    let report = doctor(&variables, &["--api-url", &api, "--page-url", &format!("{api}/")]).await;
    assert_eq!(report.status("api-cors"), "ok");
}

#[tokio::test]
async fn an_api_that_is_open_fails_and_one_behind_an_authorizer_does_not() {
    let site = Site::start().await;
    for (answer, good, detail) in [
        (challenging(), true, "asks for one"),
        (ResponseTemplate::new(200).set_body_json(json!({})), false, "got 200"),
        (ResponseTemplate::new(401), false, "without a challenge"),
        (ResponseTemplate::new(500).set_body_json(json!({"code": "internal"})), false, "got 500 (internal)"),
    ] {
        let server = web(vec![("GET", "/api/profile", answer)]).await;
        let report = at_api(&site, &server.uri()).await;
        let finding = report.find("api-challenge");
        assert_eq!(finding["status"] == "ok", good, "{finding}");
        assert!(finding["detail"].as_str().unwrap().contains(detail), "{finding}");
    }
}

#[tokio::test]
async fn a_page_that_disagrees_with_the_settings_or_has_none_fails() {
    let site = Site::start().await;
    let page = site.stack.addresses().page.clone();
    let others = site.with("ENTRA_ALLOWED_CLIENTS", "aaaabbbb-0000-4000-8000-000000000009");
    let report = doctor(&others, &["--page-url", &page]).await;
    report.assert_only("page-config", "clientId: expected one of ENTRA_ALLOWED_CLIENTS", "config.json");
    let page_of_all_paths =
        web(vec![("GET", "/config.json", ResponseTemplate::new(200).set_body_string("<html>"))]).await;
    let report = doctor(&site.variables, &["--page-url", &page_of_all_paths.uri()]).await;
    report.assert_only("page-config", "expected config.json", "docs/deploy.md");
}
