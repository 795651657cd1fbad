//! The API's contract, `openapi.yaml`, against the running API.

use crate::install::python_tool;
use crate::run::{Run, StepResult};
use crate::services::{self, Page};

/// schemathesis with all its checks, and requests that no HTTP client would send.
pub(crate) fn schemathesis(run: &mut Run) -> StepResult {
    let stack = services::stack(run, Page::Without)?;
    let mut command = python_tool(run, "python");
    command.args([
        "-m",
        "pytest",
        "--tb=short",
        "-p",
        "no:cacheprovider",
        "local/e2e/python/openapi/contract.py",
    ]);
    command.env("STACK_API_URL", &stack.api).env("STACK_EMULATOR_URL", &stack.emulator);
    run.execute(command)
}
