//! Measurements of the product as a whole: `cargo xtask bench` builds and starts this. Never deployed.

mod error;
mod figures;
mod processor;
mod sweep;

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
    /// Memory of a worker and time per account, by the number of accounts.
    Sweep(sweep::Arguments),
}

fn main() -> ExitCode {
    let Command::Sweep(arguments) = Cli::parse().command;
    match sweep::bench(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}
