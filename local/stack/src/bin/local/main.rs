//! `cargo local`: the command line around the stack.

mod arguments;
mod banner;
mod log_lines;
mod progress;
mod seed;
mod signals;
mod sweep;
mod terminal;

use arguments::{Arguments, CacheCommand, Command, PlaceArguments, RunArguments};
use banner::PageState;
use clap::Parser as _;
use domain::identity::HomeAccountId;
use log_lines::{Names, Output};
use signals::Signals;
use stack::{BuildError, BusOptions, DataPlace, PageContent, Ports, SinglePageApp, Stack, StackOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use store_dynamodb::table::Creation;
use terminal::{Style, with_causes};
use wiring::Environment;

/// Seconds between two ticks when nobody says otherwise.
const TICK_SECONDS: u32 = 15;

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(arguments).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cargo local: {}", with_causes(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    match arguments.command {
        None if arguments.run.smoke => run_smoke().await,
        None => run_stack(arguments.run).await,
        Some(Command::CreateTable { recreate, env_file }) => {
            let place = PlaceArguments { data: None, env_file };
            make_table(&environment(&place, true)?, recreate).await
        }
        Some(Command::Cache(command)) => cache(command).await,
        Some(Command::Seed(wish)) => seed::seed(wish).await,
        Some(Command::Sweep(wish)) => sweep::sweep(wish).await,
    }
}

async fn run_stack(arguments: RunArguments) -> Result<ExitCode, Failure> {
    let style = Style::of_stdout();
    let mut signals = Signals::listen()?;
    let names = Names::default();
    log_lines::start(style, names.clone(), Output::Standard);

    let tick = match arguments.tick {
        Some(0) => None,
        None if arguments.control => None,
        given => Some(given.unwrap_or(TICK_SECONDS)),
    };
    let options = StackOptions {
        ports: Ports::from_base(arguments.port_base),
        bridge: arguments.bridge,
        data: if arguments.ephemeral {
            DataPlace::Temporary
        } else {
            DataPlace::Folder(data_folder(&arguments.place))
        },
        reset: arguments.reset,
        environment: environment(&arguments.place, !arguments.ephemeral)?,
        page: PageContent::Building,
        control: arguments.control,
        tick: tick.map(|seconds| Duration::from_secs(seconds.into())),
        bus: (!arguments.no_bus).then(BusOptions::default),
    };
    let stack = tokio::select! {
        stack = Stack::start(options) => stack?,
        () = signals.received() => return Ok(ExitCode::SUCCESS),
    };
    if arguments.reset {
        println!("Removed from {}: {}.", stack.data_folder().display(), listed(stack.removed()));
    }
    remember_names(&stack, &names);
    let page = tokio::select! {
        page = prepare_page(&stack, arguments.no_page) => page,
        () = signals.received() => {
            stack.stop().await;
            return Ok(ExitCode::SUCCESS);
        }
    };
    if let Some(file) = &arguments.addresses_file {
        stack
            .addresses()
            .write(file)
            .map_err(|error| format!("cannot write the addresses to {}: {error}", file.display()))?;
    }
    println!("{}", banner::banner(&stack, style, page, tick));
    if stack.emulator().is_none() && stack.environment().get("SPA_CLIENT_ID").is_none() {
        let text = "SPA_CLIENT_ID is not set: the page cannot sign anybody in at your tenant.";
        println!("{}\n", style.careful(text));
    }
    signals.received().await;
    println!("\nStopping.");
    stack.stop().await;
    Ok(ExitCode::SUCCESS)
}

async fn run_smoke() -> Result<ExitCode, Failure> {
    log_lines::start(Style::of_stdout(), Names::default(), Output::Error);
    let report = stack::smoke().await?;
    print!("{report}");
    Ok(if report.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn make_table(environment: &Environment, recreate: bool) -> Result<ExitCode, Failure> {
    log_lines::start(Style::of_stdout(), Names::default(), Output::Error);
    let made = stack::create_table(environment, recreate).await?;
    let what = match made.creation {
        Creation::Created if recreate => "made anew",
        Creation::Created => "made",
        Creation::Existed => "was there already, in the right shape",
    };
    println!("Table {} at {}: {what}. Indexes and time to live are on.", made.table, made.place);
    Ok(ExitCode::SUCCESS)
}

async fn cache(command: CacheCommand) -> Result<ExitCode, Failure> {
    log_lines::start(Style::of_stdout(), Names::default(), Output::Error);
    match command {
        CacheCommand::Export { home_account_id, output, place } => {
            let environment = environment(&place, true)?;
            let folder = data_folder(&place);
            let json =
                stack::export_cache(&environment, &folder, &home_account_id, output.as_deref()).await?;
            eprintln!(
                "This holds tokens: whoever reads it can act as this user. Delete it when you are done."
            );
            match (json, output) {
                (Some(json), _) => std::io::stdout().write_all(&[json.as_slice(), b"\n"].concat())?,
                (None, Some(file)) => eprintln!("Written to {}, readable by you only.", file.display()),
                (None, None) => {}
            }
        }
        CacheCommand::Import { home_account_id, file, place } => {
            let environment = environment(&place, true)?;
            stack::import_cache(&environment, &data_folder(&place), &home_account_id, &file).await?;
            println!("Merged into the cache of {home_account_id}; the newest tokens won.");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds the page if need be. Without it everything else goes on.
async fn prepare_page(stack: &Stack, unwanted: bool) -> PageState {
    let app = SinglePageApp::new(workspace().join("spa"));
    if unwanted {
        let reason = "This stack was started with --no-page. Everything else works.".to_owned();
        stack.show_page(PageContent::Absent(reason));
        return PageState::Absent;
    }
    if !app.is_built() {
        println!("Building the page; the first time takes a minute or two. Everything else works already.");
        if let Err(error) = app.build().await {
            return absent_page(stack, &error);
        }
    }
    stack.show_page(PageContent::Built(app.built()));
    PageState::Ready
}

fn absent_page(stack: &Stack, error: &BuildError) -> PageState {
    let reason = with_causes(error);
    println!("The page is not available. {reason}");
    stack.show_page(PageContent::Absent(reason));
    PageState::Absent
}

/// The emulator's users, so that the terminal can name them.
fn remember_names(stack: &Stack, names: &Names) {
    let pseudonyms = &stack.sweeper().services().settings.pseudonyms;
    for user in stack.emulator().map(entra_emulator::Emulator::users).unwrap_or_default() {
        if let Ok(account) = user.home_account_id.parse::<HomeAccountId>() {
            names.know(pseudonyms.of(&account), user.user_principal_name);
        }
    }
}

/// The folder of the workspace in which this program was built.
fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}

fn data_folder(place: &PlaceArguments) -> PathBuf {
    place.data.clone().unwrap_or_else(|| workspace().join(".local"))
}

/// The process's variables, then those of the settings file.
fn environment(place: &PlaceArguments, read_default_file: bool) -> Result<Environment, Failure> {
    let mut environment = Environment::of_process();
    let default = workspace().join(".env");
    let file = match &place.env_file {
        Some(file) => Some(file),
        None => (read_default_file && default.exists()).then_some(&default),
    };
    if let Some(file) = file {
        wiring::read_env_file(file, &mut environment)?;
    }
    Ok(environment)
}

fn listed(names: &[&str]) -> String {
    if names.is_empty() { "nothing, there was nothing".to_owned() } else { names.join(", ") }
}
