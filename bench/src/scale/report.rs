//! The figures, as a table in Markdown and as a curve.

use super::measure::{Cost, Point};
use super::svg::{Chart, Line};
use crate::figures::{grouped, ratio};
use std::fmt::Write as _;

/// The curve is of the cost in times of that with the fewest items, up to so many of them at least.
const HIGHEST: f64 = 2.0;

type Value = fn(&Point) -> f64;

const CURVES: [(&str, Value); 6] = [
    ("request: table units", |point| units(&point.request)),
    ("request: function's CPU", |point| point.request.function_ms),
    ("request: table's CPU", |point| point.request.table_ms),
    ("account: table units", |point| units(&point.account)),
    ("account: worker's CPU", |point| point.account.function_ms),
    ("account: table's CPU", |point| point.account.table_ms),
];

/// What they cost in US dollars is this times 125 or 625 per thousand million; here a write weighs five reads.
fn units(cost: &Cost) -> f64 {
    cost.units.read_units + 5.0 * cost.units.write_units
}

pub(crate) fn curve(points: &[Point]) -> String {
    let items: Vec<f64> = points.iter().map(|point| f64::from(point.items)).collect();
    let lines = CURVES.map(|(name, value)| {
        let first = points.first().map(value).unwrap_or_default();
        let values = points.iter().map(|point| ratio(value(point), first).unwrap_or(1.0)).collect();
        Line { name, values }
    });
    let highest = lines.iter().flat_map(|line| &line.values).copied().fold(HIGHEST, f64::max).ceil();
    let chart = Chart {
        title: "Cost of a warm request and of a swept account",
        x_title: "items in the table",
        y_title: "× of the cost in the smallest table",
        x: &items,
        lines: &lines,
        highest,
    };
    chart.draw()
}

pub(crate) fn table(points: &[Point]) -> String {
    let mut text =
        "| items | request: table requests | units read / written | function's CPU ms | table's CPU ms \
                    | account: table requests | units read / written | worker's CPU ms | table's CPU ms |\n\
                    |---:|---:|---:|---:|---:|---:|---:|---:|---:|\n"
            .to_owned();
    for point in points {
        let cells = |cost: &Cost| {
            let units = &cost.units;
            format!(
                "{:.2} | {:.2} / {:.2} | {:.3} | {:.3}",
                units.requests, units.read_units, units.write_units, cost.function_ms, cost.table_ms
            )
        };
        let items = grouped(point.items.into());
        // Writing to a text never fails.
        let _ = writeln!(text, "| {items} | {} | {} |", cells(&point.request), cells(&point.account));
    }
    text
}
