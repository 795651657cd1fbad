//! The report as a whole: what succeeds, how it is written, and that no failure hides another.

use crate::servers::nowhere;
use crate::{Report, Site, doctor, setup};
use std::collections::BTreeMap;

impl Site {
    /// Everything there is to check.
    pub(crate) fn outside(&self) -> [String; 4] {
        let addresses = self.stack.addresses();
        ["--api-url", &addresses.api, "--page-url", &addresses.page].map(str::to_owned)
    }
}

#[tokio::test]
async fn a_deployment_that_works_fails_no_check() {
    let site = Site::start().await;
    let outside = site.outside();
    let report = doctor(&site.variables, &outside.each_ref().map(String::as_str)).await;
    let statuses: BTreeMap<&str, &str> = report
        .findings
        .iter()
        .map(|finding| (finding["check"].as_str().unwrap(), finding["status"].as_str().unwrap()))
        .collect();
    let expected = [
        ("api-challenge", "ok"),
        ("api-cors", "ok"),
        ("api-health", "ok"),
        ("authority", "ok"),
        ("clock", "ok"),
        ("credential", "ok"),
        ("event-bus", "skipped"),
        ("graph", "ok"),
        ("index-access", "ok"),
        ("page-config", "ok"),
        ("sealing-key", "ok"),
        ("settings", "ok"),
        ("signing-keys", "ok"),
        ("table", "ok"),
        ("table-access", "ok"),
        ("table-billing", "ok"),
        // A table on this machine has neither.
        ("table-deletion", "warning"),
        ("table-indexes", "ok"),
        ("table-recovery", "skipped"),
    ];
    assert_eq!(statuses, expected.into(), "{:#?}", report.findings);
    assert!(report.succeeded);
}

#[tokio::test]
async fn settings_that_are_missing_are_named_one_by_one_and_the_outside_is_checked_all_the_same() {
    let site = Site::start().await;
    let mut variables = site.variables.clone();
    variables.remove("TABLE_NAME");
    variables.insert("ENTRA_CLIENT_ID", "api://not-a-guid".to_owned());
    let outside = site.outside();
    let report = doctor(&variables, &outside.each_ref().map(String::as_str)).await;
    assert_eq!(report.failed(), ["settings", "settings"], "{:#?}", report.findings);
    let details: Vec<&str> =
        report.findings.iter().take(2).map(|finding| finding["detail"].as_str().unwrap()).collect();
    assert!(details[0].starts_with("ENTRA_CLIENT_ID: expected a client id (GUID)"), "{details:?}");
    assert!(details[1].starts_with("TABLE_NAME: is required"), "{details:?}");
    assert_eq!((report.status("credential"), report.status("api-health")), ("skipped", "ok"));
    assert!(!report.succeeded);
}

#[tokio::test]
async fn the_sweeps_settings_are_enough_to_check_the_rest() {
    let site = Site::start().await;
    let mut variables = site.variables.clone();
    variables.remove("ENTRA_ALLOWED_CLIENTS");
    let report = doctor(&variables, &[]).await;
    report.assert_only("settings", "ENTRA_ALLOWED_CLIENTS", "docs/configuration.md");
    assert_eq!(report.status("credential"), "ok");
}

#[tokio::test]
async fn settings_come_from_a_file_and_the_process_goes_first() {
    let site = Site::start().await;
    let file = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("doctor.env");
    let lines: Vec<String> = site.variables.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
    std::fs::write(&file, lines.concat()).unwrap();
    let path = file.to_str().unwrap();
    let report = doctor(&BTreeMap::new(), &["--env-file", path]).await;
    assert!(report.succeeded, "{:#?}", report.findings);
    let table = BTreeMap::from([("TABLE_NAME", "another".to_owned())]);
    let report = doctor(&table, &["--env-file", path]).await;
    report.assert_failed("table", "does not exist", "template.yaml");
    let report = doctor(&BTreeMap::new(), &["--env-file", "no-such-file"]).await;
    report.assert_only("settings", "no-such-file", "--env-file");
}

#[tokio::test]
async fn everything_that_fails_is_told_at_once() {
    let site = Site::start().await;
    let nowhere = nowhere().await;
    let mut variables = site.with("ENTRA_AUTHORITY_HOST", &nowhere);
    variables.insert("GRAPH_BASE_URL", format!("{nowhere}/v1.0"));
    variables.insert("AWS_ENDPOINT_URL_DYNAMODB", nowhere.clone());
    let report = doctor(&variables, &["--api-url", &nowhere, "--page-url", "http://other.localhost:1"]).await;
    assert_eq!(
        report.failed(),
        [
            "authority",
            "signing-keys",
            "credential",
            "graph",
            "table",
            "table-access",
            "index-access",
            "api-health",
            "api-cors",
            "api-challenge",
            "page-config"
        ]
    );
    assert_eq!((report.status("clock"), report.status("sealing-key")), ("skipped", "ok"));
}

#[tokio::test]
async fn a_program_gets_plain_lines_each_with_its_fix_and_no_secret() {
    let site = Site::start().await;
    let secret = "the-wrong-secret-of-a-test";
    let ran = setup(&["doctor"], &site.with("ENTRA_CLIENT_SECRET", secret)).await;
    assert!(!ran.succeeded && !ran.output.contains('\u{1b}'), "{ran:?}");
    let line = ran.output.lines().find(|line| line.starts_with("fail")).unwrap();
    assert!(line.contains("credential") && line.contains("; fix: the client secret is wrong"), "{line}");
    assert!(ran.output.trim_end().ends_with("warn 1, fail 1, skip 4"), "{}", ran.output);
    assert!(!ran.output.contains(secret) && !ran.errors.contains(secret));
    assert!(!ran.output.contains(&site.variables["SEALING_LOCAL_KEY"]));
}

#[tokio::test]
async fn a_check_without_an_outcome_in_time_fails() {
    let site = Site::start().await;
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/v1.0", silent.local_addr().unwrap());
    let ran = setup(&["doctor", "--json", "--timeout", "1"], &site.with("GRAPH_BASE_URL", &address)).await;
    Report::of(&ran).assert_failed("graph", "no outcome within 1 seconds", "--timeout");
}
