//! `doctor` against a deployment that works, and against one with a single thing wrong at a time.

#![cfg(test)]

#[path = "../support/mod.rs"]
mod support;

mod api_and_page;
mod authority;
mod aws;
mod report;
mod servers;

use serde_json::Value;
use std::collections::BTreeMap;
use support::{Ran, Site, setup};

/// The report by check.
struct Report {
    succeeded: bool,
    findings: Vec<Value>,
}

impl Report {
    fn of(ran: &Ran) -> Self {
        let json: Value = serde_json::from_str(&ran.output).unwrap_or_else(|_| unreachable!("{ran:?}"));
        let findings = json["findings"].as_array().unwrap().clone();
        Self { succeeded: ran.succeeded, findings }
    }

    fn find(&self, check: &str) -> &Value {
        let found = self.findings.iter().find(|finding| finding["check"] == check);
        found.unwrap_or_else(|| unreachable!("no {check} in {:?}", self.findings))
    }

    fn status(&self, check: &str) -> &str {
        self.find(check)["status"].as_str().unwrap()
    }

    fn failed(&self) -> Vec<&str> {
        let failed = self.findings.iter().filter(|finding| finding["status"] == "failed");
        failed.map(|finding| finding["check"].as_str().unwrap()).collect()
    }

    /// That this check alone failed, and says this much and what to do.
    #[track_caller]
    fn assert_only(&self, check: &str, detail: &str, fix: &str) {
        assert_eq!(self.failed(), [check], "{:#?}", self.findings);
        self.assert_failed(check, detail, fix);
    }

    #[track_caller]
    fn assert_failed(&self, check: &str, detail: &str, fix: &str) {
        let finding = self.find(check);
        assert_eq!(finding["status"], "failed", "{finding}");
        assert!(finding["detail"].as_str().unwrap().contains(detail), "{finding}");
        assert!(finding["fix"].as_str().unwrap().contains(fix), "{finding}");
        assert!(!self.succeeded);
    }
}

async fn doctor(variables: &BTreeMap<&'static str, String>, more: &[&str]) -> Report {
    Report::of(&setup(&[&["doctor", "--json"], more].concat(), variables).await)
}

impl Site {
    async fn doctor_with(&self, name: &'static str, value: &str) -> Report {
        doctor(&self.with(name, value), &[]).await
    }
}
