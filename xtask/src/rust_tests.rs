//! The Rust tests: compiled once for the whole workspace, so that cargo resolves features once.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::install::{dynamodb_local, find_program, python_tool};
use crate::run::{Run, StepResult, Stop, fail_to, failed};
use crate::services;

/// Where `build` leaves the list of test programs: one `package<TAB>path` per line.
const PROGRAMS: &str = "target/xtask/test-programs";
const HOSTILE_TOKENS: &str =
    "hostile_tokens::every_hostile_token_is_refused_for_its_own_reason_and_causes_nothing";

/// Compiles libraries, programs and tests together. Separate calls would resolve other features for shared
/// dependencies and compile them again.
pub(crate) fn build(run: &mut Run) -> StepResult {
    let format = "--message-format=json-render-diagnostics";
    let answer = run.output(run.cargo(["build", "--locked", "--workspace", "--all-targets", format]))?;
    let mut programs = Vec::new();
    for message in answer.lines() {
        let message: Value = serde_json::from_str(message).map_err(fail_to("read cargo's messages"))?;
        if let (true, Some(program), Some(manifest)) = (
            message["profile"]["test"] == true,
            message["executable"].as_str(),
            message["manifest_path"].as_str(),
        ) {
            programs.push(format!("{manifest}\t{program}\n"));
        }
    }
    fs::write(run.path(PROGRAMS), programs.concat()).map_err(fail_to(format!("write {PROGRAMS}")))
}

/// Every test, with nextest where it is installed; documentation tests with cargo, which alone can run them.
pub(crate) fn run(run: &mut Run) -> StepResult {
    if find_program(&["cargo-nextest"]).is_some() {
        run.execute(run.cargo([
            "nextest",
            "run",
            "--locked",
            "--workspace",
            "--all-targets",
            "--no-fail-fast",
        ]))?;
    } else {
        run.execute(run.cargo(["test", "--locked", "--workspace", "--all-targets", "--no-fail-fast"]))?;
    }
    run.execute(run.cargo(["test", "--locked", "--workspace", "--doc"]))
}

/// The store's tests, and what use cases cost in it, once more, against Amazon's own implementation.
pub(crate) fn store_on_dynamodb_local(run: &mut Run) -> StepResult {
    if find_program(&["java"]).is_none() {
        return Err(Stop::Skipped("`java` is not installed: install a Java runtime, 17 or later".to_owned()));
    }
    dynamodb_local(run)?;
    let (_service, url) = services::dynamodb_local(run)?;
    again(run, "shared/store-dynamodb", "", "DYNAMODB_LOCAL_ENDPOINT", &url)?;
    again(run, "local/e2e", "costs::on_amazons_dynamodb_local", "DYNAMODB_LOCAL_ENDPOINT", &url)
}

/// The tests of sealing, and of what puts it together, once more, with a KMS.
pub(crate) fn sealing_on_moto(run: &mut Run) -> StepResult {
    let (_service, url) = services::moto(run)?;
    again(run, "shared/sealing", "", "MOTO_ENDPOINT", &url)?;
    again(run, "shared/wiring", "", "MOTO_ENDPOINT", &url)
}

/// Tokens of `PyJWT`, joserfc and cryptography that must be refused, one by one against the API.
pub(crate) fn hostile_tokens(run: &mut Run) -> StepResult {
    let python = python_tool(run, "python").get_program().to_owned();
    let mut command = system_test(run, HOSTILE_TOKENS)?;
    // What fails is said to standard error, which goes to the log.
    command.arg("--nocapture").env("HOSTILE_TOKENS_PYTHON", python);
    passes_one(run, command, HOSTILE_TOKENS)
}

/// A whole-system test by its full name, which does nothing until the variables that it waits for are set.
pub(crate) fn system_test(run: &Run, name: &str) -> Result<Command, Stop> {
    let programs = programs_of(run, "local/e2e")?;
    let is_it = |program: &&String| {
        Path::new(program).file_name().is_some_and(|name| name.to_string_lossy().starts_with("it-"))
    };
    let program = programs.iter().find(is_it).ok_or_else(|| failed("local/e2e has no test program `it`"))?;
    let folder = run.path("local/e2e");
    let mut command = run.command(program);
    command.args(["--exact", name]).current_dir(&folder).env("CARGO_MANIFEST_DIR", folder);
    Ok(command)
}

/// Runs a [`system_test`]; one that was renamed would pass without having run.
pub(crate) fn passes_one(run: &mut Run, command: Command, name: &str) -> StepResult {
    if run.output(command)?.contains("1 passed") {
        Ok(())
    } else {
        Err(failed(format!("expected the test {name}, got none of this name")))
    }
}

/// The tests of a package once more, those whose names contain `filter`, with a variable that names a server.
fn again(run: &mut Run, package: &str, filter: &str, variable: &str, url: &str) -> StepResult {
    let folder = run.path(package);
    for program in programs_of(run, package)? {
        let mut command = run.command(program);
        command.arg(filter).current_dir(&folder).env(variable, url).env("CARGO_MANIFEST_DIR", &folder);
        run.execute(command)?;
    }
    Ok(())
}

/// The test programs of a package, as `build` left them.
///
/// # Errors
/// `Failed` when there are none.
pub(crate) fn programs_of(run: &Run, package: &str) -> Result<Vec<String>, Stop> {
    let list = fs::read_to_string(run.path(PROGRAMS)).map_err(fail_to(format!("read {PROGRAMS}")))?;
    let manifest = run.path(package).join("Cargo.toml");
    let programs: Vec<String> = list
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .filter(|(of, _)| manifest.as_os_str() == *of)
        .map(|(_, program)| program.to_owned())
        .collect();
    if programs.is_empty() { Err(failed(format!("{package} has no tests"))) } else { Ok(programs) }
}
