//! The command line.

use clap::{Args, Parser, Subcommand};
use std::net::IpAddr;
use std::path::PathBuf;

/// Runs the whole product on this machine: page, API, background sweep, an emulator of Entra ID and Graph, DynamoDB.
///
/// Nothing leaves the machine. With settings of a tenant or an AWS account, in the environment or in the settings file,
/// it uses those instead of what it would start.
#[derive(Debug, Parser)]
#[command(
    name = "cargo local",
    bin_name = "cargo local",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Examples:
  cargo local                                  start everything on ports 3000 to 3006
  cargo local --port-base 4000                 on ports 4000 to 4006
  cargo local --reset                          start afresh
  cargo local --env-file .env.contoso          with a tenant of your own
  cargo local --tick 5                         sweep every five seconds
  cargo local --bridge 172.17.0.1              for `sam local` (docs/local-stack.md, \"In containers\")
  cargo local --smoke                          does it work here? no browser, no npm
  cargo local cache export <home account id>   the tokens of one account, as MSAL keeps them
  cargo local seed --accounts 10000            made-up accounts, to try the sweep at size
  cargo local sweep                            sweep all that is due, now, and watch

Services of your own:
  ENTRA_AUTHORITY_HOST, ENTRA_TENANT_ID or ENTRA_CLIENT_ID set: the emulator is not started; the page then needs
  SPA_CLIENT_ID, and takes SPA_API_SCOPES.
  AWS_ENDPOINT_URL_DYNAMODB (or AWS_ENDPOINT_URL) set: that server keeps the table, which is made if need be.
  EVENT_BUS_NAME set: that bus at Amazon, or at AWS_ENDPOINT_URL_EVENTBRIDGE, gets tasks and events.
  TABLE_NAME set and no endpoint: the table of that name at Amazon, with your usual AWS credentials.
  docs/configuration.md lists all variables."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArguments,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub(crate) struct RunArguments {
    /// The page's port; API, emulator, DynamoDB, control, the page of accounts and the event bus get the
    /// next six. 0 takes free ones.
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    pub(crate) port_base: u16,
    /// Also let containers reach the emulator, DynamoDB and the event bus, on this address of their network (Docker's usual one is
    /// 172.17.0.1). A private address only.
    #[arg(long, value_name = "ADDRESS", value_parser = private_address)]
    pub(crate) bridge: Option<IpAddr>,
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
    /// Remove what earlier runs left in the data folder, then start.
    #[arg(long)]
    pub(crate) reset: bool,
    /// Keep the data in a folder of its own and remove it at the end. Reads no settings file by itself.
    #[arg(long, conflicts_with_all = ["data", "reset"])]
    pub(crate) ephemeral: bool,
    /// Seconds between two ticks of the schedule; 0 switches it off [default: 15, with --control 0].
    #[arg(long, value_name = "SECONDS")]
    pub(crate) tick: Option<u32>,
    /// Serve routes that move the clock and run a sweep: POST /clock/advance, POST /sweep, POST /bus/faults, GET /state, GET /events.
    #[arg(long)]
    pub(crate) control: bool,
    /// Write the addresses here, as JSON, when everything is ready.
    #[arg(long, value_name = "FILE")]
    pub(crate) addresses_file: Option<PathBuf>,
    /// Start no event bus: the tick sweeps all shards itself, and events are only logged.
    #[arg(long)]
    pub(crate) no_bus: bool,
    /// Do not build the page.
    #[arg(long)]
    pub(crate) no_page: bool,
    /// Sign two users in, revoke one, sweep, and say what came of it; 0 if all is as it should be.
    #[arg(
        long,
        conflicts_with_all = [
            "port_base", "bridge", "data", "env_file", "reset", "ephemeral", "tick", "control", "addresses_file", "no_bus",
            "no_page"
        ]
    )]
    pub(crate) smoke: bool,
}

/// The emulator signs anybody in, and the database asks for no credentials: the world must not reach them.
fn private_address(text: &str) -> Result<IpAddr, String> {
    let address: IpAddr =
        text.parse().map_err(|_| format!("expected an address such as 172.17.0.1, got {text}"))?;
    let private = match address {
        IpAddr::V4(address) => address.is_private() || address.is_loopback(),
        IpAddr::V6(address) => address.is_unique_local() || address.is_loopback(),
    };
    if private {
        Ok(address)
    } else {
        Err(format!("expected an address of a private network, got {address}"))
    }
}

/// Whose data and which settings.
#[derive(Debug, Args)]
pub(crate) struct PlaceArguments {
    /// Folder in which data survives a restart [default: .local in the workspace].
    #[arg(long, value_name = "FOLDER")]
    pub(crate) data: Option<PathBuf>,
    /// File of NAME=value lines; the process's own variables go before it [default: .env in the workspace, if there].
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the table, with its indexes and its time to live, where the settings say.
    #[command(after_help = "Examples:
  AWS_ENDPOINT_URL_DYNAMODB=http://localhost:8000 TABLE_NAME=tokens cargo local create-table
  AWS_ENDPOINT_URL_DYNAMODB=http://localhost:8000 TABLE_NAME=tokens cargo local create-table --recreate
  TABLE_NAME=tokens AWS_REGION=eu-central-1 cargo local create-table     (Amazon's own endpoint)")]
    CreateTable {
        /// Delete the table first, with everything in it. Refused at Amazon's own endpoints.
        #[arg(long)]
        recreate: bool,
        /// File of NAME=value lines; the process's own variables go before it.
        #[arg(long, value_name = "FILE")]
        env_file: Option<PathBuf>,
    },
    /// Take the MSAL cache of one account out, or put one in. With a local sealing key only.
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Make accounts by the thousand, at the emulator and in the table, whether the stack runs or not.
    ///
    /// They are those of the emulator's crowd, user000001@lakeside.example and so on. Each has a sealed cache with a refresh token
    /// that the emulator takes, and a turn. A second run adds only what is missing.
    #[command(after_help = "Examples:
  cargo local seed --accounts 1000
  cargo local seed --accounts 100000 --tenants 20 --due-within 3600 --revoked 2")]
    Seed(SeedArguments),
    /// Sweep now, from this terminal, whether the stack runs or not.
    ///
    /// Shows how far it is and what came of it. Exits with 1 when the sweep failed as a whole; accounts that failed one by one are
    /// outcomes.
    #[command(after_help = "Examples:
  cargo local sweep
  cargo local sweep --dry-run
  cargo local sweep --account user000001@lakeside.example")]
    Sweep(SweepArguments),
}

#[derive(Debug, Args)]
pub(crate) struct SeedArguments {
    /// How many accounts there should be.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub(crate) accounts: u32,
    /// Spread them over so many tenants.
    #[arg(long, value_name = "M", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=100))]
    pub(crate) tenants: u16,
    /// Spread their first turns over so many seconds from now; 0 makes all due at once.
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub(crate) due_within: u32,
    /// Revoke so many of a hundred users: their first turn parks them.
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) revoked: u8,
    /// Fixes who is revoked and when each is due.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub(crate) seed: u64,
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
}

#[derive(Debug, Args)]
pub(crate) struct SweepArguments {
    /// Only this one, by home account id or user principal name, due or not.
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: Option<String>,
    /// Change nothing: tell how many are due, by shard, and for how long.
    #[arg(long, conflicts_with = "account")]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) place: PlaceArguments,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Write the cache of one account as MSAL's JSON, tokens and all.
    #[command(after_help = "Examples:
  cargo local cache export 1d3a5c7e-….6f1d2c3a-… --output cache.json
  cargo local cache export 1d3a5c7e-….6f1d2c3a-… | python my_worker.py

The page's claims, the sweep's answers and GET /state of --control name accounts by their home account id.")]
    Export {
        /// <object id>.<tenant id> of the user's home.
        home_account_id: String,
        /// Write to this file, readable by you only, instead of standard output.
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
        #[command(flatten)]
        place: PlaceArguments,
    },
    /// Merge a cache file, as any MSAL library writes it, into the cache of one account.
    #[command(after_help = "Example:
  cargo local cache import 1d3a5c7e-….6f1d2c3a-… cache.json")]
    Import {
        /// <object id>.<tenant id> of the user's home.
        home_account_id: String,
        file: PathBuf,
        #[command(flatten)]
        place: PlaceArguments,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn what_a_smoke_test_would_ignore_is_refused() {
        let parse = |line: &str| Arguments::try_parse_from(line.split(' '));
        assert!(parse("local --smoke").is_ok());
        assert!(parse("local --smoke --port-base 4000").is_err());
        assert!(parse("local --ephemeral --reset").is_err());
        assert!(parse("local --bridge 172.17.0.1").is_ok());
        assert!(parse("local --bridge 0.0.0.0").is_err(), "that is every network");
        assert!(parse("local --bridge 203.0.113.7").is_err());
        assert!(parse("local --port-base 0 --ephemeral --control --addresses-file f").is_ok());
    }
}
