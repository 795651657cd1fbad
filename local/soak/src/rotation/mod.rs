//! One user, an authority that takes each refresh token once, and environments that do not know of each other.
//!
//! After every round the account must not be parked, and its one refresh token must be one that the authority still takes.

mod environments;
mod plan;
mod weather;

use crate::error::{SoakError, cannot, promise};
use crate::inspector::Tokens;
use crate::progress::Progress;
use crate::tally::Tally;
use environments::{Environments, SESSIONS};
use futures::future::join_all;
use plan::{Action, ActionKind, Plan};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use weather::{Faults, Weather};

/// Shorter than the five minutes before its end from which a token is not served.
const HASTY_LIFE_SECONDS: u32 = 200;

/// Longer than an access token of Graph's lives (24 h for this client).
const PAST_TOKENS_SECONDS: i64 = 26 * 3600;

/// A user who is away for longer than this before their tokens' time to live runs out would rightly be parked.
const SAFE_SECONDS: i64 = 24 * 3600;

/// The last rounds, without faults: how often the sweep must act by redeeming the refresh token.
const FINAL_TURNS: usize = 3;

/// What to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) rounds: u32,
}

/// Where a run failed.
pub(crate) struct Failed {
    /// 1 and up; past the last round it is the end of the run that failed.
    pub(crate) round: u32,
    pub(crate) error: SoakError,
    /// What went over the wire in that round.
    pub(crate) trace: Vec<String>,
}

struct Run {
    options: Options,
    environments: Environments,
    weather: Arc<Weather>,
    tally: Arc<Tally>,
}

/// Runs all rounds and prints what was counted.
pub(crate) async fn run(options: Options, tally: &Arc<Tally>) -> Result<(), Failed> {
    let weather = Weather::new(tally.clone());
    let started = Environments::start(&weather, options.seed).await;
    let environments = started.map_err(|error| Failed { round: 0, error, trace: Vec::new() })?;
    let run = Run { options, environments, weather, tally: tally.clone() };
    let mut progress = Progress::new("round", u64::from(options.rounds));
    for round in 1..=options.rounds {
        run.round(round).await.map_err(|error| run.failed(round, error))?;
        progress.step();
    }
    progress.finish();
    run.end().await.map_err(|error| run.failed(options.rounds + 1, error))?;
    run.tally.add_many("waits", "shortened", run.environments.timer.waits());
    // Said also when there was none.
    run.tally.add_many("old tokens refused", "by the authority", 0);
    Ok(())
}

impl Run {
    fn failed(&self, round: u32, error: SoakError) -> Failed {
        Failed { round, error, trace: self.weather.trace.lines() }
    }

    async fn round(&self, round: u32) -> Result<(), SoakError> {
        let seed = self.options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(u64::from(round));
        let mut rng = fastrand::Rng::with_seed(seed);
        let plan = Plan::draw(&mut rng, self.environments.of_each(), SESSIONS);
        self.stay_away(plan.away_seconds).await?;
        let braked = self.environments.is_braked().await?;
        self.weather.set(plan.faults.clone(), rng.u64(..));
        self.weather.trace.note(&format!("{plan:?}"));
        if let Some(scenarios) = &plan.scenarios {
            let emulator = &self.environments.world.emulator;
            emulator.change_scenarios(scenarios).map_err(cannot("set scenarios"))?;
            self.tally.add("authority faults", scenario_name(scenarios));
        }
        let may_fail = braked || !plan.is_calm();
        if plan.hasty {
            self.tally.add("rounds", "with short-lived tokens");
            let hasty = json!({ "accessTokenLifetimeSeconds": HASTY_LIFE_SECONDS });
            let emulator = &self.environments.world.emulator;
            emulator.change_scenarios(&hasty).map_err(cannot("set scenarios"))?;
        }
        let most_refreshes = plan.most_refreshes();
        let actions = self.act_all(plan.actions, may_fail);
        if let Some(milliseconds) = plan.refused_ms {
            self.tally.add("authority faults", "connections refused");
            let authority = &self.environments.world.authority;
            authority.shut().await;
            let reopened = async {
                tokio::time::sleep(Duration::from_millis(milliseconds)).await;
                authority.open().await;
            };
            futures::join!(actions, reopened).0?;
        } else {
            actions.await?;
        }
        self.calm_down()?;
        if plan.hasty {
            self.environments.sign_out().await;
        }
        let granted = self.weather.accepted_refreshes();
        promise(granted <= most_refreshes, || {
            format!(
                "{granted} refresh requests were granted, and leases should have allowed {most_refreshes}"
            )
        })?;
        let refused = self.weather.refused_refreshes();
        promise(refused == 0, || {
            format!(
                "{refused} refresh tokens were sent that the authority had taken already: two had the account at once"
            )
        })?;
        self.check().await
    }

    /// Time passes, but never so much that the tokens' own time to live runs out.
    async fn stay_away(&self, seconds: i64) -> Result<(), SoakError> {
        let world = &self.environments.world;
        let condition = world.inspector.look(&self.environments.account).await?;
        let left = condition.tokens.as_ref().map_or(0, |tokens| self.seconds_left(tokens));
        let seconds = seconds.min(left - SAFE_SECONDS);
        if seconds > 0 {
            world.pass(seconds)?;
            self.tally.add_many("clock", "hours passed", seconds.unsigned_abs() / 3600);
        }
        Ok(())
    }

    fn seconds_left(&self, tokens: &Tokens) -> i64 {
        (tokens.expires_at - self.now()).whole_seconds()
    }

    fn now(&self) -> OffsetDateTime {
        domain::ports::Clock::now(&self.environments.world.clock)
    }

    /// Everything at once; the first that failed counts, after all have ended.
    async fn act_all(&self, actions: Vec<Action>, may_fail: bool) -> Result<(), SoakError> {
        let all = actions.into_iter().map(|action| self.act(action, may_fail));
        join_all(all).await.into_iter().collect()
    }

    async fn act(&self, action: Action, may_fail: bool) -> Result<(), SoakError> {
        tokio::time::sleep(Duration::from_millis(action.delay_ms)).await;
        let environments = &self.environments;
        match action.kind {
            ActionKind::ReadProfile { session, renewed } => {
                let status = environments.read_profile(action.environment, session, renewed).await?;
                self.tally.add("API answers", status.to_string());
                self.weather.trace.note(&format!("the API answered {status}"));
                let expected = status == 200 || (may_fail && matches!(status, 429 | 502 | 503 | 504));
                promise(expected, || format!("the API answered {status}"))
            }
            ActionKind::Tick => self.swept(environments.tick(action.environment).await, may_fail),
            ActionKind::Invoke => self.swept(environments.invoke(action.environment).await, may_fail),
            ActionKind::ForeignWrites { times } => {
                let written = environments.write_as_another(times).await?;
                self.tally.add_many("foreign writes", "done", written);
                Ok(())
            }
        }
    }

    fn swept(&self, outcomes: Option<Vec<(&'static str, u64)>>, may_fail: bool) -> Result<(), SoakError> {
        let Some(outcomes) = outcomes else {
            self.tally.add("sweep outcomes", "index not read");
            return promise(may_fail, || {
                "a sweep could not read the index although nothing was wrong".to_owned()
            });
        };
        for (outcome, count) in outcomes {
            self.tally.add_many("sweep outcomes", outcome, count);
            self.weather.trace.note(&format!("a sweep ended with {outcome}"));
            let passing = matches!(outcome, "acted" | "unchanged" | "skipped");
            let expected = passing || (may_fail && matches!(outcome, "retry_later" | "throttled"));
            promise(expected, || format!("a sweep ended with {outcome}"))?;
        }
        Ok(())
    }

    fn calm_down(&self) -> Result<(), SoakError> {
        let emulator = &self.environments.world.emulator;
        let calm = json!({ "entra": null, "graph": null, "accessTokenLifetimeSeconds": null });
        emulator.change_scenarios(&calm).map(|_| ()).map_err(cannot("set scenarios"))
    }

    async fn check(&self) -> Result<(), SoakError> {
        let condition = self.environments.world.inspector.look(&self.environments.account).await?;
        condition.not_parked()?;
        let refresh_token = condition.refresh_token()?;
        promise(!self.weather.is_redeemed(refresh_token), || {
            "the refresh token in the item is one that the authority has taken already: the newest one is lost".to_owned()
        })
    }

    /// The user stays away, nothing fails: the sweep must go on by redeeming the refresh token, and the API must serve.
    async fn end(&self) -> Result<(), SoakError> {
        let environments = &self.environments;
        for turn in 0..FINAL_TURNS {
            environments.world.pass(PAST_TOKENS_SECONDS)?;
            self.weather.set(Faults::default(), 0);
            let outcomes = environments.tick(turn % environments.of_each()).await.unwrap_or_default();
            let acted = matches!(outcomes.as_slice(), [("acted" | "unchanged", 1)]);
            promise(acted, || format!("expected the sweep to act at the end, it ended with {outcomes:?}"))?;
            let accepted = self.weather.accepted_refreshes();
            promise(accepted == 1, || {
                format!("expected one granted refresh request at the end, saw {accepted}")
            })?;
            self.check().await?;
        }
        for environment in 0..environments.of_each() {
            let status = environments.read_profile(environment, 0, true).await?;
            promise(status == 200, || format!("expected the API to serve at the end, it answered {status}"))?;
        }
        self.tally.add_many("at the end", "turns with a redeemed refresh token", FINAL_TURNS as u64);
        self.check().await
    }
}

/// For example `entra 429`.
fn scenario_name(scenarios: &serde_json::Value) -> String {
    let fault = |service: &str| {
        let faults = &scenarios[service];
        let status = if faults["throttle"].is_object() { 429 } else { 503 };
        (faults["throttle"].is_object() || faults["fail"].is_object()).then(|| format!("{service} {status}"))
    };
    fault("entra").or_else(|| fault("graph")).unwrap_or_default()
}
