//! How a worker's memory and its time per account depend on the number of accounts.
//!
//! The worker is the program that is deployed, in a process of its own. Table and emulator are in this process, the table's
//! threads apart from the others, so that it shows whose processor time grows.

mod measure;
mod report;
mod worker;

pub(crate) use worker::tick;

use crate::error::BenchError;
use crate::figures::{grouped, spread};
use crate::record;
use crate::site::empty_folder;
use crate::store::{STORE_THREADS, runtime};
use clap::Args;
use measure::RunFigures;
use std::path::PathBuf;

/// What to measure, with what.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Numbers of accounts, each measured on a table of its own.
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000",
        value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    accounts: Vec<u32>,
    /// How often each is measured, instead of the oftener the fewer accounts: 5, 2 and 1 times.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    runs: Option<u32>,
    /// The sweep's program.
    #[arg(long)]
    worker: PathBuf,
    /// Where the figures go, as `sweep.json`; tables are kept below it while they are needed.
    #[arg(long)]
    folder: PathBuf,
}

/// Measures, prints the table to standard output, and writes the figures. What is being done goes to standard error.
pub(crate) fn bench(arguments: &Arguments) -> Result<(), BenchError> {
    let mut sizes = arguments.accounts.clone();
    sizes.sort_unstable();
    sizes.dedup();
    let data = arguments.folder.join("data");
    empty_folder(&data)?;
    let (host, store) = (runtime("host")?, runtime(STORE_THREADS)?);
    let times: Vec<usize> = sizes.iter().map(|accounts| times(*accounts, arguments.runs)).collect();
    let order = spread(&times);
    let mut runs: Vec<RunFigures> = Vec::with_capacity(order.len());
    for (number, place) in order.iter().enumerate() {
        let accounts = sizes[*place];
        eprintln!("run {} of {}: {} accounts", number + 1, order.len(), grouped(accounts.into()));
        let run = measure::run(accounts, &arguments.worker, &data, store.handle());
        runs.push(host.block_on(run)?);
    }
    let report = report::Report::of(runs);
    let file = record::write(&arguments.folder, "sweep.json", &report)?;
    print!("{report}");
    println!("Figures of each run: {}", file.display());
    Ok(())
}

/// The longer a run takes, the less it is disturbed by what else the machine does.
fn times(accounts: u32, wanted: Option<u32>) -> usize {
    let times = wanted.unwrap_or(match accounts {
        0..=3_000 => 5,
        3_001..=30_000 => 2,
        _ => 1,
    });
    usize::try_from(times).unwrap_or(usize::MAX)
}
