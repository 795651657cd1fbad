//! A sweep of accounts that are all due at once, as after an outage: account by account, in steps of 50 ms.
//!
//! Each account is one number; its tenant is drawn from that number, its shard is the block it lies in. So nothing has to be
//! kept of an account but one bit (it had its turn), and 100 million fit. In each step each worker ends the turns that are
//! over and begins as many as it may.

use std::collections::VecDeque;

use domain::tenant_paces::{Gate, Pressure};
use domain::waiting::Waiting;
use time::OffsetDateTime;

use super::clock::{PER_SECOND, Steps, moment, seconds};
use super::graph::Graph;
use super::random::{Random, mix, scaled};
use super::shard::{Due, Shard};
use super::worker::{Invocation, Task, Turn, Unwell, Worker};

/// `SweepRate` of the template.
const TICK: Steps = seconds(60);
/// A task that is older is dropped: a later tick has made another for the same shard.
const OLDEST_TASK: Steps = seconds(3600);
/// When a worker begins no more turns: the function's timeout (300 s) less what the longest turn needs.
const INVOCATION: Steps = seconds(285);
/// Tasks are handed on so many times.
const MOST_HOPS: u32 = 100;
/// A brake that ends within this is waited for; accounts under a longer one are left to a later tick.
const LONGEST_WAIT: time::Duration = time::Duration::seconds(10);
/// Accounts that wait in a worker for their tenants, of these those of one tenant, and how many are read beyond.
const MOST_WAITING: usize = 1_000;
const MOST_WAITING_OF_A_TENANT: usize = 200;
const MOST_PASSED_OVER: usize = 1_000;
/// Accounts that a worker can read from the index within a step.
const READ_PER_STEP: u32 = 1_000;
/// A turn that works: 100 to 400 ms, on average 250 ms.
const TURN: (Steps, Steps) = (2, 8);
pub(super) const MEAN_TURN_SECONDS: f64 = 0.25;
/// A turn that is not answered.
const TIMEOUT: Steps = seconds(10);
/// First pause after a timeout, doubled each time, and the longest.
const BACK_OFF: Steps = seconds(60);
const LONGEST_BACK_OFF: Steps = seconds(6 * 3600);
/// A sweep that takes longer is given up.
const GIVE_UP: Steps = seconds(30 * 24 * 3600);

/// What is swept and by how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) accounts: u32,
    /// Of the same size, within chance.
    pub(super) tenants: u32,
    /// `SWEEP_SHARDS`.
    pub(super) shards: u32,
    /// `MaximumConcurrency` of the queue.
    pub(super) workers: u32,
    /// `SWEEP_CONCURRENCY`.
    pub(super) concurrency: u32,
    /// One turn in so many is not answered; 0 for none.
    pub(super) timeout_every: u32,
    pub(super) seed: u64,
}

impl Settings {
    pub(super) fn users_per_tenant(&self) -> u32 {
        self.accounts / self.tenants
    }
}

/// Why workers did not begin more turns than they did, in steps of one worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Waits {
    /// All that the settings allow were in flight.
    pub(super) full: u64,
    /// Fewer than that, after refusals or timeouts, or at the beginning of a task.
    pub(super) slowed: u64,
    pub(super) braked: u64,
    /// The shard's partition took no more writes.
    pub(super) index: u64,
    /// No task, or the shard's last turns were under way.
    pub(super) idle: u64,
}

/// What came of a sweep.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    /// When the last turn ended.
    pub(super) time: Steps,
    /// Accounts that had their turn.
    pub(super) acted: u32,
    /// Accounts that had it twice.
    pub(super) twice: u32,
    /// Accounts that neither had their turn nor wait for it.
    pub(super) parked: u32,
    /// Requests of the sweep to Graph, those refused among them.
    pub(super) requests: u64,
    pub(super) refused: u64,
    /// First tries, which renew the token; later ones find it in the cache.
    pub(super) renewals: u64,
    pub(super) cached: u64,
    /// Claims that another worker of the same shard won.
    pub(super) lost_claims: u64,
    /// Entries of the due index read, and looks at it.
    pub(super) entries: u64,
    pub(super) looks: u64,
    /// The most tries that an account needed.
    pub(super) most_tries: u32,
    pub(super) tasks: u64,
    pub(super) invocations: u64,
    /// Steps that invocations lasted, all together.
    pub(super) busy: u64,
    pub(super) waits: Waits,
}

/// Plays it until every account had its turn, or thirty days are over.
pub(super) fn run(settings: Settings) -> Outcome {
    let mut sweep = Sweep::new(settings);
    let mut now = 0;
    while sweep.outcome.acted < settings.accounts && now < GIVE_UP {
        sweep.step(now);
        now += 1;
    }
    sweep.end(now)
}

struct Sweep {
    settings: Settings,
    graph: Graph,
    shards: Vec<Shard>,
    workers: Vec<Worker>,
    queue: VecDeque<Task>,
    random: Random,
    acted: Bits,
    outcome: Outcome,
}

impl Sweep {
    fn new(settings: Settings) -> Self {
        let mut random = Random::new(settings.seed);
        Self {
            settings,
            graph: Graph::new(settings.tenants, settings.users_per_tenant()),
            shards: shards(settings, &mut random),
            workers: (0..settings.workers).map(|_| Worker::new(settings.concurrency)).collect(),
            queue: VecDeque::new(),
            random,
            acted: Bits::new(settings.accounts),
            outcome: Outcome::default(),
        }
    }

    fn step(&mut self, now: Steps) {
        if now.is_multiple_of(TICK) {
            self.queue.extend((0..self.settings.shards).map(|shard| Task { shard, tick: now, hop: 0 }));
            self.outcome.tasks += u64::from(self.settings.shards);
        }
        let at = moment(now);
        for worker in 0..self.workers.len() {
            self.end_turns(worker, now, at);
            self.take_task(worker, now);
            self.begin_turns(worker, now, at);
            self.end_task(worker, now);
        }
    }

    fn end_turns(&mut self, worker: usize, now: Steps, at: OffsetDateTime) {
        let worker = &mut self.workers[worker];
        let free = |invocation: &mut Option<Invocation>, tenant| {
            if let Some(invocation) = invocation {
                invocation.waiting.turn_ended(tenant, at);
            }
        };
        while let Some(turn) = worker.end_well(now) {
            self.outcome.time = now;
            worker.paces.worked(turn.tenant, turn.number, at);
            free(&mut worker.invocation, turn.tenant);
        }
        while let Some((unwell, in_flight)) = worker.end_unwell(now) {
            let Turn { tenant, number } = unwell.turn;
            let sign = Pressure { turn: number, in_flight, pause_until: unwell.refused.map(moment) };
            worker.paces.pressed(tenant, sign, at);
            free(&mut worker.invocation, tenant);
        }
    }

    /// The queue begins with five receivers and adds five a second (SQS event source mapping), up to the setting.
    fn take_task(&mut self, worker: usize, now: Steps) {
        let receivers = (5 + 5 * (now / PER_SECOND)) as usize;
        if self.workers[worker].invocation.is_some() || worker >= receivers {
            return;
        }
        while let Some(task) = self.queue.pop_front() {
            if now - task.tick > OLDEST_TASK {
                self.outcome.invocations += 1;
                continue;
            }
            self.shards[task.shard as usize].workers += 1;
            self.outcome.invocations += 1;
            self.outcome.looks += 1;
            let (waiting, passed_over) = (Waiting::default(), Vec::new());
            self.workers[worker].invocation = Some(Invocation { task, since: now, waiting, passed_over });
            return;
        }
    }

    fn begin_turns(&mut self, worker: usize, now: Steps, at: OffsetDateTime) {
        let Some(mut invocation) = self.workers[worker].invocation.take() else {
            self.outcome.waits.idle += 1;
            return;
        };
        let mut read = 0;
        while now < invocation.since + INVOCATION {
            if let Some(wait) = self.hindrance(worker, &invocation, now) {
                *wait += 1;
                break;
            }
            let Some(due) = self.next_account(worker, &mut invocation, &mut read, at) else { break };
            self.begin_turn(worker, &invocation, due, now, at);
        }
        self.workers[worker].invocation = Some(invocation);
    }

    /// What keeps a worker from beginning one more turn, whoever it is for.
    fn hindrance(&mut self, worker: usize, invocation: &Invocation, now: Steps) -> Option<&mut u64> {
        let waits = &mut self.outcome.waits;
        let Worker { paces, in_flight, .. } = &self.workers[worker];
        if !paces.allow_one_more(*in_flight) {
            Some(if paces.are_slowed() { &mut waits.slowed } else { &mut waits.full })
        } else if !self.shards[invocation.task.shard as usize].has_room(now) {
            Some(&mut waits.index)
        } else {
            None
        }
    }

    /// The first account whose tenant may be asked: of those that waited for it, else of the shard.
    fn next_account(
        &mut self,
        worker: usize,
        invocation: &mut Invocation,
        read: &mut u32,
        at: OffsetDateTime,
    ) -> Option<Due> {
        let worker = &mut self.workers[worker];
        let mut gate = |tenant| {
            let in_flight = worker.of_tenant(tenant);
            worker.paces.gate(tenant, in_flight, at)
        };
        let Invocation { task, waiting, passed_over, .. } = invocation;
        let shard = &mut self.shards[task.shard as usize];
        while let Some(tenant) = waiting.due(at) {
            match gate(tenant) {
                Gate::Open => return waiting.take(tenant),
                Gate::Braked(until) if until - at > LONGEST_WAIT => {
                    waiting.take_all(tenant).into_iter().for_each(|due| shard.put(due.later(task.tick + 1)));
                }
                Gate::Braked(until) | Gate::Spaced(until) => waiting.look_again(tenant, Some(until)),
                Gate::Full => waiting.look_again(tenant, None),
            }
        }
        while *read < READ_PER_STEP && waiting.len() < MOST_WAITING && passed_over.len() < MOST_PASSED_OVER {
            let Some(due) = shard.first(task.tick) else { break };
            shard.take();
            *read += 1;
            // Whoever else reads this shard has read the entry too.
            self.outcome.entries += u64::from(shard.workers);
            let tenant = tenant_of(due.account, self.settings);
            match (waiting.of(tenant), gate(tenant)) {
                // The next tick finds it.
                (_, Gate::Braked(until)) if until - at > LONGEST_WAIT => shard.put(due.later(task.tick + 1)),
                (0, Gate::Open) => return Some(due),
                (0, Gate::Braked(until) | Gate::Spaced(until)) => waiting.push(tenant, due, Some(until)),
                (MOST_WAITING_OF_A_TENANT.., _) => passed_over.push(due),
                _ => waiting.push(tenant, due, None),
            }
        }
        let waits = &mut self.outcome.waits;
        *(if waiting.is_empty() { &mut waits.idle } else { &mut waits.braked }) += 1;
        None
    }

    fn begin_turn(
        &mut self,
        worker: usize,
        invocation: &Invocation,
        due: Due,
        now: Steps,
        at: OffsetDateTime,
    ) {
        let worker = &mut self.workers[worker];
        let shard = &mut self.shards[invocation.task.shard as usize];
        let outcome = &mut self.outcome;
        shard.write();
        outcome.lost_claims += u64::from(shard.workers - 1);
        *(if due.tries == 0 { &mut outcome.renewals } else { &mut outcome.cached }) += 1;
        outcome.most_tries = outcome.most_tries.max(due.tries + 1);
        let tenant = tenant_of(due.account, self.settings);
        let turn = Turn { tenant, number: worker.paces.begin(tenant, at) };
        let takes = self.random.between(TURN.0, TURN.1);
        let timeout_every = self.settings.timeout_every;
        if timeout_every > 0 && self.random.below(timeout_every) == 0 {
            let again = now + TIMEOUT + back_off(due.tries, &mut self.random);
            shard.put(Due::again(due.account, again, due.tries + 1));
            worker.begin_unwell(Unwell { ends: now + TIMEOUT, turn, refused: None });
            return;
        }
        outcome.requests += 1;
        match self.graph.ask(tenant, now) {
            Ok(()) => {
                worker.begin_well(turn, now + takes);
                outcome.acted += 1;
                outcome.twice += u32::from(!self.acted.set(due.account));
            }
            Err(until) => {
                outcome.refused += 1;
                // Full jitter on top of what was asked for.
                let again = until + self.random.between(0, until - now);
                shard.put(Due::again(due.account, again.max(now + takes), due.tries + 1));
                worker.begin_unwell(Unwell { ends: now + takes, turn, refused: Some(until) });
            }
        }
    }

    /// A task ends when its shard has nobody left, or hands on when its time is over or others were passed over; never before
    /// its turns have ended.
    fn end_task(&mut self, worker: usize, now: Steps) {
        let worker = &mut self.workers[worker];
        let Some(invocation) = &mut worker.invocation else { return };
        let task = invocation.task;
        let over = now >= invocation.since + INVOCATION;
        let shard = &mut self.shards[task.shard as usize];
        let left = shard.first(task.tick).is_some() && invocation.passed_over.len() < MOST_PASSED_OVER;
        if worker.in_flight > 0 || (!over && (left || !invocation.waiting.is_empty())) {
            return;
        }
        // They kept their places.
        for due in invocation.waiting.drain().chain(invocation.passed_over.drain(..)) {
            shard.put(due);
        }
        let left = shard.first(task.tick).is_some();
        shard.workers -= 1;
        self.outcome.busy += u64::from(now - invocation.since + 1);
        worker.invocation = None;
        if left && task.hop < MOST_HOPS {
            self.queue.push_back(Task { hop: task.hop + 1, ..task });
            self.outcome.tasks += 1;
        }
    }

    /// Lets the turns end that are under way, and closes the books.
    fn end(mut self, begun: Steps) -> Outcome {
        for now in begun..=begun + TIMEOUT {
            for worker in 0..self.workers.len() {
                self.end_turns(worker, now, moment(now));
                self.end_task(worker, now);
            }
        }
        let unfinished = self.workers.iter().filter_map(|worker| worker.invocation.as_ref());
        let kept: usize = unfinished.map(|one| one.waiting.len() + one.passed_over.len()).sum();
        let waiting = kept + self.shards.iter().map(Shard::waiting).sum::<usize>();
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        self.outcome.parked = self
            .settings
            .accounts
            .saturating_sub(self.outcome.acted - self.outcome.twice)
            .saturating_sub(waiting);
        self.outcome
    }
}

/// Half of the pause and more, as chance has it.
fn back_off(tries: u32, random: &mut Random) -> Steps {
    let ceiling = BACK_OFF.saturating_mul(1 << tries.min(16)).min(LONGEST_BACK_OFF);
    random.between(ceiling / 2, ceiling)
}

fn tenant_of(account: u32, settings: Settings) -> u32 {
    scaled(mix(u64::from(account) ^ (settings.seed << 32)), settings.tenants)
}

/// Accounts are spread over the shards by a hash, so that shards differ as chance has it.
fn shards(settings: Settings, random: &mut Random) -> Vec<Shard> {
    let mut begin = 0;
    (0..settings.shards)
        .map(|number| {
            let shards_left = settings.shards - number;
            let accounts_left = settings.accounts - begin;
            let size =
                if shards_left == 1 { accounts_left } else { binomial(accounts_left, shards_left, random) };
            let accounts = begin..begin + size;
            begin += size;
            Shard::new(accounts)
        })
        .collect()
}

/// How many of `count` fall to one of `parts`: the normal approximation, from a sum of twelve even draws.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and `count`")]
fn binomial(count: u32, parts: u32, random: &mut Random) -> u32 {
    let twelve: u32 = (0..12).map(|_| random.below(1_000_000)).sum();
    let deviations = f64::from(twelve) / 1e6 - 6.0;
    let (mean, share) = (f64::from(count) / f64::from(parts), 1.0 / f64::from(parts));
    let drawn = mean + deviations * (mean * (1.0 - share)).sqrt();
    drawn.round().clamp(0.0, f64::from(count)) as u32
}

/// One bit for each account.
struct Bits(Vec<u64>);

impl Bits {
    fn new(count: u32) -> Self {
        Self(vec![0; count as usize / 64 + 1])
    }

    /// False if it was set before.
    fn set(&mut self, number: u32) -> bool {
        let word = &mut self.0[number as usize / 64];
        let bit = 1 << (number % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}
