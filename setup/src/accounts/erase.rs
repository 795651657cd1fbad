//! `accounts erase`

use super::{CommandError, Deployment, Outcome};
use crate::environment::EnvironmentArguments;
use domain::background_access;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;
use wiring::Time;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: EnvironmentArguments,
    /// Home account id (`<object id>.<tenant id>`) or user principal name
    account: String,
    /// Does not ask
    #[arg(long)]
    yes: bool,
}

/// The use case of the API's DELETE, with all of the functions' settings: the cached tokens tell which bearer tokens must
/// not bring anything back.
pub(super) async fn run(arguments: Arguments) -> Outcome {
    let deployment = Deployment::open(&arguments.deployment).await?;
    let account = deployment.find_one(&arguments.account).await?;
    if deployment.table.inspect(&account).await?.is_empty() {
        return Err(CommandError::Unknown(arguments.account));
    }
    let services = wiring::sweep_services(&arguments.deployment.read()?, Time::system()).await?;
    if !arguments.yes && !confirmed(&format!("Erase tokens, activity and profile of {account}?"))? {
        anstream::println!("Nothing was done.");
        return Ok(ExitCode::FAILURE);
    }
    background_access::end_for(&services, &account).await.map_err(CommandError::Erase)?;
    anstream::println!("{account} is erased; only a new sign-in of its user brings it back");
    Ok(ExitCode::SUCCESS)
}

fn confirmed(question: &str) -> Result<bool, CommandError> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(CommandError::NobodyToAsk);
    }
    anstream::print!("{question} [y/N] ");
    std::io::stdout().flush().map_err(CommandError::Terminal)?;
    let mut answer = String::new();
    input.read_line(&mut answer).map_err(CommandError::Terminal)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
