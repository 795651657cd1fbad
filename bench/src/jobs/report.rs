//! The figures as Markdown and as JSON.

use super::ceiling::Ceiling;
use super::cold::ColdStart;
use super::requests::Requests;
use super::sizes::Size;
use super::sweeps::{CONCURRENCIES, Kind, Sweep};
use super::units::UnitsOfJobs;
use crate::figures::{grouped_f64, median, ratio};
use crate::units::Units;
use serde::Serialize;
use std::fmt::{self, Formatter};

/// What was measured of one subject: one figure per round in each list. The first subject is the product.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Measured {
    pub(crate) name: &'static str,
    pub(crate) size: Option<Size>,
    pub(crate) units: UnitsOfJobs,
    pub(crate) warm: Vec<Requests>,
    /// The first request of a user who was never here.
    pub(crate) first: Vec<Requests>,
    /// The first request of a session of a user who was here before.
    pub(crate) session: Vec<Requests>,
    pub(crate) cold: Vec<ColdStart>,
    pub(crate) sweeps: Vec<Sweep>,
    pub(crate) api_peak_kib: u64,
    pub(crate) sweep_peak_kib: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    processors: usize,
    rounds: usize,
    token_lengths: [usize; 3],
    measured: Vec<Measured>,
    ceilings: Vec<Ceiling>,
}

/// A row of a table: what it is of, and its cells.
pub(super) type Row = Vec<String>;

impl Measured {
    fn middle<T>(samples: &[T], value: impl Fn(&T) -> f64) -> Option<f64> {
        let values: Vec<f64> = samples.iter().map(value).collect();
        median(&values)
    }

    fn sweep(&self, kind: Kind, concurrency: u32, value: impl Fn(&Sweep) -> f64) -> Option<f64> {
        let chosen: Vec<&Sweep> = self
            .sweeps
            .iter()
            .filter(|sweep| sweep.kind == kind && sweep.concurrency == concurrency)
            .collect();
        Self::middle(&chosen, |sweep| value(sweep))
    }

    /// Accounts per processor second at the number in flight at which there are most.
    fn best_sweep(&self, kind: Kind) -> Option<f64> {
        let all = CONCURRENCIES
            .iter()
            .filter_map(|concurrency| self.sweep(kind, *concurrency, Sweep::per_processor_second));
        all.max_by(f64::total_cmp)
    }
}

impl Report {
    pub(crate) fn new(
        measured: Vec<Measured>,
        ceilings: Vec<Ceiling>,
        rounds: usize,
        token_lengths: [usize; 3],
    ) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { processors, rounds, token_lengths, measured, ceilings }
    }

    /// All but the bare programs.
    fn subjects(&self) -> impl Iterator<Item = &Measured> {
        self.measured.iter().filter(|one| !one.sweeps.is_empty())
    }

    fn requests(&self, samples: impl Fn(&Measured) -> &[Requests]) -> Vec<Row> {
        let ours = self
            .measured
            .first()
            .and_then(|ours| Measured::middle(samples(ours), Requests::per_processor_second));
        let row = |one: &Measured| {
            let of = |value: fn(&Requests) -> f64| Measured::middle(samples(one), value);
            let per_second = of(Requests::per_processor_second);
            vec![
                one.name.to_owned(),
                whole(per_second),
                decimals(per_second.map(|rate| 1_000.0 / rate), 3),
                times(ours, per_second),
                decimals(of(|requests| requests.p50_ms), 2),
                decimals(of(|requests| requests.p99_ms), 2),
            ]
        };
        self.measured.iter().filter(|one| !samples(one).is_empty()).map(row).collect()
    }

    fn starts(&self) -> Vec<Row> {
        let ours =
            self.measured.first().and_then(|ours| Measured::middle(&ours.cold, |start| start.answered_ms));
        let row = |one: &Measured| {
            let of = |value: fn(&ColdStart) -> f64| Measured::middle(&one.cold, value);
            let answered = of(|start| start.answered_ms);
            vec![
                one.name.to_owned(),
                decimals(of(|start| start.initialised_ms), 1),
                decimals(answered, 1),
                times(answered, ours),
                decimals(of(|start| start.processor_ms), 1),
                megabytes_of_kib(of(|start| kib(start.peak_kib))),
            ]
        };
        self.measured.iter().filter(|one| !one.cold.is_empty()).map(row).collect()
    }

    fn sweeps(&self, kind: Kind) -> Vec<Row> {
        let row = |one: &Measured| {
            let at = |value: fn(&Sweep) -> f64| {
                CONCURRENCIES.map(|concurrency| whole(one.sweep(kind, concurrency, value)))
            };
            let (per_second, per_processor) = (at(Sweep::per_second), at(Sweep::per_processor_second));
            std::iter::once(one.name.to_owned()).chain(per_second).chain(per_processor).collect()
        };
        self.subjects().map(row).collect()
    }

    fn footprint(&self) -> Vec<Row> {
        let row = |one: &Measured| {
            let bytes = |value: fn(&Size) -> u64| one.size.as_ref().map(value);
            let peak = |kib_: u64| (kib_ > 0).then(|| kib(kib_));
            vec![
                one.name.to_owned(),
                megabytes_of_kib(peak(one.api_peak_kib)),
                megabytes_of_kib(peak(one.sweep_peak_kib)),
                megabytes(bytes(|size| size.plain)),
                megabytes(bytes(|size| size.zipped)),
            ]
        };
        self.measured.iter().filter(|one| one.size.is_some()).map(row).collect()
    }

    fn units(&self) -> Vec<Row> {
        let cell = |units: Option<Units>| {
            units.map_or_else(String::new, |Units { requests, read_units, write_units }| {
                format!("{requests:.2}: {read_units:.1} / {write_units:.1}")
            })
        };
        let row = |one: &Measured| {
            let UnitsOfJobs { warm, miss, cached, refreshed } = one.units;
            std::iter::once(one.name.to_owned()).chain([warm, miss, cached, refreshed].map(cell)).collect()
        };
        self.subjects().map(row).collect()
    }

    /// What the product is held to, against MSAL Node.
    fn bar(&self) -> Vec<Row> {
        let named = |name: &str| self.measured.iter().find(|one| one.name == name);
        let (Some(ours), Some(node)) = (self.measured.first(), named("MSAL Node")) else { return Vec::new() };
        let hello = named("hello world");
        let rate = |one: &Measured, samples: fn(&Measured) -> &[Requests]| {
            Measured::middle(samples(one), Requests::per_processor_second)
        };
        let per_rate =
            |samples: fn(&Measured) -> &[Requests]| quotient(rate(ours, samples), rate(node, samples));
        let peak = |one: &Measured| (one.api_peak_kib > 0).then(|| kib(one.api_peak_kib));
        let answered = |one: &Measured| Measured::middle(&one.cold, |start| start.answered_ms);
        let initialised = |one: &Measured| Measured::middle(&one.cold, |start| start.initialised_ms);
        let sequential =
            |kind| quotient(ours.best_sweep(kind), node.sweep(kind, 1, Sweep::per_processor_second));
        let best = |kind| quotient(ours.best_sweep(kind), node.best_sweep(kind));
        let at_least = |what: &str, least: f64, is: Option<f64>| {
            verdict(what, &format!("≥ {least} ×"), &decimals(is, 1), is.is_some_and(|is| is >= least))
        };
        let at_most = |what: &str, most: f64, is: Option<f64>| {
            verdict(what, &format!("≤ {most} ×"), &decimals(is, 3), is.is_some_and(|is| is <= most))
        };
        let zipped = ours.size.map(|size| size.zipped);
        vec![
            at_least("warm path: requests per processor second", 10.0, per_rate(|one| &one.warm)),
            at_most("warm and miss path: peak memory", 0.25, quotient(peak(ours), peak(node))),
            at_least(
                "miss path, new sessions: requests per processor second",
                5.0,
                per_rate(|one| &one.session),
            ),
            at_least("miss path, new users: requests per processor second", 5.0, per_rate(|one| &one.first)),
            at_least("sweep, cached, against one after the other", 10.0, sequential(Kind::Cached)),
            at_least("sweep, refreshed, against one after the other", 10.0, sequential(Kind::Refreshed)),
            at_least("sweep, cached, against the peer's best", 3.0, best(Kind::Cached)),
            at_least("sweep, refreshed, against the peer's best", 3.0, best(Kind::Refreshed)),
            at_most("start to first answer", 0.1, quotient(answered(ours), answered(node))),
            at_most(
                "initialisation, against the bare program",
                1.5,
                quotient(initialised(ours), hello.and_then(initialised)),
            ),
            verdict(
                "zip of the API",
                "≤ 5 MB",
                &megabytes(zipped),
                zipped.is_some_and(|zipped| zipped <= 5_000_000),
            ),
        ]
    }
}

fn verdict(what: &str, bar: &str, is: &str, kept: bool) -> Row {
    vec![what.to_owned(), bar.to_owned(), is.to_owned(), if kept { "kept" } else { "NOT KEPT" }.to_owned()]
}

pub(super) fn quotient(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    ratio(one?, other?)
}

/// How many times `other` goes into `one`.
fn times(one: Option<f64>, other: Option<f64>) -> String {
    quotient(one, other).map_or_else(String::new, |times| format!("{times:.1}"))
}

fn whole(value: Option<f64>) -> String {
    value.map_or_else(String::new, grouped_f64)
}

pub(super) fn decimals(value: Option<f64>, places: usize) -> String {
    value.map_or_else(String::new, |value| format!("{value:.places$}"))
}

/// MB, 1,000,000 bytes each.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(super) fn megabytes(bytes: Option<u64>) -> String {
    decimals(bytes.map(|bytes| bytes as f64 / 1e6), 1)
}

pub(super) fn megabytes_of_kib(kib: Option<f64>) -> String {
    decimals(kib.map(|kib| kib * 1024.0 / 1e6), 1)
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
pub(super) fn kib(kib: u64) -> f64 {
    kib as f64
}

pub(super) fn table(out: &mut Formatter<'_>, head: &[&str], rows: &[Row]) -> fmt::Result {
    writeln!(out, "| {} |", head.join(" | "))?;
    writeln!(out, "|---|{}", "---:|".repeat(head.len() - 1))?;
    for row in rows {
        writeln!(out, "| {} |", row.join(" | "))?;
    }
    writeln!(out)
}

impl fmt::Display for Report {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let Self { processors, rounds, token_lengths: [access, refresh, _], .. } = self;
        writeln!(out, "# Results\n")?;
        writeln!(
            out,
            "Written by `cargo xtask bench`; `docs/performance.md` says how it measures and what the figures mean. Medians of \
             {rounds} rounds on {processors}\nprocessors, everybody in turns, before one emulator and one embedded table. Access tokens \
             have {access} characters, refresh tokens {refresh}. Figures\nof other machines differ; ratios of one run say more.\n"
        )?;
        let requests = ["", "requests per CPU second", "CPU ms", "ours is × as many", "p50 ms", "p99 ms"];
        writeln!(out, "## Warm path: token in the cache, process running\n")?;
        table(out, &requests, &self.requests(|one| &one.warm))?;
        writeln!(out, "## Miss path: each request the first of a new session of a known user\n")?;
        table(out, &requests, &self.requests(|one| &one.session))?;
        writeln!(out, "## Miss path: each request the first ever of its user\n")?;
        table(out, &requests, &self.requests(|one| &one.first))?;
        for kind in Kind::ALL {
            writeln!(
                out,
                "## Sweep, {}: accounts per second, then per CPU second, by accounts in flight\n",
                kind.name()
            )?;
            let numbers = CONCURRENCIES.map(|concurrency| concurrency.to_string());
            let per_processor = CONCURRENCIES.map(|concurrency| format!("{concurrency}, CPU"));
            let head: Vec<&str> =
                std::iter::once("").chain(numbers.iter().chain(&per_processor).map(String::as_str)).collect();
            table(out, &head, &self.sweeps(kind))?;
        }
        writeln!(out, "## Start\n")?;
        let head = ["", "ms to first `/next`", "ms to first answer", "× ours", "CPU ms", "peak MB"];
        table(out, &head, &self.starts())?;
        writeln!(out, "## Memory and size\n")?;
        table(out, &["", "API, peak MB", "sweep, peak MB", "deployed MB", "zipped MB"], &self.footprint())?;
        writeln!(out, "## Table: requests, read units / write units of each job\n")?;
        let head = ["", "warm request", "first request of a user", "swept, cached", "swept, refreshed"];
        table(out, &head, &self.units())?;
        writeln!(out, "## What emulator and table bear, requests per second, 16 at a time\n")?;
        let of = |value: fn(&Ceiling) -> f64| whole(Measured::middle(&self.ceilings, value));
        let ceilings = vec![
            vec!["Graph `/me`".to_owned(), of(|ceiling| ceiling.graph)],
            vec!["signing keys".to_owned(), of(|ceiling| ceiling.signing_keys)],
            vec!["table, `GetItem`".to_owned(), of(|ceiling| ceiling.table)],
        ];
        table(out, &["", "per second"], &ceilings)?;
        let bar = self.bar();
        if !bar.is_empty() {
            writeln!(out, "## The bar, against MSAL Node\n")?;
            table(out, &["", "bar", "measured", ""], &bar)?;
        }
        Ok(())
    }
}
