//! `accounts erase`

use super::{CommandError, Deployment, Outcome};
use crate::environment::EnvironmentArguments;
use crate::question::ask_on_terminal;
use domain::background_access;
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
    if !arguments.yes {
        let question = format!("Erase tokens, activity and profile of {account}?");
        if !ask_on_terminal(&question).ok_or(CommandError::NobodyToAsk)? {
            anstream::println!("Nothing was done.");
            return Ok(ExitCode::FAILURE);
        }
    }
    background_access::end_for(&services, &account).await.map_err(CommandError::Erase)?;
    anstream::println!("{account} is erased; only a new sign-in of its user brings it back");
    Ok(ExitCode::SUCCESS)
}
