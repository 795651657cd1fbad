//! The rounds: each measures everything once, whoever comes first changing from round to round.

use super::ceiling::{self, Ceiling, Servers};
use super::cold::{self, ColdStart};
use super::report::{Measured, Report};
use super::requests::{Tokens, measure, send};
use super::sizes;
use super::subject::Subject;
use super::sweeps::{CONCURRENCIES, Kind, Workers, set_token_life};
use super::units::UnitsOfJobs;
use super::{Bare, Extent, TOKEN_LENGTHS};
use crate::error::{BenchError, cannot};
use crate::process::Process;
use crate::sessions::sign_in;
use crate::site::{Site, TABLE};
use entra_emulator::{API_CLIENT_ID, API_CLIENT_SECRET, TENANT_ID};
use lambda_host::Program;
use serde_json::{Value, json};
use std::ops::Range;
use std::time::Duration;

/// Users who are at the page, one session each. Their numbers are far from those of the accounts that are swept.
const PRESENT: Range<u32> = 5_000_000..5_000_050;
const FIRST_NEWCOMER: u32 = 6_000_000;

/// Users whose requests are counted in units.
const COUNTED: u32 = 20;

/// For how long each server is asked.
const CEILING_TIME: Duration = Duration::from_millis(700);

pub(super) async fn run(
    site: &Site,
    subjects: &[Subject],
    bare: &Bare,
    extent: Extent,
) -> Result<Report, BenchError> {
    let emulator = site.emulator();
    let mut newcomers = FIRST_NEWCOMER..;
    let mut next = |count: u32| {
        let first = newcomers.start;
        newcomers.start += count;
        first..newcomers.start
    };
    let mut measured: Vec<Measured> = Vec::new();
    for subject in subjects {
        eprintln!("{}: sizes, units of the table", subject.name);
        let fresh = sign_in(emulator, next(COUNTED)).await?;
        let mut units = UnitsOfJobs::of_requests(subject, emulator, site.table_url(), &fresh).await?;
        set_token_life(emulator, Kind::Refreshed)?;
        units.add_sweep(subject, emulator, site.table_url(), Kind::Refreshed).await?;
        set_token_life(emulator, Kind::Cached)?;
        let deployed = Some(sizes::of(&subject.deployed)?);
        measured.push(Measured { name: subject.name, size: deployed, units, ..Measured::default() });
    }
    let hello_program = site.program(&bare.hello);
    let hello_size = Some(sizes::of(std::slice::from_ref(&bare.hello))?);
    let hello_place = measured.len();
    measured.push(Measured { name: "hello world", size: hello_size, ..Measured::default() });
    let calls_place = measured.len();
    measured.push(Measured { name: "our calls alone", ..Measured::default() });

    let present = sign_in(emulator, PRESENT).await?;
    let mut apis = Vec::new();
    let mut workers = Vec::new();
    for subject in subjects {
        let mut api = Process::start(subject.api()).await?;
        send(&mut api, emulator, present.iter(), Tokens::Exchanged).await?;
        apis.push(api);
        workers.push(Workers::start(subject, &CONCURRENCIES).await?);
    }
    let mut hello = Process::start(&hello_program).await?;
    let mut calls = Process::start(&site.program(&bare.calls)).await?;
    send(&mut calls, emulator, asking("/session", &present).iter(), Tokens::Exchanged).await?;
    let asking_warm = asking("/warm", &present);
    let graph_token = graph_token(site, &present).await?;
    let mut ceilings: Vec<Ceiling> = Vec::new();
    for round in 0..extent.rounds {
        eprintln!("requests, starts, sweeps with refreshed tokens: round {} of {}", round + 1, extent.rounds);
        let order = order(subjects.len(), round);
        let users = next(extent.miss);
        let newcomers = sign_in(emulator, users.clone()).await?;
        for &place in &order {
            let count = if place == 0 { extent.warm.0 } else { extent.warm.1 };
            let events = present.iter().cycle().take(count);
            measured[place].warm.push(send(&mut apis[place], emulator, events, Tokens::Cached).await?);
        }
        let events = asking_warm.iter().cycle().take(extent.warm.0);
        measured[calls_place].warm.push(send(&mut calls, emulator, events, Tokens::Cached).await?);
        let events = present.iter().cycle().take(extent.warm.0);
        measured[hello_place].warm.push(measure(&mut hello, events, cold::is_ok).await?);
        for &place in &order {
            let events = newcomers.iter();
            measured[place].first.push(send(&mut apis[place], emulator, events, Tokens::Exchanged).await?);
        }
        let returning = sign_in(emulator, users).await?;
        for &place in &order {
            let events = returning.iter();
            measured[place].session.push(send(&mut apis[place], emulator, events, Tokens::Exchanged).await?);
        }
        let events = asking("/session", &returning);
        measured[calls_place]
            .session
            .push(send(&mut calls, emulator, events.iter(), Tokens::Exchanged).await?);
        for _ in 0..extent.starts {
            for &place in &order {
                measured[place].cold.push(cold_start(subjects[place].api(), &present).await?);
            }
            measured[hello_place].cold.push(cold_start(&hello_program, &present).await?);
        }
        set_token_life(emulator, Kind::Refreshed)?;
        sweep(site, &mut workers, &mut measured, Kind::Refreshed, &order).await?;
        set_token_life(emulator, Kind::Cached)?;
        ceilings.push(ceiling(site, &graph_token).await?);
    }
    // Afterwards, because tokens that were cached once are not refreshed for a day.
    for ((subject, measured), workers) in subjects.iter().zip(&mut measured).zip(&mut workers) {
        measured.units.add_sweep(subject, emulator, site.table_url(), Kind::Cached).await?;
        workers.others_swept();
    }
    for round in 0..extent.rounds {
        eprintln!("sweeps with cached tokens: round {} of {}", round + 1, extent.rounds);
        sweep(site, &mut workers, &mut measured, Kind::Cached, &order(subjects.len(), round)).await?;
    }
    for ((measured, api), workers) in measured.iter_mut().zip(&apis).zip(workers) {
        measured.api_peak_kib = api.memory()?.peak_kib;
        measured.sweep_peak_kib = workers.peak_kib()?;
        api.stop().await;
        workers.stop().await;
    }
    hello.stop().await;
    calls.stop().await;
    Ok(Report::new(measured, ceilings, extent.rounds, TOKEN_LENGTHS))
}

/// The same users' requests for something else.
fn asking(path: &str, events: &[Value]) -> Vec<Value> {
    let mut events = events.to_vec();
    for event in &mut events {
        event["rawPath"] = json!(path);
    }
    events
}

/// Who comes first changes from round to round.
fn order(subjects: usize, round: usize) -> Vec<usize> {
    (0..subjects).map(|place| (place + round) % subjects).collect()
}

async fn sweep(
    site: &Site,
    workers: &mut [Workers],
    measured: &mut [Measured],
    kind: Kind,
    order: &[usize],
) -> Result<(), BenchError> {
    for concurrency in CONCURRENCIES {
        for &place in order {
            let sweep = workers[place].sweep(site.emulator(), kind, concurrency).await?;
            measured[place].sweeps.push(sweep);
        }
    }
    Ok(())
}

async fn cold_start(program: &Program, present: &[Value]) -> Result<ColdStart, BenchError> {
    let nobody = || BenchError::NotMeasured("nobody is signed in".to_owned());
    cold::start(program, present.first().ok_or_else(nobody)?, cold::is_ok).await
}

async fn ceiling(site: &Site, graph_token: &str) -> Result<Ceiling, BenchError> {
    let emulator = site.emulator();
    let servers = Servers {
        graph_me: &format!("{}/me", emulator.graph_base_url()),
        signing_keys: &format!("{}/{TENANT_ID}/discovery/v2.0/keys", emulator.public_url()),
        table: site.table_url(),
        table_name: TABLE,
        graph_token,
    };
    ceiling::measure(&servers, CEILING_TIME).await
}

/// A token for Graph, from one of the bearer tokens.
async fn graph_token(site: &Site, present: &[Value]) -> Result<String, BenchError> {
    let bearer = present.first().and_then(|event| event["headers"]["authorization"].as_str());
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("client_id", API_CLIENT_ID),
        ("client_secret", API_CLIENT_SECRET),
        ("assertion", bearer.unwrap_or_default().trim_start_matches("Bearer ")),
        ("scope", "https://graph.microsoft.com/User.Read"),
        ("requested_token_use", "on_behalf_of"),
    ];
    let url = format!("{}/{TENANT_ID}/oauth2/v2.0/token", site.emulator().public_url());
    let failed = || cannot("get a token for Graph");
    let answer = reqwest::Client::new().post(url).form(&form).send().await.map_err(failed())?;
    let answer: Value = answer.json().await.map_err(failed())?;
    let none =
        || BenchError::NotMeasured(format!("expected a token for Graph, got {}", json!(answer["error"])));
    answer["access_token"].as_str().map(str::to_owned).ok_or_else(none)
}
