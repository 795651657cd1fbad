//! `cargo xtask bench`: measurements of the product on this machine.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::console::Console;
use crate::process::Group;
use crate::run::{Run, StepResult, Stop, fail_to, failed};

/// The longest that a measurement may take.
const LIMIT: Duration = Duration::from_hours(12);

/// Measures and prints; nothing fails because of what was measured.
#[derive(Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    which: Which,
}

#[derive(Subcommand)]
enum Which {
    /// Memory of a worker of the sweep and its time per account, by the number of accounts.
    ///
    /// The worker is the deployed program in a process of its own; the embedded table on disk and the emulator are in another.
    /// Numbers of accounts are measured in turn and several times, so that a machine that becomes slower meanwhile does not pass
    /// for a product that does.
    #[command(after_help = SWEEP_EXAMPLES)]
    Sweep {
        /// Numbers of accounts.
        #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000",
            value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
        accounts: Vec<u32>,
        /// How often each is measured, instead of the oftener the fewer accounts: 5, 2 and 1 times.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
        runs: Option<u32>,
    },
}

const SWEEP_EXAMPLES: &str = "\
Examples:
  cargo xtask bench sweep                                 1,000, 10,000 and 100,000 accounts: half an hour
  cargo xtask bench sweep --accounts 1000,10000           two minutes
  cargo xtask bench sweep --accounts 1000,100000 --runs 3

What is promised: a worker's memory within 20 MB from 1,000 to 100,000 accounts, and the time per account at 100,000 at most 1.2
times that at 1,000. The figures of each run are written to target/bench/sweep.json. Progress goes to standard error.";

/// Builds what is needed and measures, with the output on the terminal.
pub(crate) fn bench(root: &Path, console: &Console, bench: &Bench) -> ExitCode {
    let Which::Sweep { accounts, runs } = &bench.which;
    match sweep(root, accounts, *runs) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Failed(reason) | Stop::Skipped(reason)) => {
            console.line(&reason);
            ExitCode::FAILURE
        }
    }
}

fn sweep(root: &Path, accounts: &[u32], runs: Option<u32>) -> StepResult {
    let run = Run::open(root, "bench")?;
    let build =
        ["build", "--locked", "--profile", "fast", "--package", "bench", "--package", "background-sweep"];
    attached(run.cargo(build))?;
    let mut command = run.command(run.path("target/fast/bench"));
    let accounts: Vec<String> = accounts.iter().map(u32::to_string).collect();
    command.args(["sweep", "--accounts", &accounts.join(",")]);
    command.arg("--worker").arg(run.path("target/fast/background-sweep"));
    command.arg("--folder").arg(run.path("target/bench"));
    if let Some(runs) = runs {
        command.args(["--runs", &runs.to_string()]);
    }
    attached(command)
}

/// Runs a command whose output goes where this program's does.
fn attached(command: std::process::Command) -> StepResult {
    let mut group = Group::start(command).map_err(fail_to("start the measurement"))?;
    match group.wait(LIMIT).map_err(fail_to("wait for the measurement"))? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(failed(format!("bench: {status}"))),
        None => Err(failed("bench: ended after 12 hours")),
    }
}
