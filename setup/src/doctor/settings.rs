//! The functions' settings, read as they read them.

use super::finding::Finding;
use wiring::{Config, Environment, Function};

const SETTINGS: &str = "settings";

pub(super) struct Settings {
    pub(super) findings: Vec<Finding>,
    /// The API's, or those of the sweep, which needs less; `None` if neither could start.
    pub(super) config: Option<Config>,
}

/// Each problem once, although both functions have it.
pub(super) fn read(environment: &Environment) -> Settings {
    let of = |function| Config::read(environment, function);
    let (api, sweep) = (of(Function::ProfileApi), of(Function::BackgroundSweep));
    let mut problems: Vec<String> = Vec::new();
    for error in [api.as_ref().err(), sweep.as_ref().err()].into_iter().flatten() {
        for problem in &error.problems {
            if !problems.contains(problem) {
                problems.push(problem.clone());
            }
        }
    }
    let fix = "set it in the function's configuration or in the file of --env-file (docs/configuration.md)";
    let mut findings: Vec<Finding> =
        problems.into_iter().map(|problem| Finding::failed(SETTINGS, problem, fix)).collect();
    if findings.is_empty() {
        findings.push(Finding::ok(SETTINGS, "complete, for the API and for the sweep"));
    }
    Settings { findings, config: api.or(sweep).ok() }
}
