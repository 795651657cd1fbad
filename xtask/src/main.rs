//! `cargo xtask …`: the checks and tests of this repository, the same for a developer and for CI.

mod bench;
mod browser;
mod console;
mod contract;
mod dependencies;
mod docker;
mod fuzz;
mod install;
mod interop;
mod lambda;
mod licences;
mod package;
mod process;
mod real_tenant;
mod run;
mod rust_tests;
mod sam_local;
mod schedule;
mod secrets;
mod services;
mod simulate;
mod soak;
mod steps;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::bench::Bench;
use crate::console::Console;
use crate::package::Package;
use crate::schedule::Report;
use crate::simulate::Simulate;
use crate::soak::Soak;
use crate::steps::{Group, STEPS, Step};

/// Checks and tests this repository.
///
/// Everything that is needed besides Rust, Node and Python is installed under target/tools on the first run.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask check                     formatting, lints, docs, dependency rules, types of the SPA
  cargo xtask test                      the checks and every test: what CI runs
  cargo xtask test --list               the steps and what each one does
  cargo xtask test --only browser       one step, and the steps it builds on
  cargo xtask test --only lambda-watch --alone
                                        that step only, on what an earlier run has built
  cargo xtask test --skip sam-build,lambda-deploy
                                        all but the slow release builds
  cargo xtask soak                      long runs that look for lost tokens
  cargo xtask soak sweep                a hundred thousand accounts, workers that are killed: no turn lost, none twice
  cargo xtask bench sweep               memory and time per account of the sweep, by the number of accounts
  cargo xtask package --unreleased      zip files of the functions, the page, checksums: target/package
  cargo xtask simulate sweep            how long sweeps of 10 k to 100 M accounts take, and what they cost

Each step's output is kept in target/xtask/logs. A step that cannot run here is \"skipped\", with the reason.";

#[derive(Subcommand)]
enum Command {
    /// Formatting, lints, docs, dependency rules, types and lints of the SPA.
    Check(Selection),
    /// The checks and every test. Ends with `N passed, N failed, N skipped`; exits 1 if a step failed.
    Test(Selection),
    /// Long runs that look for lost tokens and lost turns: strict rotation under faults, killed workers, large sweeps.
    Soak(Soak),
    /// Measurements on this machine.
    Bench(Bench),
    /// Both functions, the page and their checksums, as they are released.
    Package(Package),
    /// What cannot be tried on one machine, played in numbers: sweeps of up to 100 million accounts.
    Simulate(Simulate),
}

#[derive(Args)]
struct Selection {
    /// Run only these steps and those they build on.
    #[arg(long, value_name = "STEP", value_delimiter = ',', num_args = 1..)]
    only: Vec<String>,
    /// With --only: leave out what the steps build on, as left by an earlier run.
    #[arg(long, requires = "only")]
    alone: bool,
    /// Leave these steps out, and those that build on them.
    #[arg(long, value_name = "STEP", value_delimiter = ',', num_args = 1..)]
    skip: Vec<String>,
    /// Print the steps and what each one does, and run nothing.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let (group, selection) = match Cli::parse().command {
        Command::Check(selection) => (Group::Check, selection),
        Command::Test(selection) => (Group::Test, selection),
        Command::Soak(soak) => {
            process::stop_children_on_signals();
            return soak::soak(&workspace_root(), &Console::from_environment(), &soak);
        }
        Command::Bench(bench) => {
            process::stop_children_on_signals();
            return bench::bench(&workspace_root(), &Console::from_environment(), &bench);
        }
        Command::Package(package) => {
            process::stop_children_on_signals();
            return package::package(&workspace_root(), &Console::from_environment(), &package);
        }
        Command::Simulate(simulate) => return simulate::simulate(&Console::from_environment(), &simulate),
    };
    let console = Console::from_environment();
    let steps = match steps::select(STEPS, group, &selection.only, selection.alone, &selection.skip) {
        Ok(steps) => steps,
        Err(unknown) => {
            console.line(&format!("unknown step `{unknown}`; `cargo xtask test --list` prints them all"));
            return ExitCode::from(2);
        }
    };
    if selection.list {
        list(&console, &steps);
        return ExitCode::SUCCESS;
    }
    process::stop_children_on_signals();
    let report = schedule::run(&steps, &workspace_root(), &console);
    finish(&console, &report)
}

fn list(console: &Console, steps: &[&'static Step]) {
    for step in steps {
        let after =
            if step.after.is_empty() { String::new() } else { format!(" (after {})", step.after.join(", ")) };
        console.line(&format!("{:<18} {}{after}", step.name, step.about));
    }
}

fn finish(console: &Console, report: &Report) -> ExitCode {
    report.print(console, std::env::var_os("CI").is_some());
    if report.failed() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The checkout this binary was built from: `cargo xtask` works from any folder inside it.
fn workspace_root() -> PathBuf {
    let manifest_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest_dir.parent().unwrap_or(manifest_dir).to_path_buf()
}
