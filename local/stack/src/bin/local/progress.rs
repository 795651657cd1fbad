//! How far something long has come: one line that changes on a terminal, a line now and then where a program reads.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;
use tokio::time::Instant;

/// How often a terminal's line is drawn anew, and how often a plain line is printed.
const DRAWN: Duration = Duration::from_millis(200);
const PRINTED: Duration = Duration::from_secs(5);

/// Begins when it is made. It writes to standard error, so that standard output is for what came of it.
pub(crate) struct Progress {
    terminal: bool,
    begun: Instant,
}

impl Progress {
    pub(crate) fn begin() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), begun: Instant::now() }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// So many in a second, until now.
    pub(crate) fn rate(&self, done: u64) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate is rounded anyway")]
        let done = done as f64;
        done / self.elapsed().as_secs_f64().max(0.001)
    }

    /// Shows what `text` says until `work` is done.
    pub(crate) async fn during<T>(&self, work: impl Future<Output = T>, text: impl Fn(&Self) -> String) -> T {
        let mut work = std::pin::pin!(work);
        let mut times = tokio::time::interval(if self.terminal { DRAWN } else { PRINTED });
        let mut drawn = false;
        // The first time comes at once, when there is nothing to say yet.
        times.tick().await;
        let result = loop {
            tokio::select! {
                result = &mut work => break result,
                _ = times.tick() => {
                    let text = text(self);
                    if self.terminal {
                        // To the line's beginning, and away with what was there.
                        eprint!("\r\u{1b}[2K{text}");
                        let _ = std::io::stderr().flush();
                        drawn = true;
                    } else {
                        eprintln!("{text}");
                    }
                }
            }
        };
        if drawn {
            eprint!("\r\u{1b}[2K");
            let _ = std::io::stderr().flush();
        }
        result
    }
}

/// `1 min 5 s`, `12.3 s`.
pub(crate) fn span(elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    if seconds < 60 {
        format!("{:.1} s", elapsed.as_secs_f64())
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_short() {
        assert_eq!(span(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(span(Duration::from_secs(65)), "1 min 5 s");
    }
}
