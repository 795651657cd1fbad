//! The product's jobs, each beside the same job done with MSAL Node and MSAL Python: requests of users, sweeps, starts.
//!
//! All are processes behind the same runtime API (`lambda-host`), before the same emulator and the same embedded table, measured in
//! one run and in turns. What the machine does besides is in nobody's processor time, and medians are of several rounds; so ratios
//! mean more than figures.

mod ceiling;
mod cold;
mod peer_table;
mod report;
mod requests;
mod rounds;
mod sizes;
pub(crate) mod starts;
mod subject;
mod sweeps;
mod units;

use crate::error::{BenchError, cannot};
use crate::record;
use crate::site::{Site, on_site};
use clap::Args;
use entra_emulator::Emulator;
use peer_table::PeerTable;
pub(crate) use requests::{Tokens, send};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use subject::Peer;
pub(crate) use subject::{Functions, Subject};
pub(crate) use sweeps::{Kind, Workers, set_token_life};

/// What to measure, with what.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    functions: Functions,
    #[command(flatten)]
    bare: Bare,
    /// `bench/peers`.
    #[arg(long)]
    peers: PathBuf,
    /// Node; without it there is no peer in Node.
    #[arg(long)]
    node: Option<PathBuf>,
    /// A Python that has what the peer in Python needs; without it there is none.
    #[arg(long)]
    python: Option<PathBuf>,
    /// Where the Python's packages are, for their size.
    #[arg(long, requires = "python")]
    python_packages: Option<PathBuf>,
    /// Data while it is needed, and the figures of each round (`jobs.json`).
    #[arg(long)]
    folder: PathBuf,
    /// The report.
    #[arg(long)]
    results: PathBuf,
    /// One round with little in it, to see whether everything works.
    #[arg(long)]
    quick: bool,
}

/// Programs that do less than the job.
#[derive(Args)]
pub(crate) struct Bare {
    /// The bare program that starts are compared with.
    #[arg(long)]
    hello: PathBuf,
    /// The calls of the product's requests, and nothing besides.
    #[arg(long)]
    calls: PathBuf,
}

/// How much is done in one round.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    pub(crate) rounds: usize,
    /// Requests of a round, of the product and of each peer.
    pub(crate) warm: (usize, usize),
    pub(crate) miss: u32,
    pub(crate) starts: usize,
    /// Accounts of a sweep.
    pub(crate) accounts: (u32, u32),
}

const WHOLE: Extent = Extent { rounds: 5, warm: (3_000, 600), miss: 400, starts: 3, accounts: (1_000, 200) };
const QUICK: Extent = Extent { rounds: 1, warm: (600, 120), miss: 60, starts: 1, accounts: (200, 40) };

/// Measures, prints the tables to standard output, and writes report and figures. What is being done goes to standard error.
pub(crate) fn bench(arguments: &Arguments) -> Result<(), BenchError> {
    let extent = if arguments.quick { QUICK } else { WHOLE };
    let data = arguments.folder.join("data");
    let report = on_site(&data, async |site| measure(site, arguments, extent).await)?;
    let file = record::write(&arguments.folder, "jobs.json", &report)?;
    let text = report.to_string();
    fs::write(&arguments.results, &text).map_err(cannot(format!("write {}", arguments.results.display())))?;
    print!("{text}");
    eprintln!("Written to {}; figures of each round: {}", arguments.results.display(), file.display());
    Ok(())
}

async fn measure(site: &Site, arguments: &Arguments, extent: Extent) -> Result<report::Report, BenchError> {
    use_usual_tokens(site.emulator())?;
    eprintln!("making accounts");
    let (of_product, of_peers) = extent.accounts;
    site.seed(of_product, 0).await?;
    let mut subjects = vec![Subject::product(site, &arguments.functions, of_product)];
    for peer in peers(arguments) {
        let table = PeerTable::create(site.table_url(), peer.table).await?;
        table.seed(site.emulator(), &cached_environment(site, &peer), of_peers).await?;
        subjects.push(Subject::peer(site, &peer, of_peers));
    }
    rounds::run(site, &subjects, &arguments.bare, extent).await
}

/// Lengths in characters of access, refresh and id tokens, as Entra ID's are: `docs/data-model.md`, "What it costs".
const TOKEN_LENGTHS: [usize; 3] = [2_500, 1_600, 1_300];

/// Makes the emulator's tokens as long as Entra ID's.
pub(crate) fn use_usual_tokens(emulator: &Emulator) -> Result<(), BenchError> {
    let [access, refresh, id] = TOKEN_LENGTHS;
    let lengths = json!({ "accessToken": access, "refreshToken": refresh, "idToken": id });
    emulator
        .change_scenarios(&json!({ "tokenSizes": lengths }))
        .map_err(cannot("make tokens as long as Entra ID's"))?;
    Ok(())
}

/// What the peer's MSAL calls the emulator in its cache.
fn cached_environment(site: &Site, peer: &Peer) -> String {
    let host = site.emulator().public_url().trim_start_matches("http://");
    let name = host.split(':').next().unwrap_or(host);
    if peer.without_port { name.to_owned() } else { host.to_owned() }
}

fn peers(arguments: &Arguments) -> Vec<Peer> {
    let source = |folder: &str, name: &str| arguments.peers.join(folder).join(name);
    let node = arguments.node.as_deref().map(|node| Peer {
        name: "MSAL Node",
        interpreter: node.to_owned(),
        api: source("node", "src/api.js"),
        sweep: source("node", "src/sweep.js"),
        deployed: vec![source("node", "src"), source("node", "node_modules")],
        table: "peer-node",
        without_port: false,
    });
    let packages = arguments.python_packages.as_deref().map(Path::to_owned);
    let python = arguments.python.as_deref().map(|python| Peer {
        name: "MSAL Python",
        interpreter: python.to_owned(),
        api: source("python", "api.py"),
        sweep: source("python", "sweep.py"),
        deployed: packages.into_iter().chain([source("python", "")]).collect(),
        table: "peer-python",
        without_port: true,
    });
    node.into_iter().chain(python).collect()
}
