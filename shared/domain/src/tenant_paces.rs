//! What a process knows of how much each tenant bears: brakes, turns in flight, distances.
//!
//! Limits are counted for each tenant, so one that is throttled slows down no other. Nothing is kept of a tenant that never
//! gave a sign of pressure. Where several give one in a row and nothing works in between, it is about all of them.

use crate::pace::{Pace, Spacing, TurnNumber};
use std::collections::HashMap;
use std::hash::Hash;
use time::{Duration, OffsetDateTime};

/// So many different tenants in a row, and it is about all of them.
const IN_A_ROW: usize = 3;

/// The longest pause for all; what is longer concerns a tenant. Graph counts its limits per 10 seconds.
const LONGEST_PAUSE_FOR_ALL: Duration = Duration::seconds(10);

/// After this long without a sign of pressure a tenant's is forgotten.
const REMEMBERED: Duration = Duration::minutes(10);

/// Tenants that are remembered; beyond it those without a brake are forgotten.
const MOST_TENANTS: usize = 10_000;

/// Brakes and paces of one process, by tenant. Whoever sweeps in it shares them, one invocation after the other.
#[derive(Debug)]
pub struct TenantPaces<K> {
    most: f64,
    last_begun: TurnNumber,
    all: Pace,
    all_paused_until: Option<OffsetDateTime>,
    /// What worked of late, whoever it was for: all that is known of a tenant that is refused for the first time. It says
    /// rather too much.
    of_late: Option<Spacing>,
    tenants: HashMap<K, Tenant>,
    row: Option<Row<K>>,
}

#[derive(Debug)]
struct Tenant {
    braked_until: OffsetDateTime,
    pressed_at: OffsetDateTime,
    /// `None` until a turn has told of the pressure.
    pace: Option<(Pace, Spacing)>,
}

/// Tenants that gave a sign of pressure, one after the other.
#[derive(Debug)]
struct Row<K> {
    since: TurnNumber,
    tenants: Vec<K>,
}

/// Whether a turn of a tenant may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    Open,
    /// Not before this moment: it was asked to be left alone.
    Braked(OffsetDateTime),
    /// Not before this moment: turns begin some time apart.
    Spaced(OffsetDateTime),
    /// Not before one of its turns has ended.
    Full,
}

/// A sign of pressure.
#[derive(Debug, Clone, Copy)]
pub struct Pressure {
    pub turn: TurnNumber,
    /// The tenant's turns of this worker, the one that tells of it among them.
    pub in_flight: usize,
    /// Until when nothing is to be asked for; `None` when there was no answer in time.
    pub pause_until: Option<OffsetDateTime>,
}

impl<K: Copy + Eq + Hash> TenantPaces<K> {
    /// `most` turns in flight per worker at most, a quarter of it at first.
    pub fn new(most: usize) -> Self {
        let most = f64::from(u32::try_from(most).unwrap_or(u32::MAX).max(1));
        Self {
            most,
            last_begun: TurnNumber(0),
            all: Pace::new(most / 4.0, most),
            all_paused_until: None,
            of_late: None,
            tenants: HashMap::new(),
            row: None,
        }
    }

    /// Whether a worker that has so many turns in flight may begin one more, whoever it is for.
    pub fn allow_one_more(&self, in_flight: usize) -> bool {
        self.all.allows_one_more(in_flight)
    }

    /// Fewer turns may be in flight than the setting allows.
    pub fn are_slowed(&self) -> bool {
        self.all.is_slowed()
    }

    /// Nothing is to be asked for of this tenant for some time.
    pub fn brake(&mut self, tenant: K, until: OffsetDateTime, now: OffsetDateTime) {
        self.entry(tenant, now).braked_until = until;
    }

    /// Until when this tenant, or everybody, is to be left alone.
    pub fn braked_until(&self, tenant: K) -> Option<OffsetDateTime> {
        self.tenants.get(&tenant).map(|tenant| tenant.braked_until).max(self.all_paused_until)
    }

    /// Whether this tenant gave a sign of pressure.
    pub fn know(&self, tenant: K) -> bool {
        self.tenants.contains_key(&tenant)
    }

    /// Whether a worker that has so many turns in flight of this tenant may begin one more.
    pub fn gate(&mut self, tenant: K, in_flight: usize, now: OffsetDateTime) -> Gate {
        if let Some(until) = self.all_paused_until {
            if until > now {
                return Gate::Braked(until.max(self.braked_until(tenant).unwrap_or(until)));
            }
            self.all_paused_until = None;
        }
        let Some(known) = self.tenants.get(&tenant) else { return Gate::Open };
        if known.braked_until > now {
            return Gate::Braked(known.braked_until);
        }
        if now - known.pressed_at > REMEMBERED {
            self.tenants.remove(&tenant);
            return Gate::Open;
        }
        match &known.pace {
            Some((pace, _)) if in_flight > 0 && !pace.allows_one_more(in_flight) => Gate::Full,
            Some((_, spacing)) if spacing.next() > now && !spacing.is_none() => Gate::Spaced(spacing.next()),
            _ => Gate::Open,
        }
    }

    /// A turn of this tenant begins.
    pub fn begin(&mut self, tenant: K, now: OffsetDateTime) -> TurnNumber {
        self.last_begun.0 += 1;
        self.of_late.get_or_insert_with(|| Spacing::none(now));
        if let Some((_, spacing)) = self.tenants.get_mut(&tenant).and_then(|known| known.pace.as_mut()) {
            spacing.begun(now);
        }
        self.last_begun
    }

    /// A turn ended without a sign of pressure.
    pub fn worked(&mut self, tenant: K, turn: TurnNumber, now: OffsetDateTime) {
        self.all.worked();
        self.of_late.get_or_insert_with(|| Spacing::none(now)).worked(now);
        if self.row.as_ref().is_some_and(|row| turn > row.since) {
            self.row = None;
        }
        if let Some((pace, spacing)) = self.tenants.get_mut(&tenant).and_then(|known| known.pace.as_mut())
            && pace.is_news(turn)
        {
            pace.worked();
            spacing.worked(now);
        }
    }

    /// A turn was refused, or not answered in time.
    pub fn pressed(&mut self, tenant: K, sign: Pressure, now: OffsetDateTime) {
        let (most, last_begun) = (self.most, self.last_begun);
        let of_late = self.of_late.unwrap_or_else(|| Spacing::none(now));
        let known = self.entry(tenant, now);
        let in_flight = f64::from(u32::try_from(sign.in_flight).unwrap_or(u32::MAX));
        let until = sign.pause_until.unwrap_or(now);
        known.braked_until = known.braked_until.max(until);
        match &mut known.pace {
            None => {
                let mut pace = Pace::new(in_flight, most);
                pace.cut(last_begun);
                let mut spacing = of_late;
                // A refusal comes back sooner than what works, and many were begun at once.
                let yet_to_come = (in_flight - 1.0).max(0.0) / 2.0;
                if sign.pause_until.is_some() {
                    spacing.refused(now, until, yet_to_come);
                }
                known.pace = Some((pace, spacing));
            }
            Some((pace, spacing)) if pace.is_news(sign.turn) => {
                pace.cut(last_begun);
                if sign.pause_until.is_some() {
                    spacing.refused(now, until, 0.0);
                }
            }
            Some(_) => {}
        }
        self.note_in_row(tenant, sign, now);
    }

    fn note_in_row(&mut self, tenant: K, sign: Pressure, now: OffsetDateTime) {
        if !self.all.is_news(sign.turn) {
            return;
        }
        let row = self.row.get_or_insert_with(|| Row { since: sign.turn, tenants: Vec::new() });
        if !row.tenants.contains(&tenant) {
            row.tenants.push(tenant);
        }
        if row.tenants.len() < IN_A_ROW {
            return;
        }
        self.row = None;
        self.all.cut(self.last_begun);
        if let Some(until) = sign.pause_until {
            self.all_paused_until = Some(until.min(now + LONGEST_PAUSE_FOR_ALL));
        }
    }

    fn entry(&mut self, tenant: K, now: OffsetDateTime) -> &mut Tenant {
        if self.tenants.len() >= MOST_TENANTS {
            self.tenants.retain(|_, known| known.braked_until > now);
        }
        let fresh = Tenant { braked_until: now, pressed_at: now, pace: None };
        let known = self.tenants.entry(tenant).or_insert(fresh);
        known.pressed_at = now;
        known
    }
}
