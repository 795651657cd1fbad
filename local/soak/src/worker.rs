//! The process that is killed: one invocation of a function, wired from its environment variables as on Lambda.

use crate::error::{SoakError, cannot, promise};
use crate::quick_time::{QuickTimer, quick_time};
use axum::body::Body;
use background_sweep::Answer;
use clap::{Args, Subcommand};
use hyper::Request;
use hyper::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use serde_json::json;
use stack::{OffsetClock, Sweeper};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use tower::ServiceExt as _;
use wiring::{Environment, Time};

#[derive(Args)]
pub(crate) struct WorkerArguments {
    /// By how much its clock is ahead of the machine's, in seconds.
    #[arg(long)]
    clock_offset: i64,
    /// For jitter.
    #[arg(long)]
    seed: u64,
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// A tick of the schedule.
    Tick,
    /// A direct invocation for one account.
    Invoke { account: String },
    /// `GET /api/profile` with the bearer token on standard input.
    Visit,
}

/// What the worker prints when it gets to its end.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Ended {
    /// Accounts by outcome.
    Swept(BTreeMap<String, u64>),
    /// The status that the API answered.
    Answered(u16),
}

/// Does its work and prints how it ended.
pub(crate) async fn work(arguments: WorkerArguments) -> Result<(), SoakError> {
    let environment = Environment::of_process();
    let clock = OffsetClock::default();
    clock.advance(arguments.clock_offset).map_err(cannot("set the clock"))?;
    let time = quick_time(&clock, &Arc::new(QuickTimer::default()), arguments.seed);
    let ended = match arguments.work {
        Work::Tick => sweep(&environment, &clock, time, None).await?,
        Work::Invoke { account } => sweep(&environment, &clock, time, Some(account)).await?,
        Work::Visit => visit(&environment, time).await?,
    };
    println!("{}", serde_json::to_string(&ended).map_err(cannot("print the end"))?);
    Ok(())
}

async fn sweep(
    environment: &Environment,
    clock: &OffsetClock,
    time: Time,
    account: Option<String>,
) -> Result<Ended, SoakError> {
    let services = wiring::sweep_services(environment, time).await.map_err(cannot("start a sweep"))?;
    let sweeper = Sweeper::new(services, clock.clone());
    let summary = match account {
        None => sweeper.tick().await,
        Some(account) => sweeper.invoke(json!({ "account": account })).await.map(Answer::into_summary),
    };
    let summary = summary.map_err(cannot("sweep"))?;
    let outcomes = summary.outcomes.into_iter().map(|(outcome, count)| (outcome.as_str().to_owned(), count));
    Ok(Ended::Swept(outcomes.collect()))
}

async fn visit(environment: &Environment, time: Time) -> Result<Ended, SoakError> {
    let mut bearer = String::new();
    std::io::stdin().read_to_string(&mut bearer).map_err(cannot("read the bearer token"))?;
    promise(!bearer.is_empty(), || "expected a bearer token on standard input".to_owned())?;
    let api = wiring::Api::start(environment, time).await.map_err(cannot("start an API"))?;
    let request = Request::get("/api/profile")
        .header(AUTHORIZATION, format!("Bearer {bearer}"))
        .body(Body::empty())
        .map_err(cannot("make a request"))?;
    let answer = profile_api::router(api).oneshot(request).await.map_err(cannot("call the API"))?;
    Ok(Ended::Answered(answer.status().as_u16()))
}
