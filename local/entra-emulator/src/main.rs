//! The emulator as a program of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use entra_emulator::{
    API_CLIENT_ID, API_CLIENT_SECRET, CLI_CLIENT_ID, Emulator, SPA_CLIENT_ID, Settings, TENANT_ID, serve,
};
use tokio::net::TcpListener;
use url::Url;

/// Offline Entra ID and Microsoft Graph for local runs and tests.
#[derive(Parser)]
#[command(after_help = "Examples:\n  \
    entra-emulator\n  \
    entra-emulator --port 4002 --state-file .local/entra.json\n  \
    entra-emulator --port 0 --public-url https://login.localhost:8443\n\n\
    Then open http://localhost:3002/emulator for users, scenarios and the request log.")]
struct Arguments {
    /// Port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 3002)]
    port: u16,
    /// Keep signing keys and user states in this file, so that a restart does not sign everybody out.
    #[arg(long)]
    state_file: Option<PathBuf>,
    /// How browsers and services reach it, when that is not `http://localhost` and the port.
    #[arg(long)]
    public_url: Option<Url>,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("entra-emulator: {message}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), String> {
    let listener = TcpListener::bind(("127.0.0.1", arguments.port)).await.map_err(|error| {
        format!("cannot listen on port {}: {error}; choose another with --port", arguments.port)
    })?;
    let port = listener.local_addr().map_err(|error| error.to_string())?.port();
    let public_url = match arguments.public_url {
        Some(url) => url,
        None => Url::parse(&format!("http://localhost:{port}")).map_err(|error| error.to_string())?,
    };
    let settings = Settings { state_file: arguments.state_file, ..Settings::sample(public_url) };
    let emulator = Emulator::start(settings).map_err(|error| with_sources(&error))?;
    announce(&emulator);
    serve(listener, &emulator, stopped()).await.map_err(|error| format!("the server stopped: {error}"))
}

fn announce(emulator: &Emulator) {
    let base = emulator.public_url();
    println!("Entra ID         {base}/{TENANT_ID}/v2.0");
    println!("Microsoft Graph  {}", emulator.graph_base_url());
    println!("Scenarios, log   {base}/emulator");
    println!();
    println!("API application  {API_CLIENT_ID}  secret {API_CLIENT_SECRET}");
    println!(
        "Web application  {SPA_CLIENT_ID}  redirects to http://localhost:<any port>/ and /redirect.html"
    );
    println!("Command line     {CLI_CLIENT_ID}  device code");
    println!();
    println!("Users (no passwords):");
    for user in emulator.users() {
        let remark = if user.guest { "  guest" } else { "" };
        println!("  {:<46}{}{remark}", user.user_principal_name, user.display_name);
    }
    println!("\nCtrl-C stops.");
}

async fn stopped() {
    if let Err(error) = tokio::signal::ctrl_c().await {
        tracing::warn!(%error, "cannot listen for Ctrl-C; end the process to stop");
        std::future::pending::<()>().await;
    }
}

fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
