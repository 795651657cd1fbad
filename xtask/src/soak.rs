//! `cargo xtask soak`: long runs that look for lost tokens and false ones, and their short forms among the steps of `test`.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::{Args, Subcommand};

use crate::console::Console;
use crate::fuzz;
use crate::process::Group;
use crate::run::{Run, StepResult, Stop, fail_to, failed};

/// The longest that a run may take: many seeds are meant for a night.
const LIMIT: Duration = Duration::from_hours(24);

/// What to run; without a name rotation and kills, in full.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Soak {
    #[command(subcommand)]
    which: Option<Which>,
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask soak                      1,000 rounds of rotation and 200 kills: about a quarter of an hour
  cargo xtask soak rotation --seed 7    other decisions
  cargo xtask soak rotation --rounds 100 --seeds 10
                                        ten short runs, seeds 1 to 10
  cargo xtask soak kills --kills 400    every boundary four times or more
  cargo xtask soak fuzz --seconds 60    the fuzz targets, a minute each; needs a nightly toolchain

Each run prints its seed and its counts. One that fails says where, and how to repeat it; what is drawn from the seed comes
again, how requests overtake each other does not.";

#[derive(Subcommand)]
enum Which {
    /// API and sweep work for one user while the authority takes each refresh token once, and everything fails at times.
    Rotation {
        #[command(flatten)]
        seeds: Seeds,
        /// Rounds of each run.
        #[arg(long, default_value_t = 1000)]
        rounds: u32,
    },
    /// Workers are killed between any two steps of their work, and answers are lost.
    Kills {
        #[command(flatten)]
        seeds: Seeds,
        /// Workers that are killed; a fourth as many answers are lost besides.
        #[arg(long, default_value_t = 200)]
        kills: u32,
    },
    /// Bytes of all kinds are taken for a cache and for a sealed blob (libFuzzer, on a nightly toolchain).
    Fuzz {
        /// How long each target runs.
        #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
    },
}

#[derive(Args)]
struct Seeds {
    /// What all decisions are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many runs, with this seed and those after it.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
}

/// Builds what is needed and runs it, with its output on the terminal.
pub(crate) fn soak(root: &Path, console: &Console, soak: &Soak) -> ExitCode {
    let ended = match &soak.which {
        Some(Which::Fuzz { seconds }) => fuzz::fuzz(root, console, *seconds),
        Some(Which::Rotation { seeds, rounds }) => start_one(root, "rotation", seeds, "--rounds", *rounds),
        Some(Which::Kills { seeds, kills }) => start_one(root, "kills", seeds, "--kills", *kills),
        None => start(root, &[&["rotation"], &["kills"]]),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(Stop::Failed(reason) | Stop::Skipped(reason)) => {
            console.line(&reason);
            ExitCode::FAILURE
        }
    }
}

fn start_one(root: &Path, name: &str, seeds: &Seeds, count: &str, value: u32) -> StepResult {
    let (seed, many, value) = (seeds.seed.to_string(), seeds.seeds.to_string(), value.to_string());
    start(root, &[&[name, "--seed", &seed, "--seeds", &many, count, &value]])
}

/// Debug, as in `cargo xtask test`: most of the time is spent waiting for delays that the runs make themselves.
fn start(root: &Path, runs: &[&[&str]]) -> StepResult {
    let run = Run::open(root, "soak")?;
    attached(run.cargo(["build", "--locked", "--package", "soak"]))?;
    for arguments in runs {
        attached(program(&run, arguments))?;
    }
    Ok(())
}

fn program(run: &Run, arguments: &[&str]) -> Command {
    let mut command = run.command(run.path("target/debug/soak"));
    command.args(arguments);
    command
}

/// Runs a command whose output goes where this program's does.
fn attached(command: Command) -> StepResult {
    let mut group = Group::start(command).map_err(fail_to("start the run"))?;
    match group.wait(LIMIT).map_err(fail_to("wait for the run"))? {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(failed(format!("soak: {status}"))),
        None => Err(failed("soak: ended after a day")),
    }
}

/// Some rounds of the rotation, the same decisions each time.
pub(crate) fn rotation_in_short(run: &mut Run) -> StepResult {
    run.execute(program(run, &["rotation", "--seed", "1", "--rounds", "60"]))
}

/// Some kills, the same each time.
pub(crate) fn kills_in_short(run: &mut Run) -> StepResult {
    run.execute(program(run, &["kills", "--seed", "1", "--kills", "25"]))
}
