//! The sweeps that docs/scale.md shows, and how the outcome of one is told.

use super::clock::in_seconds;
use super::cost::Cost;
use super::graph::most_per_second;
use super::sweep::{MEAN_TURN_SECONDS, Outcome, Settings, Waits};

/// A sweep reaches the floor if it takes at most this many times as long.
pub(super) const REACHED: f64 = 1.10;

/// Of the requests, the part that may be refused.
const FEW_REFUSED: f64 = 0.05;

/// The settings of the template: 64 shards, 8 workers, 32 accounts each.
const SHIPPED: Settings = Settings {
    accounts: 10_000,
    tenants: 1,
    shards: 64,
    workers: 8,
    concurrency: 32,
    timeout_every: 0,
    seed: 1,
};
const FEW: Settings = Settings { shards: 8, workers: 4, concurrency: 24, ..SHIPPED };
const MILLION: Settings = Settings { accounts: 1_000_000, ..SHIPPED };
const TENANTS: Settings = Settings { tenants: 1_000, ..MILLION };

/// First those that reach the floor or nearly so, from small to large; then what goes wrong with others.
pub(super) const SCENARIOS: &[Settings] = &[
    FEW,
    MILLION,
    Settings { workers: 29, ..TENANTS },
    Settings { accounts: 100_000_000, tenants: 100_000, workers: 29, ..SHIPPED },
    Settings { workers: 8, concurrency: 32, ..FEW },
    Settings { workers: 2, ..MILLION },
    Settings { workers: 64, ..MILLION },
    Settings { timeout_every: 1_000, ..MILLION },
    TENANTS,
    Settings { workers: 32, ..TENANTS },
    Settings { shards: 2, workers: 29, ..TENANTS },
];

/// Column heads, and how wide the widest value is.
const COLUMNS: [(&str, usize); 14] = [
    ("accounts", 8),
    ("tenants", 7),
    ("shards", 6),
    ("workers", 7),
    ("each", 4),
    ("time", 8),
    ("floor", 8),
    ("ratio", 5),
    ("refused", 7),
    ("tries", 5),
    ("parked", 6),
    ("M read, written", 15),
    ("table, other", 15),
    ("what came of it", 54),
];

/// The two lines above the rows.
pub(super) fn head() -> [String; 2] {
    let names = COLUMNS.map(|(name, _)| name.to_owned());
    [line(&names), format!("|{}|", COLUMNS.map(|(_, width)| "-".repeat(width + 2)).join("|"))]
}

pub(super) fn row(settings: Settings, outcome: &Outcome) -> String {
    let cost = Cost::of(outcome);
    line(&[
        count(settings.accounts),
        count(settings.tenants),
        settings.shards.to_string(),
        settings.workers.to_string(),
        settings.concurrency.to_string(),
        duration(in_seconds(outcome.time)),
        duration(floor(settings)),
        format!("{:.2}", ratio(settings, outcome)),
        format!("{:.1} %", refused(outcome) * 100.0),
        outcome.most_tries.to_string(),
        outcome.parked.to_string(),
        format!("{}, {}", figures(cost.reads), figures(cost.writes)),
        format!("${}, ${}", figures(cost.table_dollars), figures(cost.other_dollars)),
        remark(settings, outcome),
    ])
}

fn line(cells: &[String; 14]) -> String {
    let padded: Vec<String> =
        cells.iter().zip(COLUMNS).map(|(cell, (_, width))| format!("{cell:<width$}")).collect();
    format!("| {} |", padded.join(" | "))
}

/// The shortest time in seconds that Graph's limits allow, half of them kept for users.
pub(super) fn floor(settings: Settings) -> f64 {
    f64::from(settings.accounts) / most_per_second(settings.tenants, settings.users_per_tenant())
}

pub(super) fn ratio(settings: Settings, outcome: &Outcome) -> f64 {
    in_seconds(outcome.time) / floor(settings)
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub(super) fn refused(outcome: &Outcome) -> f64 {
    outcome.refused as f64 / outcome.requests.max(1) as f64
}

fn remark(settings: Settings, outcome: &Outcome) -> String {
    let left = settings.accounts - (outcome.acted - outcome.twice);
    if left > 0 {
        return format!("not done after 30 days: {} left", count(left));
    }
    let mut remark = if ratio(settings, outcome) <= REACHED {
        "reaches the floor".to_owned()
    } else {
        format!("slow: {}", hindrance(settings, outcome))
    };
    if refused(outcome) > FEW_REFUSED {
        remark.push_str("; too many refused");
    }
    if settings.timeout_every > 0 {
        remark = format!("1 in {} times out; {remark}", settings.timeout_every);
    }
    remark
}

/// What workers waited for most.
fn hindrance(settings: Settings, outcome: &Outcome) -> &'static str {
    let Waits { full, slowed, index, idle, .. } = outcome.waits;
    // Where the settings are enough for the limits, it is no fault of theirs that all they allow is in flight; and to wait for
    // a window's end is to be at the floor.
    let in_flight = f64::from(settings.workers * settings.concurrency);
    let enough = most_per_second(settings.tenants, settings.users_per_tenant()) * MEAN_TURN_SECONDS * 0.95;
    let reasons = [
        (if in_flight < enough { full } else { 0 }, "too few in flight"),
        (slowed, if outcome.refused > 0 { "slowed down by refusals" } else { "tasks begin slowly" }),
        (index, "too few shards"),
        (idle, if outcome.refused > 0 { "some wait for the next tick" } else { "workers without work" }),
    ];
    reasons.iter().max_by_key(|(steps, _)| *steps).map_or("", |(_, reason)| reason)
}

fn count(number: u32) -> String {
    match number {
        1_000_000.. if number.is_multiple_of(100_000) => format!("{} M", f64::from(number) / 1e6),
        10_000.. if number.is_multiple_of(1_000) => format!("{} k", number / 1_000),
        _ => number.to_string(),
    }
}

fn duration(seconds: f64) -> String {
    match seconds {
        ..120.0 => format!("{seconds:.0} s"),
        ..7_200.0 => format!("{:.1} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3_600.0),
    }
}

/// Three figures or so.
fn figures(number: f64) -> String {
    match number {
        ..1.0 => format!("{number:.3}"),
        ..100.0 => format!("{number:.2}"),
        _ => format!("{number:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(
            [count(1), count(10_000), count(1_234_567), count(2_500_000)],
            ["1", "10 k", "1234567", "2.5 M"]
        );
        assert_eq!([duration(27.4), duration(2_500.0), duration(26_667.0)], ["27 s", "41.7 min", "7.4 h"]);
        assert_eq!([figures(0.0594), figures(5.94), figures(594.2)], ["0.059", "5.94", "594"]);
    }

    #[test]
    fn floors_are_those_of_the_arithmetic() {
        let floors: Vec<String> = SCENARIOS[..4].iter().map(|settings| duration(floor(*settings))).collect();
        assert_eq!(floors, ["25 s", "41.7 min", "4.4 min", "7.4 h"]);
    }
}
