//! What a person reads: one line per step, in colours on a terminal, plain where a program reads.

use std::fmt;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

use anstyle::{AnsiColor, Style};

/// Where the lines go. Whoever makes it decides whether colours get there.
pub struct Output(Mutex<Box<dyn Write + Send>>);

/// What a line is about, by its first character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    Adds,
    Changes,
    Removes,
    Done,
    Careful,
}

impl Output {
    /// Standard output: colours on a terminal, unless `NO_COLOR` is set.
    pub fn standard() -> Self {
        Self::to(Box::new(anstream::stdout()))
    }

    /// Anything else. Colours are written as they are.
    pub fn to(writer: Box<dyn Write + Send>) -> Self {
        Self(Mutex::new(writer))
    }

    pub(crate) fn line(&self, text: impl fmt::Display) {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody can be told that nobody can be told.
        let _ = writeln!(writer, "{text}").and_then(|()| writer.flush());
    }

    pub(crate) fn heading(&self, text: impl fmt::Display) {
        let bold = Style::new().bold();
        self.line(format_args!("{bold}{text}{bold:#}"));
    }

    pub(crate) fn step(&self, sign: Sign, text: impl fmt::Display) {
        let (mark, colour) = match sign {
            Sign::Adds => ("+", AnsiColor::Green),
            Sign::Changes => ("~", AnsiColor::Yellow),
            Sign::Removes => ("-", AnsiColor::Red),
            Sign::Done => ("✓", AnsiColor::Green),
            Sign::Careful => ("!", AnsiColor::Yellow),
        };
        let style = colour.on_default();
        self.line(format_args!("  {style}{mark}{style:#} {text}"));
    }

    /// A name and its value, the names one below the other.
    pub(crate) fn fact(&self, name: &str, value: impl fmt::Display) {
        let dim = Style::new().dimmed();
        self.line(format_args!("  {dim}{name:<22}{dim:#} {value}"));
    }
}
