//! Measurements. The bench crate measures; this builds what it needs and starts it.

mod jobs;
mod stages;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::console::Console;
use crate::process::Group;
use crate::run::{Run, StepResult, Stop, fail_to, failed};

/// The longest that a measurement may take.
const LIMIT: Duration = Duration::from_hours(12);

/// What is deployed, as cargo-lambda and SAM build it.
const FUNCTIONS: [&str; 2] = ["profile-api", "background-sweep"];

/// The least that answers.
const HELLO: &str = "bench-hello";

/// The calls of the product's requests, and nothing besides.
const CALLS: &str = "bench-calls";

/// Measures and prints; nothing fails because of what was measured.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub(crate) struct Bench {
    #[command(subcommand)]
    which: Option<Which>,
    #[command(flatten)]
    all: All,
}

#[derive(Args)]
struct All {
    /// One round with little in it, to see whether everything works. Writes no bench/RESULTS.md.
    #[arg(long)]
    quick: bool,
}

#[derive(Subcommand)]
enum Which {
    /// Requests, sweeps, starts, memory, size and table units, each beside MSAL Node and MSAL Python; writes bench/RESULTS.md.
    ///
    /// What is run when nothing else is named.
    All(All),
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
    /// Starts: size of each program and of its zip, time to the first request for an invocation and to the first answer, beside
    /// those of a bare `lambda_http` program.
    ColdStart {
        /// Starts of each program.
        #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        runs: u32,
    },
    /// What a warm request and a swept account cost, by the number of items in the table; writes docs/performance-scale.svg.
    Scale {
        /// Accounts beside those that are measured, two items each.
        #[arg(long, value_delimiter = ',', default_value = "1,10,100,1000,10000,100000,500000",
            value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
        accounts: Vec<u32>,
    },
    /// The stages of a warm request, one by one, with criterion.
    Stages {
        /// Only those whose name contains this.
        filter: Option<String>,
    },
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask bench                                       a quarter of an hour, half of it for building
  cargo xtask bench --quick                               two minutes, once everything is built
  cargo xtask bench cold-start                            sizes and starts: a minute, once everything is built
  cargo xtask bench stages seal                           the stages whose name contains `seal`
  cargo xtask bench scale --accounts 1,1000,100000

docs/performance.md says how each is measured.";

const SWEEP_EXAMPLES: &str = "\
Examples:
  cargo xtask bench sweep                                 1,000, 10,000 and 100,000 accounts: half an hour
  cargo xtask bench sweep --accounts 1000,10000           two minutes
  cargo xtask bench sweep --accounts 1000,100000 --runs 3

What is promised: a worker's memory within 20 MB from 1,000 to 100,000 accounts, and the time per account at 100,000 at most 1.2
times that at 1,000. The figures of each run are written to target/bench/sweep.json. Progress goes to standard error.";

/// Builds what is needed and measures, with the output on the terminal.
pub(crate) fn bench(root: &Path, console: &Console, bench: &Bench) -> ExitCode {
    let measured = match &bench.which {
        None => jobs::compare(root, bench.all.quick),
        Some(Which::All(all)) => jobs::compare(root, all.quick),
        Some(Which::Sweep { accounts, runs }) => sweep(root, accounts, *runs),
        Some(Which::ColdStart { runs }) => jobs::cold_start(root, *runs),
        Some(Which::Scale { accounts }) => jobs::scale(root, accounts),
        Some(Which::Stages { filter }) => stages::measure(root, filter.as_deref()),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Failed(reason) | Stop::Skipped(reason)) => {
            console.line(&reason);
            ExitCode::FAILURE
        }
    }
}

fn sweep(root: &Path, accounts: &[u32], runs: Option<u32>) -> StepResult {
    let run = Run::open(root, "bench")?;
    attached(run.cargo(build("fast", &["bench", "background-sweep"])))?;
    let mut command = run.command(run.path("target/fast/bench"));
    command.args(["sweep", "--accounts", &list(accounts)]);
    command.arg("--worker").arg(run.path("target/fast/background-sweep"));
    command.arg("--folder").arg(run.path("target/bench"));
    if let Some(runs) = runs {
        command.args(["--runs", &runs.to_string()]);
    }
    attached(command)
}

/// The functions as they are deployed, the bare programs that they are compared with, and the program that measures all of them.
fn build_all(run: &Run, bare: &[&str]) -> StepResult {
    attached(run.cargo(build("release", &[&FUNCTIONS, bare].concat())))?;
    attached(run.cargo(build("fast", &["bench"])))
}

fn build(profile: &str, packages: &[&str]) -> Vec<String> {
    let mut arguments: Vec<String> =
        ["build", "--locked", "--profile", profile].iter().map(|argument| (*argument).to_owned()).collect();
    arguments.extend(packages.iter().flat_map(|package| ["--package".to_owned(), (*package).to_owned()]));
    arguments
}

/// A program as it is deployed.
fn deployed(run: &Run, name: &str) -> PathBuf {
    run.path("target/release").join(name)
}

fn list(numbers: &[u32]) -> String {
    let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
    numbers.join(",")
}

/// Runs a command whose output goes where this program's does.
fn attached(command: Command) -> StepResult {
    let mut group = Group::start(command).map_err(fail_to("start the measurement"))?;
    match group.wait(LIMIT).map_err(fail_to("wait for the measurement"))? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(failed(format!("bench: {status}"))),
        None => Err(failed("bench: ended after 12 hours")),
    }
}
