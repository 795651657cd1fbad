//! The figures, as a table and as JSON.

use super::measure::{Kind, MemoryFigures, RunFigures, SweepFigures};
use crate::figures::{as_f64, grouped, median, ratio};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt;

/// What the product promises: at most so many times the time per account, and so many MB more.
const MOST_TIME: f64 = 1.2;
const MOST_GROWTH_MB: f64 = 20.0;

/// With more of the machine busy elsewhere, times say more about the rest of the machine than about the product.
const QUIET_PERCENT: f64 = 15.0;

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    processors: usize,
    per_account: Vec<PerAccount>,
    memory: Vec<MemoryOfSize>,
    /// Of the largest number of accounts to the smallest.
    comparisons: Vec<Comparison>,
    runs: Vec<RunFigures>,
}

/// Milliseconds per account; medians of the sweeps of one kind and number of accounts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct PerAccount {
    kind: Kind,
    accounts: u32,
    sweeps: usize,
    invocations: f64,
    wall_ms: f64,
    worker_ms: f64,
    store_ms: f64,
    emulator_ms: f64,
    /// Of all three.
    processor_ms: f64,
    /// How much of the machine's processors was busy with other things.
    elsewhere_percent: f64,
}

/// MB, 1,000,000 bytes each; the highest of all runs with so many accounts.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MemoryOfSize {
    kind: Kind,
    accounts: u32,
    start_mb: f64,
    end_mb: f64,
    peak_mb: f64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Comparison {
    what: String,
    unit: &'static str,
    value: f64,
    /// `None` for what is not promised but explains.
    at_most: Option<f64>,
}

impl Report {
    pub(crate) fn of(runs: Vec<RunFigures>) -> Self {
        let sizes: BTreeSet<u32> = runs.iter().map(|run| run.accounts).collect();
        let of_each = |kinds: &'static [Kind]| {
            kinds.iter().flat_map(|kind| sizes.iter().map(|accounts| (*kind, *accounts)))
        };
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let per_account: Vec<PerAccount> = of_each(&[Kind::Cached, Kind::Refreshed, Kind::HandedOn])
            .filter_map(|(kind, accounts)| PerAccount::of(&runs, kind, accounts, as_f64(processors)))
            .collect();
        let memory: Vec<MemoryOfSize> = of_each(&[Kind::Cached, Kind::HandedOn])
            .map(|(kind, accounts)| MemoryOfSize::of(&runs, kind, accounts))
            .collect();
        let comparisons = compare(&per_account, &memory);
        Self { processors, per_account, memory, comparisons, runs }
    }
}

impl PerAccount {
    fn of(runs: &[RunFigures], kind: Kind, accounts: u32, processors: f64) -> Option<Self> {
        let sweeps: Vec<&SweepFigures> = runs
            .iter()
            .filter(|run| run.accounts == accounts)
            .flat_map(|run| &run.sweeps)
            .filter(|sweep| sweep.kind == kind)
            .collect();
        let middle = |value: &dyn Fn(&SweepFigures) -> f64| {
            let values: Vec<f64> = sweeps.iter().map(|sweep| value(sweep)).collect();
            median(&values)
        };
        let ms = |value: &dyn Fn(&SweepFigures) -> f64| {
            middle(value).map(|seconds| seconds * 1_000.0 / f64::from(accounts))
        };
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let invocations = middle(&|sweep| sweep.invocations as f64)?;
        Some(Self {
            kind,
            accounts,
            sweeps: sweeps.len(),
            invocations,
            wall_ms: ms(&|sweep| sweep.wall_seconds)?,
            worker_ms: ms(&|sweep| sweep.worker_seconds)?,
            store_ms: ms(&|sweep| sweep.store_seconds)?,
            emulator_ms: ms(&|sweep| sweep.emulator_seconds)?,
            processor_ms: ms(&|sweep| sweep.worker_seconds + sweep.store_seconds + sweep.emulator_seconds)?,
            elsewhere_percent: middle(&|sweep| {
                sweep.elsewhere_seconds / sweep.wall_seconds / processors * 100.0
            })?,
        })
    }
}

impl MemoryOfSize {
    fn of(runs: &[RunFigures], kind: Kind, accounts: u32) -> Self {
        let figures = runs.iter().filter(|run| run.accounts == accounts).map(|run| match kind {
            Kind::HandedOn => &run.handed_on,
            Kind::Cached | Kind::Refreshed => &run.whole,
        });
        let figures: Vec<&MemoryFigures> = figures.collect();
        let highest = |value: fn(&MemoryFigures) -> u64| {
            megabytes(figures.iter().map(|figures| value(figures)).max().unwrap_or_default())
        };
        Self {
            kind,
            accounts,
            start_mb: highest(|figures| figures.start_kib),
            end_mb: highest(|figures| figures.end_kib),
            peak_mb: highest(|figures| figures.peak_kib),
        }
    }
}

fn megabytes(kib: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let bytes = (kib * 1024) as f64;
    bytes / 1e6
}

fn compare(per_account: &[PerAccount], memory: &[MemoryOfSize]) -> Vec<Comparison> {
    let mut comparisons = Vec::new();
    for kind in [Kind::Cached, Kind::Refreshed, Kind::HandedOn] {
        let (first, last) = ends(per_account, |row| row.kind == kind);
        let (Some(small), Some(large)) = (first, last) else { continue };
        let times = [
            ("time per account", large.wall_ms, small.wall_ms, Some(MOST_TIME)),
            ("processor time", large.processor_ms, small.processor_ms, None),
            ("  the worker's", large.worker_ms, small.worker_ms, None),
            ("  the table's", large.store_ms, small.store_ms, None),
            ("  the emulator's", large.emulator_ms, small.emulator_ms, None),
        ];
        comparisons.extend(times.into_iter().filter_map(|(what, large, small, at_most)| {
            let value = ratio(large, small)?;
            Some(Comparison { what: format!("{}: {what}", kind.name()), unit: "×", value, at_most })
        }));
    }
    for kind in [Kind::Cached, Kind::HandedOn] {
        let (Some(small), Some(large)) = ends(memory, |row| row.kind == kind) else { continue };
        comparisons.push(Comparison {
            what: format!("{}: peak memory of the worker", of_worker(kind)),
            unit: "MB more",
            value: large.peak_mb - small.peak_mb,
            at_most: Some(MOST_GROWTH_MB),
        });
    }
    comparisons
}

/// The rows of the fewest and of the most accounts.
fn ends<T>(rows: &[T], wanted: impl Fn(&T) -> bool) -> (Option<&T>, Option<&T>) {
    let mut rows = rows.iter().filter(|row| wanted(row));
    let first = rows.next();
    (first, rows.next_back())
}

/// The worker that sweeps all in one invocation does so for refreshed and for cached tokens.
fn of_worker(kind: Kind) -> &'static str {
    match kind {
        Kind::Cached | Kind::Refreshed => "one invocation",
        Kind::HandedOn => "handed on",
    }
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            out,
            "\nMilliseconds per account, medians; {} processors for all three and whatever else runs",
            self.processors
        )?;
        writeln!(
            out,
            "{:<11}{:>10}{:>8}{:>13}{:>9}{:>15}{:>9}{:>12}{:>15}",
            "token",
            "accounts",
            "sweeps",
            "invocations",
            "time",
            "worker's CPU",
            "table's",
            "emulator's",
            "elsewhere"
        )?;
        for row in &self.per_account {
            writeln!(
                out,
                "{:<11}{:>10}{:>8}{:>13.0}{:>9.3}{:>15.3}{:>9.3}{:>12.3}{:>10.0} % CPU",
                row.kind.name(),
                grouped(row.accounts.into()),
                row.sweeps,
                row.invocations,
                row.wall_ms,
                row.worker_ms,
                row.store_ms,
                row.emulator_ms,
                row.elsewhere_percent
            )?;
        }
        if self.per_account.iter().any(|row| row.elsewhere_percent > QUIET_PERCENT) {
            writeln!(
                out,
                "The machine was busy with other things. Compare processor times, or measure again when it is quiet."
            )?;
        }
        writeln!(out, "\nMemory of the worker, MB, the highest of all runs")?;
        writeln!(out, "{:<16}{:>10}{:>10}{:>10}{:>10}", "worker", "accounts", "at start", "at end", "peak")?;
        for row in &self.memory {
            writeln!(
                out,
                "{:<16}{:>10}{:>10.1}{:>10.1}{:>10.1}",
                of_worker(row.kind),
                grouped(row.accounts.into()),
                row.start_mb,
                row.end_mb,
                row.peak_mb
            )?;
        }
        let sizes: BTreeSet<u32> = self.runs.iter().map(|run| run.accounts).collect();
        let (Some(small), Some(large)) = (sizes.first(), sizes.last()) else { return Ok(()) };
        if small == large {
            return Ok(());
        }
        let (small, large) = (grouped((*small).into()), grouped((*large).into()));
        writeln!(out, "\n{large} accounts against {small}")?;
        for comparison in &self.comparisons {
            let Comparison { what, unit, value, at_most } = comparison;
            let promise = match at_most {
                None => String::new(),
                Some(most) if value <= most => format!("promised at most {most}: kept"),
                Some(most) => format!("promised at most {most}: NOT KEPT"),
            };
            let line = format!("{what:<46}{value:>8.2} {unit:<8} {promise}");
            writeln!(out, "{}", line.trim_end())?;
        }
        writeln!(out)
    }
}
