//! One size of the table.

use crate::error::{BenchError, cannot};
use crate::figures::median;
use crate::jobs::{Functions, Kind, Subject, Tokens, Workers, send, set_token_life, use_usual_tokens};
use crate::process::Process;
use crate::processor;
use crate::sessions::sign_in;
use crate::site::Site;
use crate::store::STORE_THREADS;
use crate::units::{self, Units};
use serde::Serialize;
use serde_json::Value;
use std::ops::Range;
use std::time::Instant;
use table_door::Door;

/// Users who are served; their numbers are far from those of all others.
const PRESENT: Range<u32> = 5_000_000..5_000_050;

/// Accounts that are swept: the first ones.
const SWEPT: u32 = 200;

const REQUESTS: usize = 1_000;
const IN_FLIGHT: u32 = 32;

/// How often each is measured at one size.
const TIMES: usize = 5;

/// The turns of all others are spread over 30 years, so that as good as none is due while this runs.
const NOT_DUE_WITHIN_SECONDS: u32 = 946_080_000;

/// What it costs with so many accounts beside those that are measured; medians.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Point {
    /// All items of the table.
    pub(crate) items: u32,
    pub(crate) seeding_seconds: f64,
    /// A warm request.
    pub(crate) request: Cost,
    /// A turn of an account with a cached token.
    pub(crate) account: Cost,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Cost {
    pub(crate) units: Units,
    /// Processor time of the function's process, in milliseconds.
    pub(crate) function_ms: f64,
    /// Processor time of the table's server, in milliseconds.
    pub(crate) table_ms: f64,
}

/// The functions, before the table and before the door to it.
pub(crate) struct Bystanders {
    present: Vec<Value>,
    api: Process,
    counted_api: Process,
    door: Door,
    workers: Workers,
    counted_workers: Workers,
}

/// What was used until a moment.
struct Reading {
    function: f64,
    table: f64,
}

impl Bystanders {
    /// Makes the accounts that are measured and starts the functions.
    pub(crate) async fn prepare(site: &Site, functions: &Functions) -> Result<Self, BenchError> {
        let emulator = site.emulator();
        use_usual_tokens(emulator)?;
        site.seed(SWEPT, 0).await?;
        let subject = Subject::product(site, functions, SWEPT);
        let door = Door::before(site.table_url()).await.map_err(cannot("stand before the table"))?;
        let behind_door = subject.at_table(door.url());
        let present = sign_in(emulator, PRESENT).await?;
        let mut api = Process::start(subject.api()).await?;
        send(&mut api, emulator, present.iter(), Tokens::Exchanged).await?;
        let counted_api = Process::start(behind_door.api()).await?;
        counted_api.initialised().await?;
        let mut workers = Workers::start(&subject, &[IN_FLIGHT]).await?;
        let counted_workers = Workers::start(&behind_door, &[IN_FLIGHT]).await?;
        set_token_life(emulator, Kind::Cached)?;
        workers.sweep(emulator, Kind::Refreshed, IN_FLIGHT).await?;
        Ok(Self { present, api, counted_api, door, workers, counted_workers })
    }

    pub(crate) async fn point(&mut self, site: &Site, others: u32) -> Result<Point, BenchError> {
        let emulator = site.emulator();
        let begun = Instant::now();
        site.seed(SWEPT + others, NOT_DUE_WITHIN_SECONDS).await?;
        let seeding_seconds = begun.elapsed().as_secs_f64();

        let count = u32::try_from(self.present.len()).unwrap_or(u32::MAX);
        units::forget(&self.door);
        send(&mut self.counted_api, emulator, self.present.iter(), Tokens::Cached).await?;
        let request_units = units::take(&self.door, count)?;
        units::forget(&self.door);
        self.counted_workers.others_swept();
        self.counted_workers.sweep(emulator, Kind::Cached, IN_FLIGHT).await?;
        self.workers.others_swept();
        let account_units = units::take(&self.door, SWEPT)?;

        let (mut requests, mut accounts) = (Vec::new(), Vec::new());
        for _ in 0..TIMES {
            let before = table_time()?;
            let events = self.present.iter().cycle().take(REQUESTS);
            let sent = send(&mut self.api, emulator, events, Tokens::Cached).await?;
            requests.push(Reading { function: sent.processor_seconds, table: table_time()? - before });
            let before = table_time()?;
            let swept = self.workers.sweep(emulator, Kind::Cached, IN_FLIGHT).await?;
            accounts.push(Reading { function: swept.processor_seconds, table: table_time()? - before });
        }
        Ok(Point {
            // Tokens and activity of each; a tick or two and the signing keys besides.
            items: 2 * (SWEPT + others + count),
            seeding_seconds,
            request: cost(request_units, &requests, crate::figures::as_f64(REQUESTS)),
            account: cost(account_units, &accounts, f64::from(SWEPT)),
        })
    }

    pub(crate) async fn stop(self) {
        self.api.stop().await;
        self.counted_api.stop().await;
        self.workers.stop().await;
        self.counted_workers.stop().await;
    }
}

fn table_time() -> Result<f64, BenchError> {
    Ok(processor::of_own_threads(STORE_THREADS)?.0.as_secs_f64())
}

fn cost(units: Units, readings: &[Reading], pieces: f64) -> Cost {
    let middle = |value: fn(&Reading) -> f64| {
        let values: Vec<f64> = readings.iter().map(|reading| value(reading) * 1_000.0 / pieces).collect();
        median(&values).unwrap_or_default()
    };
    Cost { units, function_ms: middle(|reading| reading.function), table_ms: middle(|reading| reading.table) }
}
