//! Long runs that look for lost tokens: `cargo xtask soak`. Never deployed.
//!
//! Everything is real but for the faults: the functions as they are wired, an authority and a table over HTTP, proxies in
//! between that hold, refuse and drop.

mod error;
mod exchange;
mod inspector;
mod kills;
mod progress;
mod proxy;
mod quick_time;
mod rotation;
mod sweep;
mod tally;
mod trace;
mod worker;
mod world;

use clap::{Args, Parser, Subcommand};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tally::Tally;
use worker::WorkerArguments;

/// Long runs that look for lost tokens. `cargo xtask soak` builds and starts this.
#[derive(Parser)]
#[command(name = "soak")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// API and sweep work for one user while the authority takes each refresh token once, and everything fails at times.
    Rotation(RotationArguments),
    /// Workers are killed between any two steps of their work, and answers are lost.
    Kills(KillsArguments),
    /// Several workers sweep many accounts over a queue that delivers twice, and are killed.
    Sweep(SweepArguments),
    /// The process that is killed.
    #[command(hide = true)]
    Worker(WorkerArguments),
    /// The process that is killed in `sweep`.
    #[command(hide = true)]
    Environment,
}

#[derive(Args)]
struct RotationArguments {
    /// What all decisions are drawn from; how requests overtake each other varies all the same.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many runs, with this seed and those after it.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Rounds of each run.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=2000))]
    rounds: u32,
}

#[derive(Args)]
struct KillsArguments {
    /// What all decisions are drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many runs, with this seed and those after it.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Workers that are killed; a fourth as many answers are lost besides.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=1000))]
    kills: u32,
}

#[derive(Args)]
struct SweepArguments {
    /// What all decisions are drawn from; how workers overtake each other varies all the same.
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

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Rotation(arguments) => rotation(&arguments).await,
        Command::Kills(arguments) => kills(&arguments).await,
        Command::Sweep(arguments) => sweep(&arguments).await,
        Command::Worker(arguments) => worked(worker::work(arguments).await),
        Command::Environment => worked(sweep::work().await),
    }
}

fn worked(ended: Result<(), error::SoakError>) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("worker: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn sweep(arguments: &SweepArguments) -> ExitCode {
    let SweepArguments { seed, accounts, turns, workers, kill_every, concurrency, time_limit } = *arguments;
    let (begun, tally) = (Instant::now(), Arc::new(Tally::default()));
    println!("soak sweep: seed {seed}, {accounts} accounts, {turns} turns, {workers} workers");
    let time_limit = Duration::from_secs(time_limit.into());
    let options = sweep::Options { seed, accounts, turns, workers, kill_every, concurrency, time_limit };
    let ended = sweep::run(options, &tally).await;
    tally.lines().iter().for_each(|line| println!("{line}"));
    match ended {
        Ok(table) => table.iter().for_each(|line| println!("{line}")),
        Err(error) => {
            println!("FAILED with seed {seed}: {error}");
            println!(
                "  repeat: cargo xtask soak sweep --seed {seed} --accounts {accounts} --turns {turns} --workers {workers} \\\n    \
                 --kill-every {kill_every} --concurrency {concurrency} --time-limit {}",
                time_limit.as_secs()
            );
            return ExitCode::FAILURE;
        }
    }
    println!("passed: seed {seed}, {accounts} accounts in {:.0} s", begun.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

async fn kills(arguments: &KillsArguments) -> ExitCode {
    let kills = arguments.kills;
    for seed in arguments.seed..arguments.seed.saturating_add(arguments.seeds) {
        let (begun, tally) = (Instant::now(), Arc::new(Tally::default()));
        let options = kills::Options { seed, kills, lost: kills.div_ceil(4) };
        println!("soak kills: seed {seed}, {kills} kills, {} lost answers", options.lost);
        let ended = kills::run(options, &tally).await;
        tally.lines().iter().for_each(|line| println!("{line}"));
        match ended {
            Ok(table) => table.iter().for_each(|line| println!("{line}")),
            Err(failed) => {
                println!("FAILED with seed {seed}: {}", failed.error);
                println!("  it was: {}; what went over the wire:", failed.at);
                failed.trace.iter().for_each(|line| println!("{line}"));
                println!("  repeat: cargo xtask soak kills --seed {seed} --kills {kills}");
                return ExitCode::FAILURE;
            }
        }
        println!("passed: seed {seed}, {kills} kills in {:.0} s", begun.elapsed().as_secs_f64());
    }
    ExitCode::SUCCESS
}

async fn rotation(arguments: &RotationArguments) -> ExitCode {
    for seed in arguments.seed..arguments.seed.saturating_add(arguments.seeds) {
        let (begun, tally) = (Instant::now(), Arc::new(Tally::default()));
        let options = rotation::Options { seed, rounds: arguments.rounds };
        println!("soak rotation: seed {seed}, {} rounds", arguments.rounds);
        let ended = rotation::run(options, &tally).await;
        tally.lines().iter().for_each(|line| println!("{line}"));
        if let Err(failed) = ended {
            println!("FAILED with seed {seed} in round {}: {}", failed.round, failed.error);
            println!("  what went over the wire in that round:");
            failed.trace.iter().for_each(|line| println!("{line}"));
            println!("  repeat: cargo xtask soak rotation --seed {seed} --rounds {}", arguments.rounds);
            return ExitCode::FAILURE;
        }
        println!(
            "passed: seed {seed}, {} rounds in {:.0} s",
            arguments.rounds,
            begun.elapsed().as_secs_f64()
        );
    }
    ExitCode::SUCCESS
}
