//! How much a tenant bears, found out against services that count requests in different ways.

use domain::pace::TurnNumber;
use domain::tenant_paces::{Gate, Pressure, TenantPaces};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use time::{Duration, OffsetDateTime};

const BEGIN: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

/// A service that takes so many requests of a tenant within a window.
trait Limit {
    /// How long to wait, if it refuses.
    fn ask(&mut self, now: OffsetDateTime) -> Option<Duration>;
}

/// Windows that follow one another; `Retry-After` is the rest of the window, in whole seconds.
struct Fixed {
    most: usize,
    window: Duration,
    taken: (i64, usize),
}

impl Limit for Fixed {
    fn ask(&mut self, now: OffsetDateTime) -> Option<Duration> {
        let since = now - BEGIN;
        let number = since.whole_milliseconds() / self.window.whole_milliseconds();
        let number = i64::try_from(number).unwrap();
        if self.taken.0 != number {
            self.taken = (number, 0);
        }
        if self.taken.1 >= self.most {
            let ends = self.window * i32::try_from(number + 1).unwrap();
            return Some(Duration::seconds_f64((ends - since).as_seconds_f64().ceil()));
        }
        self.taken.1 += 1;
        None
    }
}

/// A window that slides, in which refused requests count too; `Retry-After` is a second.
struct Sliding {
    most: usize,
    last: VecDeque<OffsetDateTime>,
}

impl Limit for Sliding {
    fn ask(&mut self, now: OffsetDateTime) -> Option<Duration> {
        let oldest = if self.last.len() >= self.most { self.last.pop_front() } else { None };
        self.last.push_back(now);
        oldest.filter(|oldest| now - *oldest < Duration::SECOND).map(|_| Duration::SECOND)
    }
}

/// What came of it, once the rate had settled.
#[derive(Debug, Default)]
struct Settled {
    sent: u32,
    refused: u32,
    seconds: f64,
}

/// A turn under way: when it ends, the worker, its number, and the pause if it was refused.
type Ending = Reverse<(OffsetDateTime, usize, TurnNumber, Option<Duration>)>;

/// Workers with a pace each, and more accounts of one tenant than they come to.
fn sweep(limit: &mut dyn Limit, workers: usize, turn: Duration, settling: u32) -> Settled {
    let requests = settling + 2_000;
    let mut paces: Vec<TenantPaces<u8>> = (0..workers).map(|_| TenantPaces::new(32)).collect();
    let mut in_flight = vec![0_usize; workers];
    let mut under_way = BinaryHeap::<Ending>::new();
    let (mut now, mut sent, mut settled_at) = (BEGIN, 0, BEGIN);
    let mut settled = Settled::default();
    while sent < requests {
        while let Some(Reverse((ends, worker, number, refused))) = under_way.peek().copied() {
            if ends > now {
                break;
            }
            under_way.pop();
            match refused {
                None => paces[worker].worked(1, number, now),
                Some(pause) => {
                    let sign = Pressure {
                        turn: number,
                        in_flight: in_flight[worker],
                        pause_until: Some(now + pause),
                    };
                    paces[worker].pressed(1, sign, now);
                }
            }
            in_flight[worker] -= 1;
        }
        let mut next: Option<OffsetDateTime> = None;
        for worker in 0..workers {
            while paces[worker].allow_one_more(in_flight[worker])
                && paces[worker].gate(1, in_flight[worker], now) == Gate::Open
            {
                let number = paces[worker].begin(1, now);
                in_flight[worker] += 1;
                let refused = limit.ask(now);
                sent += 1;
                if sent == settling {
                    settled_at = now;
                }
                if sent > settling {
                    settled.sent += 1;
                    settled.refused += u32::from(refused.is_some());
                }
                // Not all take the same time.
                let takes = turn + turn * (number_of(sent) % 7) / 7;
                under_way.push(Reverse((now + takes, worker, number, refused)));
            }
            if let Gate::Braked(at) | Gate::Spaced(at) = paces[worker].gate(1, in_flight[worker], now) {
                next = Some(next.map_or(at, |next| next.min(at)));
            }
        }
        let ends = under_way.peek().map(|Reverse((ends, ..))| *ends);
        now = next.into_iter().chain(ends).min().unwrap();
    }
    settled.seconds = (now - settled_at).as_seconds_f64();
    settled
}

fn number_of(sent: u32) -> i32 {
    i32::try_from(sent).unwrap()
}

#[test]
fn at_most_one_in_twenty_is_refused_once_the_rate_has_settled() {
    for workers in [1, 2, 4, 8] {
        for turn in [2, 20, 250] {
            let turn = Duration::milliseconds(turn);
            let mut sliding = Sliding { most: 20, last: VecDeque::new() };
            let mut fixed = Fixed { most: 20, window: Duration::SECOND, taken: (0, 0) };
            let mut long = Fixed { most: 200, window: Duration::seconds(10), taken: (0, 0) };
            // Each with what it takes until it has refused a few times.
            let limits: [(&str, &mut dyn Limit, u32); 3] =
                [("sliding", &mut sliding, 100), ("fixed", &mut fixed, 100), ("fixed, 10 s", &mut long, 600)];
            for (name, limit, settling) in limits {
                let settled = sweep(limit, workers, turn, settling);
                let rate = f64::from(settled.sent - settled.refused) / settled.seconds;
                let what =
                    format!("{name}, {workers} workers, turns of {turn}: {settled:?}, {rate:.1} per second");
                println!("{what}");
                assert!(settled.refused * 20 <= settled.sent, "too many refused: {what}");
                assert!(rate >= 10.0, "too slow: {what}");
            }
        }
    }
}

fn refused(turn: TurnNumber, now: OffsetDateTime, seconds: i64) -> Pressure {
    Pressure { turn, in_flight: 1, pause_until: Some(now + Duration::seconds(seconds)) }
}

#[test]
fn a_tenant_that_is_throttled_slows_down_no_other() {
    let mut paces = TenantPaces::new(32);
    for second in 0..20 {
        let now = BEGIN + Duration::seconds(second);
        let turn = paces.begin("throttled", now);
        paces.pressed("throttled", refused(turn, now, 1), now);
        let turn = paces.begin("well", now);
        paces.worked("well", turn, now);
        assert_ne!(paces.gate("throttled", 0, now), Gate::Open);
        assert_eq!(paces.gate("well", 7, now), Gate::Open);
    }
    assert!(paces.allow_one_more(8), "grown from 8");
}

#[test]
fn three_tenants_in_a_row_mean_all_for_ten_seconds_at_most() {
    let mut paces = TenantPaces::new(32);
    let now = BEGIN;
    let first = paces.begin(1, now);
    let turns = [2, 2, 3].map(|tenant| (tenant, paces.begin(tenant, now)));
    paces.pressed(1, refused(first, now, 60), now);
    // It was begun before all of this.
    paces.worked(4, first, now);
    for (tenant, turn) in &turns[..2] {
        paces.pressed(*tenant, refused(*turn, now, 60), now);
    }
    assert_eq!(paces.gate(9, 0, now), Gate::Open, "two tenants");
    assert!(paces.allow_one_more(7));
    paces.pressed(3, refused(turns[2].1, now, 60), now);
    let ten = now + Duration::seconds(10);
    assert_eq!(paces.gate(9, 0, now), Gate::Braked(ten));
    assert_eq!(paces.gate(3, 0, now), Gate::Braked(now + Duration::seconds(60)));
    assert!(!paces.allow_one_more(4), "halved");
    assert_eq!(paces.gate(9, 0, ten), Gate::Open);
}

#[test]
fn what_works_in_between_ends_the_row() {
    let mut paces = TenantPaces::new(32);
    for tenant in 1..=6 {
        let turn = paces.begin(tenant, BEGIN);
        paces.pressed(tenant, refused(turn, BEGIN, 5), BEGIN);
        let turn = paces.begin(9, BEGIN);
        paces.worked(9, turn, BEGIN);
    }
    assert_eq!(paces.gate(9, 0, BEGIN), Gate::Open);
}

#[test]
fn pressure_of_long_ago_is_forgotten() {
    let mut paces = TenantPaces::new(32);
    let turn = paces.begin(1, BEGIN);
    paces.pressed(1, refused(turn, BEGIN, 1), BEGIN);
    let turn = paces.begin(1, BEGIN);
    paces.pressed(1, refused(turn, BEGIN, 1), BEGIN);
    let later = BEGIN + Duration::minutes(9);
    paces.begin(1, later);
    assert!(matches!(paces.gate(1, 0, later), Gate::Spaced(_)));
    assert_eq!(paces.gate(1, 30, BEGIN + Duration::minutes(11)), Gate::Open);
}
