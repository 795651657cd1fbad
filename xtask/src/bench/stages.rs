//! The stages of a request, with criterion, in the crates that they belong to.

use std::path::Path;

use super::attached;
use crate::run::{Run, StepResult};

/// Packages and their benches.
const BENCHES: [(&str, &str); 5] = [
    ("entra", "validation"),
    ("msal-cache", "cache"),
    ("sealing", "blob"),
    ("domain", "profile"),
    ("profile-api", "handler"),
];

/// Each bench once, those named so; one after the other, as cargo runs them.
pub(super) fn measure(root: &Path, filter: Option<&str>) -> StepResult {
    let run = Run::open(root, "bench-stages")?;
    for (package, bench) in BENCHES {
        let mut command = run.cargo(["bench", "--locked", "--profile", "fast", "--package", package]);
        command.args(["--bench", bench, "--"]).args(filter);
        attached(command)?;
    }
    Ok(())
}
