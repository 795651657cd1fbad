//! Who does the job: the product, and its peers.

use crate::error::BenchError;
use crate::site::{Site, set};
use crate::sweep::tick;
use clap::Args;
use lambda_host::Program;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The product's programs.
#[derive(Args)]
pub(crate) struct Functions {
    /// The API's program.
    #[arg(long)]
    api: PathBuf,
    /// The sweep's program.
    #[arg(long)]
    sweep: PathBuf,
}

/// Where a peer's interpreter and its sources are.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) interpreter: PathBuf,
    pub(crate) api: PathBuf,
    pub(crate) sweep: PathBuf,
    /// What is deployed: its sources and what they need.
    pub(crate) deployed: Vec<PathBuf>,
    pub(crate) table: &'static str,
    /// Whether its MSAL leaves the port out of an authority's name.
    pub(crate) without_port: bool,
}

/// One of those compared.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    is_product: bool,
    /// Accounts of one sweep: peers get fewer, because they take longer.
    pub(crate) accounts: u32,
    /// Of which the size is told.
    pub(crate) deployed: Vec<PathBuf>,
    api: Program,
    sweep: Program,
}

/// Accounts of the product are due again after so many seconds.
pub(crate) const SOON: u32 = 1;

impl Subject {
    pub(crate) fn product(site: &Site, functions: &Functions, accounts: u32) -> Self {
        let Functions { api, sweep } = functions;
        let program =
            |path: &Path, variables| Program { path: path.to_owned(), arguments: Vec::new(), variables };
        Self {
            name: "this product",
            is_product: true,
            accounts,
            deployed: vec![api.clone()],
            // Whoever calls the API is not due while anything is measured.
            api: program(api, site.variables([("SWEEP_IDLE_SECONDS", "86400".to_owned())])),
            sweep: program(sweep, site.worker_variables(SOON)),
        }
    }

    pub(crate) fn peer(site: &Site, peer: &Peer, accounts: u32) -> Self {
        let mut variables = site.variables([("SWEEP_IDLE_SECONDS", "1800".to_owned())]);
        set(&mut variables, "TABLE_NAME", peer.table);
        // Lambda sets both spellings; the AWS SDK for Python reads this one.
        if let Some((_, region)) = variables.iter().find(|(name, _)| name == "AWS_REGION").cloned() {
            set(&mut variables, "AWS_DEFAULT_REGION", region);
        }
        // The AWS SDK says at each start which Node it wants in 2027.
        set(&mut variables, "NODE_NO_WARNINGS", "1");
        // No settings of whoever runs this.
        set(&mut variables, "AWS_CONFIG_FILE", "/dev/null");
        set(&mut variables, "AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        let program = |source: &Path| Program {
            path: peer.interpreter.clone(),
            arguments: vec![source.display().to_string()],
            variables: variables.clone(),
        };
        Self {
            name: peer.name,
            is_product: false,
            accounts,
            deployed: peer.deployed.clone(),
            api: program(&peer.api),
            sweep: program(&peer.sweep),
        }
    }

    pub(crate) fn api(&self) -> &Program {
        &self.api
    }

    /// The worker with so many accounts in flight.
    pub(crate) fn sweep(&self, concurrency: u32) -> Program {
        let mut program = self.sweep.clone();
        set(&mut program.variables, "SWEEP_CONCURRENCY", concurrency.to_string());
        program
    }

    /// The event that makes the worker sweep all accounts.
    pub(crate) fn sweep_event(&self, concurrency: u32) -> Result<Value, BenchError> {
        if self.is_product { tick() } else { Ok(json!({ "concurrency": concurrency })) }
    }

    /// How many accounts a sweep acted for, by its answer.
    pub(crate) fn acted(&self, answer: &Value) -> u64 {
        let (outcomes, good): (&Value, &[&str]) = if self.is_product {
            (&answer["outcomes"], &["acted", "unchanged"])
        } else {
            (answer, &["cached", "refreshed"])
        };
        good.iter().filter_map(|outcome| outcomes[outcome].as_u64()).sum()
    }

    /// The same, with the table's server at another address.
    pub(crate) fn at_table(&self, url: &str) -> Self {
        let mut other = self.clone();
        for program in [&mut other.api, &mut other.sweep] {
            set(&mut program.variables, "AWS_ENDPOINT_URL_DYNAMODB", url);
        }
        other
    }
}
