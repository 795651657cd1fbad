//! Workers that are killed between any two steps, and answers that are lost after they were given, while the authority
//! goes on taking old refresh tokens, as Entra ID does.
//!
//! After every one the accounts must not be parked, and whoever comes next must be able to go on.

mod boundary;
mod child;
mod gate;

use crate::error::{SoakError, cannot, promise};
use crate::progress::Progress;
use crate::proxy::Proxy;
use crate::quick_time::{QuickTimer, quick_time};
use crate::tally::Tally;
use crate::worker::Ended;
use crate::world::{Variables, World};
use boundary::{Boundary, Hits, Scenario};
use child::{Fate, Start};
use domain::account::TurnOutcome;
use domain::identity::HomeAccountId;
use gate::Gate;
use serde_json::{Value, json};
use stack::Sweeper;
use std::path::PathBuf;
use std::sync::Arc;

const USERS: [&str; 5] = [
    "adele@lakeside.example",
    "bruno@lakeside.example",
    "chidi@lakeside.example",
    "dana@lakeside.example",
    "elin@lakeside.example",
];

/// Longer than an access token of Graph's lives (24 h for this client).
const PAST_TOKENS_SECONDS: i64 = 26 * 3600;
/// Longer than a lease and than the first pauses after failures, shorter than the time between two turns.
const PAST_LEASES_SECONDS: i64 = 10 * 60;

/// How often a boundary is tried that a worker did not come to, before the run fails.
const TRIES: u32 = 4;

/// What to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) kills: u32,
    /// Answers that are lost without a kill.
    pub(crate) lost: u32,
}

/// Where a run failed.
pub(crate) struct Failed {
    /// What was done last, in words.
    pub(crate) at: String,
    pub(crate) error: SoakError,
    /// What went over the wire since.
    pub(crate) trace: Vec<String>,
}

/// How the turns of a tick ended.
struct Turns {
    acted: u64,
    unchanged: u64,
}

struct User {
    name: &'static str,
    account: HomeAccountId,
}

struct Run {
    world: World,
    gate: Arc<Gate>,
    tally: Arc<Tally>,
    users: Vec<User>,
    /// Before the workers' table.
    _table: Proxy,
    variables: Variables,
    /// This program, which is the worker too. Looked up once: a build may put another in its place meanwhile.
    program: PathBuf,
    /// Environments that are not killed.
    api: String,
    sweeper: Sweeper,
    rng: fastrand::Rng,
    hits: Hits,
    at: String,
}

/// Runs all kills and lost answers; gives the table of what was hit.
pub(crate) async fn run(options: Options, tally: &Arc<Tally>) -> Result<Vec<String>, Failed> {
    let run = Run::start(options.seed, tally.clone()).await;
    let mut run = run.map_err(|error| Failed { at: "the start".to_owned(), error, trace: Vec::new() })?;
    match run.all(options).await {
        Ok(()) => Ok(run.hits.table()),
        Err(error) => Err(Failed { at: run.at, error, trace: run.gate.trace.lines() }),
    }
}

impl Run {
    async fn start(seed: u64, tally: Arc<Tally>) -> Result<Self, SoakError> {
        let gate = Gate::new(tally.clone());
        let world = World::start(gate.clone()).await?;
        let table = Proxy::bind()?.serve(&world.database, gate.clone()).await?;
        let variables = world.variables(table.url());
        let program = std::env::current_exe().map_err(cannot("find this program"))?;
        let time = quick_time(&world.clock, &Arc::new(QuickTimer::default()), seed);
        let api = world.api(&world.database, time.clone()).await?;
        let sweeper = world.sweeper(&world.database, time).await?;
        let users = USERS.iter().map(|name| Ok(User { name, account: world.account_of(name)? }));
        let users = users.collect::<Result<_, SoakError>>()?;
        let rng = fastrand::Rng::with_seed(seed);
        let (hits, at) = (Hits::default(), String::new());
        Ok(Self { world, gate, tally, users, _table: table, variables, program, api, sweeper, rng, hits, at })
    }

    async fn all(&mut self, options: Options) -> Result<(), SoakError> {
        for user in 0..self.users.len() {
            self.visit(user).await?;
        }
        self.world.pass(PAST_LEASES_SECONDS)?;
        self.tick().await?;
        let boundaries = self.boundaries().await?;
        self.hits.expect(&boundaries);
        let mut progress = Progress::new("kill or loss", u64::from(options.kills) + u64::from(options.lost));
        for boundary in self.draw(&boundaries, options.kills) {
            self.kill(&boundary).await?;
            progress.step();
        }
        let answers: Vec<Boundary> =
            boundaries.iter().filter(|boundary| boundary.side == boundary::Side::After).cloned().collect();
        for boundary in self.draw(&answers, options.lost) {
            self.lose_answer(&boundary).await?;
            progress.step();
        }
        progress.finish();
        self.end().await?;
        let (full, missing) = (options.kills as usize >= boundaries.len(), self.hits.missing());
        promise(!full || missing.is_none(), || format!("no kill has hit {}", missing.unwrap_or_default()))?;
        self.tally.add_many("boundaries", "all", boundaries.len() as u64);
        Ok(())
    }

    /// What the authority granted the worker that has just ended, and what of it reached the table. The difference is asked
    /// for again.
    fn count_tokens(&self) {
        let (granted, stored) = self.gate.granted_and_stored();
        self.tally.add_many("workers' tokens", "granted", granted);
        self.tally.add_many("workers' tokens", "written", stored);
        self.tally.add_many("duplicates", "tokens asked for again", granted.saturating_sub(stored));
    }

    /// Every boundary of every scenario, found by running each once without a strike.
    async fn boundaries(&mut self) -> Result<Vec<Boundary>, SoakError> {
        let mut boundaries = Vec::new();
        for scenario in Scenario::ALL {
            self.at = format!("{scenario}, unhindered");
            let start = self.prepare(scenario, 0).await?;
            self.gate.watch();
            let ended = start.run().await?;
            let well = match &ended {
                Ended::Swept(outcomes) => outcomes.keys().all(|outcome| outcome == "acted"),
                Ended::Answered(status) => *status == 200,
            };
            promise(well, || {
                format!("expected an unhindered worker to do its work, it ended with {ended:?}")
            })?;
            boundaries.extend(Boundary::of(scenario, &self.gate.steps()));
        }
        Ok(boundaries)
    }

    /// Each boundary as often as every other, give or take one, in any order.
    fn draw(&mut self, boundaries: &[Boundary], count: u32) -> Vec<Boundary> {
        let mut drawn = Vec::new();
        while drawn.len() < count as usize && !boundaries.is_empty() {
            let mut all = boundaries.to_vec();
            self.rng.shuffle(&mut all);
            drawn.extend(all);
        }
        drawn.truncate(count as usize);
        drawn
    }

    async fn kill(&mut self, boundary: &Boundary) -> Result<(), SoakError> {
        for _ in 0..TRIES {
            let user = self.rng.usize(0..self.users.len());
            let strike = boundary.draw(&mut self.rng);
            self.at = format!("{} of {}, killed {strike}", boundary.scenario, self.users[user].name);
            let start = self.prepare(boundary.scenario, user).await?;
            let (reached, release) = self.gate.arm(strike);
            let fate = start.run_until(reached, release).await?;
            let killed = matches!(fate, Fate::Killed);
            self.count_tokens();
            self.gate.watch();
            self.check(false).await?;
            self.go_on(boundary.scenario, user).await?;
            self.check(true).await?;
            if killed {
                self.tally.add("workers", "killed");
                self.hits.killed(boundary);
                return Ok(());
            }
            self.tally.add("workers", "ended before they came to their boundary");
        }
        Err(SoakError::Broken(format!("no worker came to the boundary in {TRIES} tries")))
    }

    async fn lose_answer(&mut self, boundary: &Boundary) -> Result<(), SoakError> {
        let user = self.rng.usize(0..self.users.len());
        let strike = boundary.draw(&mut self.rng);
        self.at = format!("{} of {}, answer lost {strike}", boundary.scenario, self.users[user].name);
        let start = self.prepare(boundary.scenario, user).await?;
        let (_reached, release) = self.gate.arm(strike);
        release.go();
        match start.run().await? {
            Ended::Swept(outcomes) => {
                for (outcome, count) in outcomes {
                    self.tally.add_many("after a loss", outcome, count);
                }
            }
            Ended::Answered(status) => self.tally.add("after a loss", format!("API {status}")),
        }
        self.count_tokens();
        self.gate.watch();
        self.check(false).await?;
        self.go_on(boundary.scenario, user).await?;
        self.check(true).await?;
        self.hits.answer_lost(boundary);
        Ok(())
    }

    /// Makes the situation of the scenario: whoever is to be swept needs a new token and has a changed profile; who visits
    /// has a new bearer token.
    async fn prepare(&mut self, scenario: Scenario, user: usize) -> Result<Start, SoakError> {
        if matches!(scenario, Scenario::FirstTurn | Scenario::FirstVisit) {
            self.erase(user).await?;
            self.world.pass(self.rng.i64(2..600))?;
        }
        let mut input = String::new();
        if scenario.is_sweep() {
            if scenario == Scenario::FirstTurn {
                self.visit(user).await?;
            }
            self.change_profiles()?;
            self.world.pass(PAST_TOKENS_SECONDS + self.rng.i64(0..6 * 3600))?;
        } else {
            input = self.world.sign_in(self.users[user].name).await?.access_token;
        }
        let work = match scenario {
            Scenario::Tick => vec!["tick".to_owned()],
            Scenario::Invoke | Scenario::FirstTurn => {
                vec!["invoke".to_owned(), self.users[user].account.to_string()]
            }
            Scenario::Visit | Scenario::FirstVisit => vec!["visit".to_owned()],
        };
        let clock = self.world.clock.advance(0).map_err(cannot("read the clock"))?;
        let mut arguments = vec![format!("--clock-offset={clock}"), format!("--seed={}", self.rng.u64(..))];
        arguments.extend(work);
        Ok(Start { program: self.program.clone(), arguments, variables: self.variables.clone(), input })
    }

    fn change_profiles(&mut self) -> Result<(), SoakError> {
        let change = json!({ "jobTitle": format!("Engineer {}", self.rng.u32(..)) });
        for user in &self.users {
            self.world.emulator.change_profile(user.name, &change).map_err(cannot("change a profile"))?;
        }
        Ok(())
    }

    /// What happens next in a deployment: the next tick, or the user, who saw an error, tries again.
    async fn go_on(&mut self, scenario: Scenario, user: usize) -> Result<(), SoakError> {
        if !scenario.is_sweep() && (scenario == Scenario::FirstVisit || self.rng.bool()) {
            self.visit(user).await?;
        }
        self.world.pass(PAST_LEASES_SECONDS)?;
        let turns = self.tick().await?;
        if scenario.is_sweep() {
            self.tally.add_many("duplicates", "turns repeated that had done their work", turns.unchanged);
        }
        Ok(())
    }

    /// A tick of an environment that nobody hinders. Every turn must end well.
    async fn tick(&self) -> Result<Turns, SoakError> {
        let summary = self.sweeper.tick().await.map_err(cannot("sweep"))?;
        for (outcome, count) in &summary.outcomes {
            let outcome = outcome.as_str();
            self.tally.add_many("next ticks", outcome, *count);
            promise(matches!(outcome, "acted" | "unchanged"), || {
                format!("the next tick ended with {outcome} for {count} accounts")
            })?;
        }
        let of = |outcome| summary.outcomes.get(&outcome).copied().unwrap_or_default();
        Ok(Turns { acted: of(TurnOutcome::Acted), unchanged: of(TurnOutcome::Unchanged) })
    }

    /// The user signs in anew and reads their profile, in an environment that nobody hinders.
    async fn visit(&self, user: usize) -> Result<(), SoakError> {
        let token = self.world.sign_in(self.users[user].name).await?.access_token;
        let request = self.world.http().get(format!("{}/api/profile", self.api)).bearer_auth(token);
        let answer = request.send().await.map_err(cannot("call the API"))?;
        let status = answer.status().as_u16();
        promise(status == 200, || format!("a user read their profile, and the API answered {status}"))
    }

    async fn erase(&self, user: usize) -> Result<(), SoakError> {
        let token = self.world.sign_in(self.users[user].name).await?.access_token;
        let request = self.world.http().delete(format!("{}/api/background-access", self.api));
        let answer = request.bearer_auth(token).send().await.map_err(cannot("call the API"))?;
        let status = answer.status().as_u16();
        promise(status == 204, || format!("a user ended background access, and the API answered {status}"))
    }

    /// Nobody is parked, every item opens and has one refresh token; `all`: and every user has one.
    async fn check(&self, all: bool) -> Result<(), SoakError> {
        for user in &self.users {
            let condition = self.world.inspector.look(&user.account).await?;
            condition.not_parked()?;
            if all || condition.tokens.is_some() {
                condition.refresh_token()?;
            }
        }
        Ok(())
    }

    /// Everybody stays away past their tokens' life: the sweep must act for each by redeeming the refresh token, and then
    /// the API must serve each.
    async fn end(&mut self) -> Result<(), SoakError> {
        "the end, when nobody hinders".clone_into(&mut self.at);
        self.world.pass(PAST_TOKENS_SECONDS)?;
        let refreshes = |run: &Self| {
            let counters = run.world.emulator.counters();
            counters.get("token.refresh").map_or(0, |counter| counter.ok)
        };
        let before = refreshes(self);
        let everybody = self.users.len() as u64;
        let turns = self.tick().await?;
        let (turns, redeemed) = (turns.acted + turns.unchanged, refreshes(self) - before);
        promise((turns, redeemed) == (everybody, everybody), || {
            format!(
                "expected {everybody} turns that redeem refresh tokens, saw {turns} turns and {redeemed} refreshes"
            )
        })?;
        self.check(true).await?;
        for user in 0..self.users.len() {
            self.visit(user).await?;
            let status = self.background_access(user).await?;
            promise(status == "active", || format!("expected an active account, the API says {status}"))?;
        }
        self.tally.add_many("at the end", "accounts swept and served", everybody);
        self.check(true).await
    }

    async fn background_access(&self, user: usize) -> Result<String, SoakError> {
        let token = self.world.sign_in(self.users[user].name).await?.access_token;
        let request = self.world.http().get(format!("{}/api/background-access", self.api));
        let answer = request.bearer_auth(token).send().await.map_err(cannot("call the API"))?;
        let body: Value = answer.json().await.map_err(cannot("read the API's answer"))?;
        Ok(body["status"].as_str().unwrap_or_default().to_owned())
    }
}
