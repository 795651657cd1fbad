//! What the person at the terminal, or the reader of a CI log, sees.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

/// Standard output, one whole line at a time; coloured on a terminal unless `NO_COLOR` is set.
pub(crate) struct Console {
    colours: bool,
    lock: Mutex<()>,
}

/// How a word is coloured.
#[derive(Clone, Copy)]
pub(crate) enum Colour {
    Green,
    Red,
    Yellow,
    Dim,
}

impl Console {
    pub(crate) fn from_environment() -> Self {
        let colours = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        Self { colours, lock: Mutex::new(()) }
    }

    /// Prints one line. A closed pipe is not an error: the logs are on disk.
    pub(crate) fn line(&self, text: &str) {
        let _held = self.lock.lock();
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{text}");
        let _ = out.flush();
    }

    pub(crate) fn paint(&self, colour: Colour, text: &str) -> String {
        if !self.colours {
            return text.to_owned();
        }
        let code = match colour {
            Colour::Green => "32",
            Colour::Red => "31",
            Colour::Yellow => "33",
            Colour::Dim => "2",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// `0.4s`, `12.3s`, `4m05s`.
pub(crate) fn seconds(elapsed: Duration) -> String {
    let whole = elapsed.as_secs();
    if whole < 100 {
        format!("{:.1}s", elapsed.as_secs_f64())
    } else {
        format!("{}m{:02}s", whole / 60, whole % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_times_are_given_in_minutes() {
        assert_eq!(seconds(Duration::from_millis(12_340)), "12.3s");
        assert_eq!(seconds(Duration::from_secs(245)), "4m05s");
    }
}
