//! A chart with lines over a logarithmic axis, as SVG by hand: a handful of shapes needs no library.

use std::fmt::Write as _;

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 430.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 300.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 60.0;

/// Labels of the horizontal axis that would come closer than this are left out.
const LABEL_WIDTH: f64 = 40.0;

/// Distinct also for those who see colours otherwise (Okabe and Ito), and on dark and light grounds.
const COLOURS: [&str; 6] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];

/// A line: its name, and its values at the places of the axis.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<f64>,
}

/// The chart's words and numbers.
pub(crate) struct Chart<'c> {
    pub(crate) title: &'c str,
    pub(crate) x_title: &'c str,
    pub(crate) y_title: &'c str,
    /// Positive, rising.
    pub(crate) x: &'c [f64],
    pub(crate) lines: &'c [Line],
    /// The top of the vertical axis, which begins with 0.
    pub(crate) highest: f64,
}

impl Chart<'_> {
    /// The whole document.
    pub(crate) fn draw(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
             font-family=\"sans-serif\" font-size=\"13\">\n<title>{0}</title>\n\
             <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
             <text x=\"{LEFT}\" y=\"24\" font-size=\"15\" font-weight=\"bold\">{0}</text>\n",
            self.title
        );
        self.axes(&mut svg);
        for (number, line) in self.lines.iter().enumerate() {
            self.line(&mut svg, number, line);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn axes(&self, svg: &mut String) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for step in 0..=4 {
            let value = self.highest * f64::from(step) / 4.0;
            let y = self.y_of(value);
            let _ = writeln!(
                svg,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#d0d0d0\"/>\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{value:.1}</text>",
                LEFT - 8.0,
                y + 4.0
            );
        }
        let mut free_from = f64::NEG_INFINITY;
        for x in self.x {
            let place = self.x_of(*x);
            if place < free_from {
                continue;
            }
            free_from = place + LABEL_WIDTH;
            let _ = writeln!(
                svg,
                "<text x=\"{place:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 20.0,
                short(*x)
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>\n<text x=\"{LEFT}\" y=\"42\">{}</text>",
            f64::midpoint(LEFT, right),
            bottom + 44.0,
            self.x_title,
            self.y_title
        );
    }

    fn line(&self, svg: &mut String, number: usize, line: &Line) {
        let colour = COLOURS[number % COLOURS.len()];
        let places: Vec<(f64, f64)> =
            self.x.iter().zip(&line.values).map(|(x, value)| (self.x_of(*x), self.y_of(*value))).collect();
        let points: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let points = points.join(" ");
        let _ = writeln!(
            svg,
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>"
        );
        for (x, y) in places {
            let _ = writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        let (x, y) = (WIDTH - RIGHT + 20.0, TOP + 10.0 + 24.0 * crate::figures::as_f64(number));
        let _ = writeln!(
            svg,
            "<rect x=\"{x}\" y=\"{:.1}\" width=\"14\" height=\"4\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"{y:.1}\">{}</text>",
            y - 6.0,
            x + 22.0,
            line.name
        );
    }

    fn x_of(&self, x: f64) -> f64 {
        let (first, last) = (self.x.first().copied().unwrap_or(1.0), self.x.last().copied().unwrap_or(1.0));
        let span = (last / first).ln();
        let place = if span > 0.0 { (x / first).ln() / span } else { 0.5 };
        LEFT + place * (WIDTH - RIGHT - LEFT)
    }

    fn y_of(&self, value: f64) -> f64 {
        let bottom = HEIGHT - BOTTOM;
        bottom - (value / self.highest).clamp(0.0, 1.0) * (bottom - TOP)
    }
}

/// `1,234,567` as `1.2 M`.
fn short(number: f64) -> String {
    if number >= 1e6 {
        format!("{:.1} M", number / 1e6)
    } else if number >= 1e3 {
        format!("{:.0} k", number / 1e3)
    } else {
        format!("{number:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_do_not_lie_on_each_other() {
        let lines = [Line { name: "flat", values: vec![1.0, 1.0, 1.0] }];
        let x = &[500.0, 510.0, 1_000_000.0];
        let chart = Chart { title: "t", x_title: "x", y_title: "y", x, lines: &lines, highest: 2.0 };
        assert_eq!(chart.draw().matches("text-anchor=\"middle\"").count(), 2 + 1);
    }

    #[test]
    fn equal_values_are_drawn_at_equal_heights_and_powers_of_ten_at_equal_distances() {
        let lines = [Line { name: "flat", values: vec![1.0, 1.0, 1.0] }];
        let chart = Chart {
            title: "t",
            x_title: "x",
            y_title: "y",
            x: &[10.0, 100.0, 1_000.0],
            lines: &lines,
            highest: 2.0,
        };
        let svg = chart.draw();
        let points = svg.split("points=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let places: Vec<(f64, f64)> = points
            .split(' ')
            .map(|point| point.split_once(',').unwrap())
            .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
            .collect();
        let [(x1, y1), (x2, y2), (x3, y3)] = places[..] else { panic!("{points}") };
        assert!((y1 - y2).abs() < 0.01 && (y2 - y3).abs() < 0.01, "{points}");
        assert!((x2 - x1 - (x3 - x2)).abs() < 0.11, "{points}");
        assert_eq!(
            svg.matches("text-anchor=\"middle\"").count(),
            3 + 1,
            "a label each, and the axis's title"
        );
        assert_eq!([7.0, 42_000.0, 1_500_000.0].map(short), ["7", "42 k", "1.5 M"]);
    }
}
