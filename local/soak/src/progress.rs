//! A line that moves on a terminal, and a line a tenth in a log.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How often the line on a terminal moves at most.
const EVERY: Duration = Duration::from_millis(200);

pub(crate) struct Progress {
    what: &'static str,
    total: u64,
    done: u64,
    terminal: bool,
    begun: Instant,
    shown: Instant,
}

impl Progress {
    pub(crate) fn new(what: &'static str, total: u64) -> Self {
        let (terminal, now) = (std::io::stdout().is_terminal(), Instant::now());
        Self { what, total, done: 0, terminal, begun: now, shown: now }
    }

    pub(crate) fn step(&mut self) {
        self.to(self.done + 1);
    }

    /// So many are done in all.
    pub(crate) fn to(&mut self, done: u64) {
        let tenth = (self.total / 10).max(1);
        let tenths = self.done / tenth;
        self.done = done;
        let line = format!(
            "  {} {} of {}, {:.0} s",
            self.what,
            self.done,
            self.total,
            self.begun.elapsed().as_secs_f64()
        );
        if self.terminal {
            if self.shown.elapsed() >= EVERY {
                self.shown = Instant::now();
                print!("\r{line} ");
                let _ = std::io::stdout().flush();
            }
        } else if self.done / tenth > tenths {
            println!("{line}");
        }
    }

    /// Leaves a terminal's line empty for what comes next.
    pub(crate) fn finish(&self) {
        if self.terminal {
            print!("\r{:60}\r", "");
            let _ = std::io::stdout().flush();
        }
    }
}
