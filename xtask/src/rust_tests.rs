//! The Rust tests: compiled once for the whole workspace, so that cargo resolves features once.

use std::collections::BTreeSet;
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
        let arguments = ["nextest", "run", "--locked", "--workspace", "--all-targets", "--no-fail-fast"];
        // What a failing test printed comes last, where a reader of the log's end finds it.
        run.execute(run.cargo(arguments.into_iter().chain(["--failure-output", "final"])))
            .map_err(|stop| with_failing_tests(stop, &run.log_text()))?;
    } else {
        run.execute(run.cargo(["test", "--locked", "--workspace", "--all-targets", "--no-fail-fast"]))?;
    }
    run.execute(run.cargo(["test", "--locked", "--workspace", "--doc"]))
}

/// Names the tests that nextest lists as not passed, so that the table of steps says which.
fn with_failing_tests(stop: Stop, log: &str) -> Stop {
    let after_summary = log.lines().skip_while(|line| !line.trim_start().starts_with("Summary [")).skip(1);
    let names: BTreeSet<&str> = after_summary.filter_map(failing_test).collect();
    match stop {
        Stop::Failed(reason) if !names.is_empty() => {
            failed(format!("{reason}: {}", names.into_iter().collect::<Vec<_>>().join(", ")))
        }
        other => other,
    }
}

/// The test of a line like `FAIL [   0.145s] (1267/1314) xtask::threat_model every_control_names_a_test`.
fn failing_test(line: &str) -> Option<&str> {
    let (verdict, rest) = line.trim_start().split_once(" [")?;
    let (_, test) = rest.split_once("s] (")?.1.split_once(") ")?;
    let is_verdict =
        verdict.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || "- ".contains(c));
    (is_verdict && !verdict.is_empty()).then_some(test.trim())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failing_tests_are_named_in_the_reason() {
        let log = "        PASS [   0.005s] (   1/1314) wiring runtime::one_thread\n\
            \x20       FAIL [   0.145s] (   2/1314) xtask::it said_before_the_summary\n\
            ────────────\n\
            \x20    Summary [ 247.336s] 1314 tests run: 1312 passed (1 slow), 2 failed, 0 skipped\n\
            \x20       FAIL [   0.145s] (1267/1314) xtask::threat_model every_control_names_a_test\n\
            \x20 stdout ───\n\
            \x20   thread 'a' panicked [  1s] (x) no name\n\
            \x20    SIGABRT [  12.001s] (  33/1314) e2e::it outages::graph_is_slow\n\
            error: test run failed\n";
        let stop = with_failing_tests(failed("`cargo nextest run`: exit status: 100"), log);
        let expected = "`cargo nextest run`: exit status: 100: e2e::it outages::graph_is_slow, \
            xtask::threat_model every_control_names_a_test";
        assert_eq!(stop, failed(expected));
    }

    #[test]
    fn without_such_a_list_the_reason_stays_as_it_was() {
        let log = "error: could not compile `domain`\n";
        assert_eq!(with_failing_tests(failed("exit status: 101"), log), failed("exit status: 101"));
    }
}
