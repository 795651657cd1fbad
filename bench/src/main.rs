//! Measurements of the product as a whole: `cargo xtask bench` builds and starts this. Never deployed.

mod error;
mod figures;
mod jobs;
mod process;
mod processor;
mod record;
mod scale;
mod sessions;
mod site;
mod store;
mod sweep;
mod units;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Measurements of the product as a whole. `cargo xtask bench` builds and starts this.
#[derive(Parser)]
#[command(name = "bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The product's jobs, each beside the same job done with MSAL Node and MSAL Python.
    Jobs(jobs::Arguments),
    /// Starts of the functions beside a bare program's, and what they weigh.
    Starts(jobs::starts::Arguments),
    /// Cost per request and per account, by the number of items in the table.
    Scale(scale::Arguments),
    /// Memory of a worker and time per account, by the number of accounts.
    Sweep(sweep::Arguments),
}

fn main() -> ExitCode {
    let measured = match Cli::parse().command {
        Command::Jobs(arguments) => jobs::bench(&arguments),
        Command::Starts(arguments) => jobs::starts::bench(&arguments),
        Command::Scale(arguments) => scale::bench(&arguments),
        Command::Sweep(arguments) => sweep::bench(&arguments),
    };
    match measured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
