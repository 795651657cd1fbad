//! The functions' log, as lines for a person: what a deployment writes as JSON.

use crate::terminal::Style;
use domain::ports::Clock as _;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::{Arc, PoisonError, RwLock};
use time::macros::format_description;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use wiring::SystemClock;

/// Sign-in names by pseudonym. Logs never have names; the people of the emulator are invented, and here they help.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(Arc<RwLock<BTreeMap<String, String>>>);

impl Names {
    pub(crate) fn know(&self, pseudonym: String, name: String) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(pseudonym, name);
    }

    fn of(&self, pseudonym: &str) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(pseudonym).cloned()
    }
}

/// Prints events from now on: to standard output, or to standard error where the output is for a program.
pub(crate) fn start(style: Style, names: Names, to: Output) {
    // The embedded server warns of each refusal, although whoever asked says what it means.
    let quiet = if to == Output::Error { "warn,dynoxide=error" } else { "info" };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(quiet));
    let lines = Lines { style, names, to };
    // An error means that logging was started before.
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Output {
    Standard,
    Error,
}

struct Lines {
    style: Style,
    names: Names,
    to: Output,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Some(line) = self.line(*event.metadata().level(), event.metadata().target(), &fields) else {
            return;
        };
        let time = SystemClock.now();
        let time = time.format(format_description!("[hour]:[minute]:[second]Z")).unwrap_or_default();
        let line = format!("{} {line}", self.style.dim(&time));
        match self.to {
            Output::Standard => println!("{line}"),
            Output::Error => eprintln!("{line}"),
        }
    }
}

impl Lines {
    fn line(&self, level: Level, target: &str, fields: &Fields) -> Option<String> {
        match fields.get("event") {
            "sweep.account" => Some(self.account(fields)),
            "sweep.completed" => self.completed(fields),
            "request.answered" => Some(self.request(fields)),
            "profile.read" => Some(self.profile(fields)),
            // There are some every few seconds; the accounts have lines of their own.
            "sweep.tick" | "sweep.task_done" => None,
            // The line before says it already.
            _ if fields.get("event.name") == "SweepCompleted" => None,
            _ if fields.find("event.name").is_some() => Some(self.published(fields)),
            _ => Some(self.anything(level, target, fields)),
        }
    }

    fn account(&self, fields: &Fields) -> String {
        let pseudonym = fields.get("account");
        let outcome = fields.get("outcome");
        let padded = format!("{outcome:<14}");
        let outcome = match outcome {
            "acted" | "unchanged" => self.style.good(&padded),
            "needs_user" | "missing_tokens" | "credential_fault" => self.style.bad(&padded),
            _ => self.style.careful(&padded),
        };
        let mut line = format!("sweep  {outcome} {pseudonym}");
        if let Some(name) = self.names.of(pseudonym) {
            let _ = write!(line, "  {name:<26}");
        }
        if let Some(source) = fields.find("token_source") {
            let _ = write!(line, "  {}", token_words(source));
        }
        if let Some(code) = fields.find("failure.aadsts") {
            let _ = write!(line, "  AADSTS{code}");
        }
        if let Some(reason) = fields.find("reason") {
            let _ = write!(line, "  {reason}");
        }
        let elapsed = format!("  {} ms", fields.get("elapsed_ms"));
        line + &self.style.dim(&elapsed)
    }

    /// Nothing for a sweep that found nobody due: there is one every few seconds.
    fn completed(&self, fields: &Fields) -> Option<String> {
        let total: u64 = fields.get("accounts").parse().ok()?;
        if total == 0 {
            return None;
        }
        let counts = [
            "acted",
            "unchanged",
            "skipped",
            "throttled",
            "retry_later",
            "needs_user",
            "missing_tokens",
            "ended",
            "credential_fault",
        ];
        let parts: Vec<String> = counts
            .iter()
            .filter(|name| !matches!(fields.get(name), "0" | ""))
            .map(|name| format!("{} {name}", fields.get(name)))
            .collect();
        let accounts = if total == 1 { "account" } else { "accounts" };
        Some(self.style.bold(&format!("sweep  {total} {accounts}: {}", parts.join(", "))))
    }

    /// An event that a deployment would publish.
    fn published(&self, fields: &Fields) -> String {
        let detail = format!("  {}", fields.get("event.detail"));
        format!("event  {}{}", fields.get("event.name"), self.style.dim(&detail))
    }

    fn profile(&self, fields: &Fields) -> String {
        let pseudonym = fields.get("account");
        let name = self.names.of(pseudonym).unwrap_or_default();
        format!("api    profile of {pseudonym}  {name:<26}  {}", token_words(fields.get("token_source")))
    }

    fn request(&self, fields: &Fields) -> String {
        let status = fields.get("http.status");
        let painted = if status.starts_with(['2', '3']) {
            self.style.good(status)
        } else if status.starts_with('4') {
            self.style.careful(status)
        } else {
            self.style.bad(status)
        };
        let mut line = format!("api    {} {} {painted}", fields.get("http.method"), fields.get("http.route"));
        if let Some(code) = fields.find("code") {
            let _ = write!(line, " {code}");
        }
        line
    }

    fn anything(&self, level: Level, target: &str, fields: &Fields) -> String {
        let level = match level {
            Level::ERROR => self.style.bad("error"),
            Level::WARN => self.style.careful("warn "),
            _ => self.style.dim(&level.to_string().to_lowercase()),
        };
        let mut line = level;
        match fields.find("event") {
            Some(event) => {
                let _ = write!(line, "  {event}");
            }
            None => {
                let _ = write!(line, "  {}", self.style.dim(target));
            }
        }
        for (name, value) in &fields.0 {
            match name.as_str() {
                "event" => {}
                "message" => {
                    let _ = write!(line, "  {value}");
                }
                _ => {
                    let _ = write!(line, "  {}{value}", self.style.dim(&format!("{name}=")));
                }
            }
        }
        line
    }
}

/// Where a token came from, in words.
fn token_words(source: &str) -> &str {
    match source {
        "Cache" => "cached token",
        "OnBehalfOf" => "new token, on behalf of",
        "Refresh" => "token refreshed",
        other => other,
    }
}

/// The fields of one event, as text.
#[derive(Debug, Default)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn get(&self, name: &str) -> &str {
        self.find(name).unwrap_or_default()
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name().to_owned(), value.to_owned()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name().to_owned(), format!("{value:?}")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Lines {
        let names = Names::default();
        names.know("3f2a".to_owned(), "adele@lakeside.example".to_owned());
        // Test output is no terminal.
        Lines { style: Style::of_stdout(), names, to: Output::Standard }
    }

    fn fields(pairs: &[(&str, &str)]) -> Fields {
        Fields(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn a_parked_account_shows_who_and_why() {
        let fields = fields(&[
            ("event", "sweep.account"),
            ("account", "3f2a"),
            ("outcome", "needs_user"),
            ("failure.aadsts", "50173"),
            ("reason", "the user must sign in again"),
            ("elapsed_ms", "12"),
        ]);
        let line = lines().line(Level::INFO, "", &fields).unwrap();
        for part in
            ["needs_user", "3f2a", "adele@lakeside.example", "AADSTS50173", "the user must sign in again"]
        {
            assert!(line.contains(part), "{line}");
        }
    }

    #[test]
    fn a_sweep_without_accounts_says_nothing() {
        let empty = fields(&[("event", "sweep.completed"), ("accounts", "0")]);
        assert_eq!(lines().line(Level::INFO, "", &empty), None);
        let one = fields(&[("event", "sweep.completed"), ("accounts", "1"), ("acted", "1"), ("ended", "0")]);
        assert!(lines().line(Level::INFO, "", &one).unwrap().contains("1 account: 1 acted"));
    }
}
