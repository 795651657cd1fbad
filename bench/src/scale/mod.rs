//! What a warm request and a swept account cost, by the number of items in the table.
//!
//! The same users are served and swept each time, while the table fills up with accounts that are not theirs and not due.

mod measure;
mod report;
mod svg;

use crate::error::{BenchError, cannot};
use crate::figures::grouped;
use crate::jobs::Functions;
use crate::record;
use crate::site::{Site, on_site};
use clap::Args;
use measure::{Bystanders, Point};
use std::fs;
use std::path::PathBuf;

/// What to measure, with what.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Accounts beside those that are measured, two items each, rising.
    #[arg(long, value_delimiter = ',', default_value = "1,10,100,1000,10000,100000,500000",
        value_parser = clap::value_parser!(u32).range(1..=5_000_000))]
    accounts: Vec<u32>,
    #[command(flatten)]
    functions: Functions,
    /// Data while it is needed, and the figures (`scale.json`).
    #[arg(long)]
    folder: PathBuf,
    /// The curve, as SVG.
    #[arg(long)]
    curve: PathBuf,
}

/// Measures, prints the table to standard output, and writes curve and figures. What is being done goes to standard error.
pub(crate) fn bench(arguments: &Arguments) -> Result<(), BenchError> {
    let mut sizes = arguments.accounts.clone();
    sizes.sort_unstable();
    sizes.dedup();
    let data = arguments.folder.join("data");
    let points = on_site(&data, async |site| measure(site, arguments, &sizes).await)?;
    let file = record::write(&arguments.folder, "scale.json", &points)?;
    let curve = &arguments.curve;
    fs::write(curve, report::curve(&points)).map_err(cannot(format!("write {}", curve.display())))?;
    print!("{}", report::table(&points));
    eprintln!("The curve: {}; figures: {}", curve.display(), file.display());
    Ok(())
}

async fn measure(site: &Site, arguments: &Arguments, sizes: &[u32]) -> Result<Vec<Point>, BenchError> {
    let mut bystanders = Bystanders::prepare(site, &arguments.functions).await?;
    let mut points = Vec::with_capacity(sizes.len());
    for &accounts in sizes {
        eprintln!("{} accounts beside those that are measured", grouped(accounts.into()));
        points.push(bystanders.point(site, accounts).await?);
    }
    bystanders.stop().await;
    Ok(points)
}
