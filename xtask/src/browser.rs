//! Real clients of the local stack: Chromium with MSAL.js, MSAL Python, MSAL Node.

use std::fs;

use crate::install::{self, chromium, python_tool};
use crate::run::{Run, StepResult, fail_to};
use crate::services::{self, Page};

/// Signs in, calls the API and watches the sweep in a real browser, on a stack of its own.
pub(crate) fn journeys(run: &mut Run) -> StepResult {
    let chromium = chromium(run)?;
    let screenshots = run.path("target/xtask/screenshots");
    fs::create_dir_all(&screenshots).map_err(fail_to(format!("create {}", screenshots.display())))?;
    let stack = services::stack(run, Page::With)?;
    let mut command = run.command("npm");
    command.args(["run", "--silent", "e2e"]).current_dir(run.path("spa"));
    command
        .env("STACK_PAGE_URL", &stack.page)
        .env("STACK_API_URL", &stack.api)
        .env("STACK_ACCOUNTS_URL", &stack.accounts)
        .env("STACK_EMULATOR_URL", &stack.emulator)
        .env("STACK_CONTROL_URL", &stack.control)
        .env("CHROMIUM", chromium)
        .env("E2E_SCREENSHOTS", screenshots);
    run.execute(command)
}

/// On-Behalf-Of and silent refresh through MSAL Python.
pub(crate) fn msal_python(run: &mut Run) -> StepResult {
    let (_emulator, url) = services::emulator(run)?;
    let mut command = python_tool(run, "python");
    command
        .args(["-m", "pytest", "-p", "no:cacheprovider", "local/e2e/python"])
        .env("STACK_EMULATOR_URL", url);
    run.execute(command)
}

/// On-Behalf-Of and silent refresh through MSAL Node.
pub(crate) fn msal_node(run: &mut Run) -> StepResult {
    install::npm_packages(run, "local/e2e/node")?;
    let (_emulator, url) = services::emulator(run)?;
    let mut command = run.command("node");
    command.arg("--test").current_dir(run.path("local/e2e/node")).env("STACK_EMULATOR_URL", url);
    run.execute(command)
}
