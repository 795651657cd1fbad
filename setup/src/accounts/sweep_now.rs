//! `accounts sweep-now`

use super::target::parse;
use super::terms::failure;
use super::{CommandError, Outcome};
use crate::environment::EnvironmentArguments;
use domain::account::TurnOutcome;
use domain::services::Services;
use domain::sweep_accounts::{SweepReport, TurnObserver, Worker, dry_run, sweep_accounts, sweep_one};
use domain::turn::TurnReport;
use std::process::ExitCode;
use uuid::Uuid;
use wiring::Time;

#[derive(Debug, Clone, clap::Args)]
#[command(group = clap::ArgGroup::new("which").required(true).args(["account", "all", "dry_run"]))]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: EnvironmentArguments,
    /// Home account id (`<object id>.<tenant id>`) or user principal name: whenever its turn would be
    account: Option<String>,
    /// Every account whose turn has come
    #[arg(long)]
    all: bool,
    /// Counts the accounts whose turn has come, and does nothing
    #[arg(long)]
    dry_run: bool,
}

/// The use cases of a direct invocation, here: with the deployment's settings and this machine's AWS credentials.
pub(super) async fn run(arguments: Arguments) -> Outcome {
    let services = wiring::sweep_services(&arguments.deployment.read()?, Time::system()).await?;
    // Neither a deadline nor a time to stop: whoever has enough of it ends it, and its leases end within minutes.
    let worker = Worker { id: format!("operator/{}", Uuid::new_v4()), stop_at: None, deadline: None };
    match &arguments.account {
        Some(account) => one(&services, &worker, account).await,
        None if arguments.all => all(&services, &worker).await,
        None => count(&services).await,
    }
}

/// Succeeds if every turn did its work.
async fn one(services: &Services, worker: &Worker, text: &str) -> Outcome {
    let turns = sweep_one(services, worker, &parse(text)).await?;
    if turns.is_empty() {
        return Err(CommandError::Unknown(text.to_owned()));
    }
    for turn in &turns {
        anstream::println!("{}", told(turn));
    }
    let all_good = turns.iter().all(|turn| is_good(turn.outcome));
    if turns.iter().any(|turn| turn.outcome == TurnOutcome::CredentialFault) {
        tell_of_credential();
    }
    Ok(if all_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Tells every turn as it ends. Fails only when our own credential was rejected: accounts that need their user are no
/// fault of the sweep's.
async fn all(services: &Services, worker: &Worker) -> Outcome {
    let report: SweepReport = sweep_accounts(services, worker, &PrintedTurns).await?;
    let outcomes: Vec<String> =
        report.outcomes.iter().map(|(outcome, number)| format!("{number} {}", outcome.as_str())).collect();
    let outcomes = if outcomes.is_empty() { "nobody was due".to_owned() } else { outcomes.join(", ") };
    anstream::println!("{outcomes}; {} remain, lag {} s", report.remaining, report.lag.whole_seconds());
    if report.of(TurnOutcome::CredentialFault) > 0 {
        tell_of_credential();
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

async fn count(services: &Services) -> Outcome {
    let found = dry_run(services).await?;
    for (shard, number) in &found.due {
        anstream::println!("{shard}  {number}");
    }
    let more = if found.cut { " or more" } else { "" };
    anstream::println!("{}{more} due, lag {} s", found.due.values().sum::<u64>(), found.lag.whole_seconds());
    Ok(ExitCode::SUCCESS)
}

struct PrintedTurns;

impl TurnObserver for PrintedTurns {
    fn turn_ended(&self, report: &TurnReport) {
        anstream::println!("{}", told(report));
    }
}

fn told(turn: &TurnReport) -> String {
    let failure = turn.failure.as_ref().map(|why| format!(" {}", failure(why))).unwrap_or_default();
    let reason = turn.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    format!("{}  {}{failure}{reason}", turn.account, turn.outcome.as_str())
}

fn is_good(outcome: TurnOutcome) -> bool {
    matches!(outcome, TurnOutcome::Acted | TurnOutcome::Unchanged)
}

/// A federated credential is the function's role's, not whose command this is.
fn tell_of_credential() {
    anstream::eprintln!(
        "Entra ID rejected the application's credential: see `doctor`. A federated credential is good for the function's \
         role only; invoke the function instead: aws lambda invoke --function-name … --payload '{{\"account\":\"…\"}}'"
    );
}
