//! `cargo xtask soak`: long runs that look for lost tokens, false ones and lost turns, and their short forms among the steps of `test`.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use crate::console::Console;
use crate::fuzz;
use crate::process::Group;
use crate::run::{Run, StepResult, Stop, fail_to, failed};

/// The longest that a run may take: many seeds are meant for a night.
const LIMIT: Duration = Duration::from_hours(24);

const MIX: &str = "abuse::users_mixed_at_high_concurrency_never_get_each_others_profile";

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
  cargo xtask soak sweep                100,000 accounts, 4 workers, one killed every few seconds
  cargo xtask soak mix                  50,000 mixed requests of 50 users in one process
  cargo xtask soak caches --seed 7      100,000 made-up caches for each rule of reading, writing and merging
  cargo xtask soak fuzz --seconds 60    the fuzz targets, a minute each; needs a nightly toolchain
  cargo xtask soak fuzz --target jwks   one of them, for ten minutes

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
    /// Workers sweep many accounts over a queue that delivers every task twice, and are killed.
    ///
    /// Each account must be acted for in every turn, by one worker at a time, and again only where a kill fell between acting
    /// and recording it. From 10,000 accounts on everything is built optimised.
    #[command(after_help = SWEEP_EXAMPLES)]
    Sweep(Sweep),
    /// Requests of many users, mixed in one process of the API: nobody may get another one's profile.
    Mix {
        #[arg(long, default_value_t = 50_000)]
        requests: u32,
    },
    /// Made-up caches are read, written and merged: the rules that the tests of `msal-cache` hold some hundreds of them to.
    Caches {
        /// What all caches are drawn from.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Caches for each rule.
        #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
        cases: u32,
    },
    /// Bytes of all kinds are taken for a cache, a blob, a token, a request, an answer (libFuzzer, on a nightly toolchain).
    Fuzz {
        /// Runs this one only; may be given several times.
        #[arg(long = "target", value_name = "NAME", value_parser = PossibleValuesParser::new(fuzz::names()))]
        targets: Vec<String>,
        /// How long each target runs.
        #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u32).range(1..))]
        seconds: u32,
    },
}

const SWEEP_EXAMPLES: &str = "\
Examples:
  cargo xtask soak sweep                                100,000 accounts, 3 turns: half an hour, and the build
  cargo xtask soak sweep --accounts 2000 --kill-every 200
                                                        a minute or two, with the debug build of the tests
  cargo xtask soak sweep --accounts 10000 --workers 8 --kill-every 500 --seed 7
  cargo xtask soak sweep --accounts 10000 --kill-every 0    how it goes when nobody is killed";

/// Numbers of accounts from which the time of an optimised build is won back.
const WORTH_OPTIMISING: u32 = 10_000;

#[derive(Args)]
struct Sweep {
    /// What all decisions are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    accounts: u32,
    /// Turns of each account; one more without kills and double delivery follows.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    turns: u32,
    /// Worker processes.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// Accounts between two kills, on average; 0 kills nobody.
    #[arg(long, default_value_t = 2_000)]
    kill_every: u64,
    /// Accounts that a worker has in flight.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1024))]
    concurrency: u16,
    /// Seconds that an invocation has; half of them for beginning turns.
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u16).range(2..=900))]
    time_limit: u16,
}

impl Sweep {
    fn arguments(&self) -> Vec<String> {
        let numbers = [
            ("--seed", self.seed),
            ("--accounts", self.accounts.into()),
            ("--turns", self.turns.into()),
            ("--workers", self.workers.into()),
            ("--kill-every", self.kill_every),
            ("--concurrency", self.concurrency.into()),
            ("--time-limit", self.time_limit.into()),
        ];
        let named = numbers.into_iter().flat_map(|(name, number)| [name.to_owned(), number.to_string()]);
        std::iter::once("sweep".to_owned()).chain(named).collect()
    }
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
        Some(Which::Fuzz { targets, seconds }) => fuzz::fuzz(root, console, *seconds, targets),
        Some(Which::Rotation { seeds, rounds }) => start_one(root, "rotation", seeds, "--rounds", *rounds),
        Some(Which::Kills { seeds, kills }) => start_one(root, "kills", seeds, "--kills", *kills),
        Some(Which::Sweep(sweep)) => start_sweep(root, sweep),
        Some(Which::Mix { requests }) => mix(root, *requests),
        Some(Which::Caches { seed, cases }) => caches(root, *seed, *cases),
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

fn start_sweep(root: &Path, sweep: &Sweep) -> StepResult {
    if sweep.accounts < WORTH_OPTIMISING {
        let arguments = sweep.arguments();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        return start(root, &[&arguments]);
    }
    let run = Run::open(root, "soak")?;
    attached(run.cargo(["build", "--locked", "--profile", "fast", "--package", "soak"]))?;
    let mut command = run.command(run.path("target/fast/soak"));
    command.args(sweep.arguments());
    attached(command)
}

fn program(run: &Run, arguments: &[&str]) -> Command {
    let mut command = run.command(run.path("target/debug/soak"));
    command.args(arguments);
    command
}

/// The whole-system test of that name, optimised, with more requests.
fn mix(root: &Path, requests: u32) -> StepResult {
    let run = Run::open(root, "soak")?;
    let mut command = optimised_tests(&run, "e2e");
    command.args(["--exact", MIX, "--nocapture"]).env("MIX_REQUESTS", requests.to_string());
    attached(command)
}

/// The property tests of the cache, optimised, with more caches, or others.
fn caches(root: &Path, seed: u64, cases: u32) -> StepResult {
    let run = Run::open(root, "soak")?;
    let mut command = optimised_tests(&run, "msal-cache");
    command.arg("properties::");
    command.env("PROPTEST_RNG_SEED", seed.to_string()).env("PROPTEST_CASES", cases.to_string());
    attached(command)
}

/// A package's tests of its whole; what is added goes to them.
fn optimised_tests(run: &Run, package: &str) -> Command {
    run.cargo(["test", "--locked", "--profile", "fast", "--package", package, "--test", "it", "--"])
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

/// A sweep of some accounts with kills, the same decisions each time.
pub(crate) fn sweep_in_short(run: &mut Run) -> StepResult {
    let arguments = [
        "sweep",
        "--seed",
        "1",
        "--accounts",
        "2000",
        "--turns",
        "2",
        "--kill-every",
        "200",
        "--time-limit",
        "6",
    ];
    run.execute(program(run, &arguments))
}
