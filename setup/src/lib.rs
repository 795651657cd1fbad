//! Registers the two apps in a tenant. A library for the tests' sake: the program is `cargo run -p setup -- …`.

mod causes;
pub mod registration;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Registers the API and the page in a tenant.
#[derive(Parser)]
#[command(name = "setup", bin_name = "cargo run -p setup --")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The app registrations in the tenant.
    #[command(flatten)]
    Registration(registration::Command),
}

/// Does what the command line says.
pub async fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Registration(command) => registration::run(command).await,
    }
}
