//! `accounts park` and `accounts release`

use super::{CommandError, Deployment, Outcome};
use crate::environment::EnvironmentArguments;
use domain::identity::HomeAccountId;
use std::process::ExitCode;
use store_dynamodb::operator::{Change, Part};

/// A reason is a sentence, and lies on the item that every turn reads.
const MOST_REASON_BYTES: usize = 500;

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ParkArguments {
    #[command(flatten)]
    deployment: EnvironmentArguments,
    /// Home account id (`<object id>.<tenant id>`) or user principal name
    account: String,
    /// Why, for whoever looks at the account next; the user does not see it
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
}

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ReleaseArguments {
    #[command(flatten)]
    deployment: EnvironmentArguments,
    /// Home account id (`<object id>.<tenant id>`) or user principal name
    account: String,
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() || text.len() > MOST_REASON_BYTES || text.chars().any(char::is_control) {
        return Err(format!("expected one line of 1 to {MOST_REASON_BYTES} bytes"));
    }
    Ok(text.to_owned())
}

pub(super) async fn park(arguments: ParkArguments) -> Outcome {
    let deployment = Deployment::open(&arguments.deployment).await?;
    let account = deployment.readable(&arguments.account).await?;
    let done = deployment.table.park(&account, &arguments.reason).await?;
    tell(
        done,
        &arguments.account,
        &format!("{account} is parked until it is released or its user signs in again"),
    )
}

pub(super) async fn release(arguments: ReleaseArguments) -> Outcome {
    let deployment = Deployment::open(&arguments.deployment).await?;
    let account = deployment.readable(&arguments.account).await?;
    let done = deployment.table.release(&account).await?;
    tell(done, &arguments.account, &format!("{account} is due now; the next sweep gives it its turn"))
}

fn tell(change: Change, asked_for: &str, done: &str) -> Outcome {
    match change {
        Change::Done => {
            anstream::println!("{done}");
            Ok(ExitCode::SUCCESS)
        }
        Change::NotThere => Err(CommandError::Unknown(asked_for.to_owned())),
    }
}

impl Deployment {
    /// The one account of that name, if its activity is there and can be read: on top of a broken item a change would be in
    /// vain.
    async fn readable(&self, text: &str) -> Result<HomeAccountId, CommandError> {
        let account = self.find_one(text).await?;
        match self.table.inspect(&account).await?.activity {
            Part::Unreadable { defect } => Err(CommandError::Unreadable { defect }),
            activity if activity.counting().is_none() => Err(CommandError::Unknown(text.to_owned())),
            _ => Ok(account),
        }
    }
}
