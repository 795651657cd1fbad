//! The report: a line per finding, in colours where somebody looks, or JSON.

use super::finding::{Finding, Status};
use anstyle::{AnsiColor, Style};
use serde::Serialize;

#[derive(Debug, Clone, Serialize)]
pub(super) struct Report {
    pub(super) findings: Vec<Finding>,
    pub(super) failed: usize,
    pub(super) warnings: usize,
}

impl Report {
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        let count = |status| findings.iter().filter(|finding| finding.status == status).count();
        Self { failed: count(Status::Failed), warnings: count(Status::Warning), findings }
    }

    /// Nothing failed. Warnings and what was not checked do not count.
    pub(super) fn is_good(&self) -> bool {
        self.failed == 0
    }

    /// To standard output, whose colours are left out where no terminal or `NO_COLOR` is.
    pub(super) fn print(&self, json: bool) {
        if json {
            let text = serde_json::to_string_pretty(self).expect("texts and numbers are always JSON");
            anstream::println!("{text}");
            return;
        }
        let width = self.findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
        for finding in &self.findings {
            anstream::println!("{}", line(finding, width));
        }
        let ok = self.findings.iter().filter(|finding| finding.status == Status::Ok).count();
        let rest = self.findings.len() - ok - self.failed - self.warnings;
        anstream::println!("ok {ok}, warn {}, fail {}, skip {rest}", self.warnings, self.failed);
    }
}

/// With colours; whoever prints it takes them off.
fn line(finding: &Finding, width: usize) -> String {
    let colour = match finding.status {
        Status::Ok => AnsiColor::Green.on_default(),
        Status::Warning => AnsiColor::Yellow.on_default(),
        Status::Failed => AnsiColor::Red.on_default().bold(),
        Status::Skipped => Style::new().dimmed(),
    };
    let fix = finding.fix.as_ref().map(|fix| format!("; fix: {fix}")).unwrap_or_default();
    let (check, status, detail) = (finding.check, finding.status.name(), &finding.detail);
    format!("{colour}{status:<4}{colour:#}  {check:<width$}  {detail}{fix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_no_failure() {
        let ok = Finding::ok("one", "fine");
        let warning = Finding::warning("two", "so so", "see to it");
        let skipped = Finding::skipped("three", "not asked for");
        assert!(Report::new(vec![ok, warning.clone(), skipped]).is_good());
        assert!(!Report::new(vec![warning, Finding::failed("four", "bad", "mend it")]).is_good());
    }

    #[test]
    fn a_finding_is_one_line_with_its_fix() {
        let line = line(&Finding::failed("table", "not there", "make it"), 8);
        assert_eq!(
            anstream::adapter::strip_str(&line).to_string(),
            "fail  table     not there; fix: make it"
        );
    }
}
