//! `cargo xtask simulate`: what cannot be tried on one machine, played in numbers.

mod clock;
mod cost;
mod graph;
mod random;
mod shard;
mod sweep;
mod table;
mod worker;

#[cfg(test)]
mod tests;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::console::{Colour, Console};
use sweep::Settings;

/// What to play.
#[derive(Args)]
pub(crate) struct Simulate {
    #[command(subcommand)]
    which: Which,
}

#[derive(Subcommand)]
enum Which {
    /// A sweep of accounts that are all due at once, against Graph's published limits, half of them kept for users.
    ///
    /// Without --accounts: the sweeps of docs/scale.md. The same seed gives the same table.
    #[command(after_help = EXAMPLES)]
    Sweep(Sweep),
}

const EXAMPLES: &str = "\
Examples:
  cargo xtask simulate sweep                        the table of docs/scale.md, in about half a minute
  cargo xtask simulate sweep --accounts 1M          a million accounts of one tenant, as the template sets it up
  cargo xtask simulate sweep --accounts 5M --tenants 200 --shards 32 --workers 29
                                                    many tenants, more workers
  cargo xtask simulate sweep --accounts 1M --timeout-every 1000 --seed 7
                                                    one turn in a thousand is not answered

Columns: each = accounts in flight per worker; floor = the shortest time that Graph's limits allow; refused = of the requests
to Graph; tries = the most that one account needed; M = million capacity units; other = Lambda, queue and bus.
Ends with 1 if a sweep takes more than 1.1 times its floor and --accounts was given.";

#[derive(Args)]
struct Sweep {
    /// Accounts, all due at once: a number, or such as 10k, 1M, 100M.
    #[arg(long, value_parser = accounts)]
    accounts: Option<u32>,
    /// Tenants of equal size that they belong to.
    #[arg(long, default_value_t = 1, requires = "accounts", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    tenants: u32,
    /// Shards of the due index (`SWEEP_SHARDS`).
    #[arg(long, default_value_t = 64, requires = "accounts", value_parser = clap::value_parser!(u32).range(1..=1024))]
    shards: u32,
    /// Workers at once (`MaximumConcurrency` of the queue).
    #[arg(long, default_value_t = 8, requires = "accounts", value_parser = clap::value_parser!(u32).range(1..=1000))]
    workers: u32,
    /// Accounts in flight per worker (`SWEEP_CONCURRENCY`).
    #[arg(long, default_value_t = 32, requires = "accounts", value_parser = clap::value_parser!(u32).range(1..=1024))]
    concurrency: u32,
    /// One turn in so many is not answered; 0 for none.
    #[arg(long, default_value_t = 0, requires = "accounts")]
    timeout_every: u32,
    /// What all chance is drawn from.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Plays what was asked for and prints a line for each sweep as it ends.
pub(crate) fn simulate(console: &Console, simulate: &Simulate) -> ExitCode {
    let Which::Sweep(asked) = &simulate.which;
    for line in table::head() {
        console.line(&line);
    }
    let Some(accounts) = asked.accounts else {
        for settings in table::SCENARIOS {
            play(console, Settings { seed: asked.seed, ..*settings });
        }
        return ExitCode::SUCCESS;
    };
    let reached = play(
        console,
        Settings {
            accounts,
            tenants: asked.tenants.min(accounts),
            shards: asked.shards,
            workers: asked.workers,
            concurrency: asked.concurrency,
            timeout_every: asked.timeout_every,
            seed: asked.seed,
        },
    );
    if reached { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Whether it reached the floor.
fn play(console: &Console, settings: Settings) -> bool {
    let outcome = sweep::run(settings);
    let reached = table::ratio(settings, &outcome) <= table::REACHED;
    let colour = if reached { Colour::Green } else { Colour::Yellow };
    console.line(&console.paint(colour, &table::row(settings, &outcome)));
    reached
}

/// A number of accounts, at most 200 million, with `k` or `M` behind it for thousands and millions.
fn accounts(text: &str) -> Result<u32, String> {
    let (digits, unit) = match text.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => match text.strip_suffix('M') {
            Some(digits) => (digits, 1_000_000),
            None => (text, 1),
        },
    };
    let number = digits.replace('_', "").parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
    number
        .filter(|number| (1..=200_000_000).contains(number))
        .ok_or_else(|| "expected 1 to 200M accounts, such as 5000, 10k or 100M".to_owned())
}
