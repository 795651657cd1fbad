//! The product beside its peers, and the product by the size of its table.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{CALLS, HELLO, attached, build_all, deployed, list};
use crate::install::{find_program, npm_packages, python_environment};
use crate::run::{Run, StepResult, fail_to, failed};

const PEERS: &str = "bench/peers";

/// Everything of `bench/RESULTS.md`. A peer whose language is not installed is left out, with a word.
pub(super) fn compare(root: &Path, quick: bool) -> StepResult {
    let mut run = Run::open(root, "bench")?;
    build_all(&run, &[HELLO, CALLS])?;
    let mut command = of_deployed(&run, "jobs");
    command.arg("--calls").arg(deployed(&run, CALLS));
    command.arg("--peers").arg(run.path(PEERS));
    match node(&mut run) {
        Ok(node) => {
            command.arg("--node").arg(node);
        }
        Err(stop) => eprintln!("without MSAL Node: {stop:?}"),
    }
    match python(&mut run) {
        Ok((python, packages)) => {
            command.arg("--python").arg(python).arg("--python-packages").arg(packages);
        }
        Err(stop) => eprintln!("without MSAL Python: {stop:?}"),
    }
    let folder = run.path("target/bench");
    let results = if quick { folder.join("RESULTS.md") } else { run.path("bench/RESULTS.md") };
    command.arg("--folder").arg(folder).arg("--results").arg(results);
    if quick {
        command.arg("--quick");
    }
    attached(command)
}

/// Sizes and starts, without peers.
pub(super) fn cold_start(root: &Path, runs: u32) -> StepResult {
    let run = Run::open(root, "bench")?;
    build_all(&run, &[HELLO])?;
    let mut command = of_deployed(&run, "starts");
    command.arg("--folder").arg(run.path("target/bench"));
    command.args(["--runs", &runs.to_string()]);
    attached(command)
}

/// A measurement of all that is deployed and of the bare program.
fn of_deployed(run: &Run, measurement: &str) -> Command {
    let mut command = run.command(run.path("target/fast/bench"));
    command.arg(measurement);
    for (option, name) in [("--api", "profile-api"), ("--sweep", "background-sweep"), ("--hello", HELLO)] {
        command.arg(option).arg(deployed(run, name));
    }
    command
}

/// Cost per request and per account, by the number of items.
pub(super) fn scale(root: &Path, accounts: &[u32]) -> StepResult {
    let run = Run::open(root, "bench")?;
    build_all(&run, &[])?;
    let mut command = run.command(run.path("target/fast/bench"));
    command.args(["scale", "--accounts", &list(accounts)]);
    command.arg("--api").arg(deployed(&run, "profile-api"));
    command.arg("--sweep").arg(deployed(&run, "background-sweep"));
    command.arg("--folder").arg(run.path("target/bench"));
    command.arg("--curve").arg(run.path("docs/performance-scale.svg"));
    attached(command)
}

/// Node, with the peer's packages installed.
fn node(run: &mut Run) -> Result<PathBuf, crate::run::Stop> {
    npm_packages(run, "bench/peers/node")?;
    find_program(&["node"]).ok_or_else(|| failed("`node` is not installed"))
}

/// A Python with the peer's packages, and the folder that they are in.
fn python(run: &mut Run) -> Result<(PathBuf, PathBuf), crate::run::Stop> {
    let environment = run.path("target/bench/python");
    python_environment(run, &environment, "bench/peers/python/requirements.txt")?;
    let python = environment.join("bin/python");
    let mut ask = run.command(&python);
    ask.args(["-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]);
    let packages = PathBuf::from(run.output(ask)?.trim());
    if packages.is_dir() {
        return Ok((python, packages));
    }
    Err(fail_to("find the packages of the peer in Python")(packages.display()))
}
