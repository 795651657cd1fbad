//! Starts alone: the functions and the bare program, with what a deployment of each weighs.

use super::cold::{self, ColdStart};
use super::report::{self, Row, decimals, megabytes, megabytes_of_kib, quotient};
use super::requests::{Tokens, send};
use super::sizes::{self, Size};
use super::subject::{Functions, Subject};
use super::use_usual_tokens;
use crate::error::BenchError;
use crate::figures::median;
use crate::process::Process;
use crate::record;
use crate::sessions::sign_in;
use crate::site::{Site, on_site};
use clap::Args;
use lambda_host::Program;
use serde::Serialize;
use serde_json::{Value, json};
use std::fmt::{self, Formatter};
use std::ops::Range;
use std::path::PathBuf;

/// What to measure, with what.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    functions: Functions,
    /// The bare program that starts are compared with.
    #[arg(long)]
    hello: PathBuf,
    /// Data while it is needed, and the figures of each start (`starts.json`).
    #[arg(long)]
    folder: PathBuf,
    /// Starts of each program.
    #[arg(long, default_value_t = 21, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    runs: u32,
}

/// The user who is answered.
const PRESENT: Range<u32> = 5_000_000..5_000_001;

/// What was measured of one program.
#[derive(Debug, Serialize)]
struct Started {
    name: &'static str,
    size: Size,
    starts: Vec<ColdStart>,
}

#[derive(Debug, Serialize)]
struct Starts(Vec<Started>);

/// One program, with the event that it is to answer first.
struct Starter {
    name: &'static str,
    program: Program,
    event: Value,
    is_answer: fn(&Value) -> bool,
}

/// Measures, prints the table to standard output, and writes the figures.
pub(crate) fn bench(arguments: &Arguments) -> Result<(), BenchError> {
    let data = arguments.folder.join("data");
    let starts = on_site(&data, async |site| measure(site, arguments).await)?;
    let file = record::write(&arguments.folder, "starts.json", &starts)?;
    print!("{starts}");
    eprintln!("Figures of each start: {}", file.display());
    Ok(())
}

async fn measure(site: &Site, arguments: &Arguments) -> Result<Starts, BenchError> {
    use_usual_tokens(site.emulator())?;
    let product = Subject::product(site, &arguments.functions, 0);
    let present = sign_in(site.emulator(), PRESENT).await?;
    // From then on the user's tokens are in the cache.
    let mut api = Process::start(product.api()).await?;
    send(&mut api, site.emulator(), present.iter(), Tokens::Exchanged).await?;
    api.stop().await;
    let nobody = || BenchError::NotMeasured("nobody is signed in".to_owned());
    let request = present.into_iter().next().ok_or_else(nobody)?;
    let hello = site.program(&arguments.hello);
    let starters = [
        Starter {
            name: "profile-api",
            program: product.api().clone(),
            event: request.clone(),
            is_answer: cold::is_ok,
        },
        Starter {
            name: "background-sweep",
            program: product.sweep(1),
            event: json!({ "dryRun": true }),
            is_answer: |answer| answer["due"].is_u64(),
        },
        Starter { name: "hello world", program: hello, event: request, is_answer: cold::is_ok },
    ];
    let mut started = Vec::new();
    for Starter { name, program, .. } in &starters {
        started.push(Started {
            name,
            size: sizes::of(std::slice::from_ref(&program.path))?,
            starts: Vec::new(),
        });
    }
    // In turns, so that a machine that becomes slower does so for all of them.
    for _ in 0..arguments.runs {
        for (starter, started) in starters.iter().zip(&mut started) {
            started.starts.push(cold::start(&starter.program, &starter.event, starter.is_answer).await?);
        }
    }
    Ok(Starts(started))
}

impl Started {
    fn middle(&self, value: fn(&ColdStart) -> f64) -> Option<f64> {
        median(&self.starts.iter().map(value).collect::<Vec<_>>())
    }
}

impl fmt::Display for Starts {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let bare = self.0.last().and_then(|hello| hello.middle(|start| start.initialised_ms));
        let row = |one: &Started| -> Row {
            let initialised = one.middle(|start| start.initialised_ms);
            vec![
                one.name.to_owned(),
                megabytes(Some(one.size.plain)),
                megabytes(Some(one.size.zipped)),
                decimals(initialised, 1),
                decimals(quotient(initialised, bare), 1),
                decimals(one.middle(|start| start.answered_ms), 1),
                decimals(one.middle(|start| start.processor_ms), 1),
                megabytes_of_kib(one.middle(|start| report::kib(start.peak_kib))),
            ]
        };
        let runs = self.0.first().map_or(0, |one| one.starts.len());
        writeln!(out, "Medians of {runs} starts of each, in turns.\n")?;
        let head = [
            "",
            "MB",
            "zipped MB",
            "ms to first `/next`",
            "× hello world",
            "ms to first answer",
            "CPU ms",
            "peak MB",
        ];
        report::table(out, &head, &self.0.iter().map(row).collect::<Vec<_>>())
    }
}
