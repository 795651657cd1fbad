//! Registers the two apps in a tenant, checks a deployment, and looks after its accounts. A library for the tests' sake: the
//! program is `cargo run -p setup -- …`.

mod accounts;
mod causes;
mod doctor;
mod environment;
mod question;
pub mod registration;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Registers the API and the page in a tenant, checks a deployment, and looks after its accounts.
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
    /// Checks a deployment from outside and inside; one line each, with the fix.
    Doctor(doctor::Arguments),
    /// Lists, shows, parks, releases, erases and sweeps accounts of a deployment.
    #[command(subcommand)]
    Accounts(accounts::Command),
}

/// Does what the command line says.
pub async fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Registration(command) => registration::run(command).await,
        Command::Doctor(arguments) => doctor::run(arguments).await,
        Command::Accounts(command) => accounts::run(command).await,
    }
}
