//! One worker: what it knows of tenants, the task it has, the turns it has in flight.

use domain::pace::TurnNumber;
use domain::tenant_paces::TenantPaces;
use domain::waiting::Waiting;

use super::clock::Steps;
use super::shard::Due;

/// Places for the ends of turns to come; more than the longest turn that works has steps.
const AHEAD: usize = 16;

/// Sweep one shard, as it was at a tick.
#[derive(Debug, Clone, Copy)]
pub(super) struct Task {
    pub(super) shard: u32,
    /// When the tick was; accounts due later are left to the next one.
    pub(super) tick: Steps,
    pub(super) hop: u32,
}

/// A task under way.
pub(super) struct Invocation {
    pub(super) task: Task,
    pub(super) since: Steps,
    /// Accounts that wait for their tenant.
    pub(super) waiting: Waiting<u32, Due>,
    /// Accounts that were read beyond; whoever comes next finds them.
    pub(super) passed_over: Vec<Due>,
}

/// A turn under way.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    pub(super) tenant: u32,
    pub(super) number: TurnNumber,
}

/// A turn that will be refused, or not answered.
pub(super) struct Unwell {
    pub(super) ends: Steps,
    pub(super) turn: Turn,
    /// Until when Graph refuses the tenant; none for a timeout.
    pub(super) refused: Option<Steps>,
}

/// Each worker is a process of its own and finds out by itself what tenants bear; it knows it from one task to the next.
pub(super) struct Worker {
    pub(super) invocation: Option<Invocation>,
    pub(super) paces: TenantPaces<u32>,
    pub(super) in_flight: usize,
    ends: [Vec<Turn>; AHEAD],
    unwell: Vec<Unwell>,
}

impl Worker {
    pub(super) fn new(concurrency: u32) -> Self {
        Self {
            invocation: None,
            paces: TenantPaces::new(concurrency as usize),
            in_flight: 0,
            ends: Default::default(),
            unwell: Vec::new(),
        }
    }

    /// Turns in flight of a tenant that gave a sign of pressure; 0 for others.
    pub(super) fn of_tenant(&self, tenant: u32) -> usize {
        if !self.paces.know(tenant) {
            return 0;
        }
        let well = self.ends.iter().flatten().filter(|turn| turn.tenant == tenant).count();
        well + self.unwell.iter().filter(|unwell| unwell.turn.tenant == tenant).count()
    }

    /// A turn begins that will work; `ends` is fewer than 16 steps away.
    pub(super) fn begin_well(&mut self, turn: Turn, ends: Steps) {
        self.in_flight += 1;
        self.ends[ends as usize % AHEAD].push(turn);
    }

    pub(super) fn begin_unwell(&mut self, unwell: Unwell) {
        self.in_flight += 1;
        self.unwell.push(unwell);
    }

    /// A turn that worked and ends now.
    pub(super) fn end_well(&mut self, now: Steps) -> Option<Turn> {
        let turn = self.ends[now as usize % AHEAD].pop()?;
        self.in_flight -= 1;
        Some(turn)
    }

    /// A turn that ends now and did not work, and how many of its tenant were in flight with it.
    pub(super) fn end_unwell(&mut self, now: Steps) -> Option<(Unwell, usize)> {
        let place = self.unwell.iter().position(|turn| turn.ends <= now)?;
        let tenant = self.unwell[place].turn.tenant;
        let well = self.ends.iter().flatten().filter(|turn| turn.tenant == tenant).count();
        let in_flight = well + self.unwell.iter().filter(|unwell| unwell.turn.tenant == tenant).count();
        self.in_flight -= 1;
        Some((self.unwell.swap_remove(place), in_flight))
    }
}
