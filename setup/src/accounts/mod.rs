//! `accounts`: what the person does who looks after a deployment. Names and ids are printed, because they are what was
//! asked for; tokens never are.

mod change;
mod erase;
mod list;
mod show;
mod sweep_now;
mod target;
mod terms;

use crate::causes::with_causes;
use crate::environment::EnvironmentArguments;
use domain::error::StoreError;
use domain::token_cache::CacheError;
use std::process::ExitCode;
use std::sync::Arc;
use store_dynamodb::operator::OperatorTable;
use wiring::{AwsClients, ConfigError, DotEnvError, StartError, SystemClock, TableConfig};

#[derive(Debug, Clone, clap::Subcommand)]
pub(crate) enum Command {
    /// Lists accounts: status, last activity, last turn, next turn
    List(list::Arguments),
    /// Shows what is kept of one account, without its tokens
    Show(show::Arguments),
    /// Takes an account out of the sweep until it is released or its user signs in again
    Park(change::ParkArguments),
    /// Ends any parking: the account's next turn is now
    Release(change::ReleaseArguments),
    /// Erases tokens, activity and profile, as the user themselves can
    Erase(erase::Arguments),
    /// Gives one account its turn now, here; or all that are due
    SweepNow(sweep_now::Arguments),
}

pub(crate) async fn run(command: Command) -> ExitCode {
    let outcome = match command {
        Command::List(arguments) => list::run(arguments).await,
        Command::Show(arguments) => show::run(arguments).await,
        Command::Park(arguments) => change::park(arguments).await,
        Command::Release(arguments) => change::release(arguments).await,
        Command::Erase(arguments) => erase::run(arguments).await,
        Command::SweepNow(arguments) => sweep_now::run(arguments).await,
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("{}", with_causes(&error));
            ExitCode::FAILURE
        }
    }
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    #[error(transparent)]
    Settings(#[from] ConfigError),
    #[error(transparent)]
    EnvFile(#[from] DotEnvError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the account cannot be erased")]
    Erase(#[source] CacheError),
    #[error("nothing is kept of {0}")]
    Unknown(String),
    #[error("{name} is the name of several accounts; name one by its id: {}", ids.join(", "))]
    Ambiguous { name: String, ids: Vec<String> },
    #[error(
        "the account's activity cannot be read ({defect}): it has no turns until its user is back; `erase` removes it"
    )]
    Unreadable { defect: String },
    #[error("nothing was done: say --yes where nobody can be asked")]
    NobodyToAsk,
}

type Outcome = Result<ExitCode, CommandError>;

/// The accounts of a deployment, reached with no more than the table's settings.
struct Deployment {
    table: OperatorTable,
    config: TableConfig,
}

impl Deployment {
    async fn open(arguments: &EnvironmentArguments) -> Result<Self, CommandError> {
        let environment = arguments.read()?;
        let config = TableConfig::read(&environment)?;
        let client = AwsClients::new(&environment).await.dynamodb;
        let table = OperatorTable::new(
            client,
            config.table_name.clone(),
            config.client_id,
            config.shards,
            Arc::new(SystemClock),
        );
        Ok(Self { table, config })
    }
}
