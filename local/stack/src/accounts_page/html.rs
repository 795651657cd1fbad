//! The page as text. Everything from the table is escaped.

use super::run::{Shown, words};
use crate::accounts::{AccountState, PageStart};
use background_sweep::Summary;
use domain::account::{AccountStatus, FailureClass};
use entra_emulator::escape_html as escape;
use std::fmt::Write as _;
use time::OffsetDateTime;
use time::macros::format_description;

pub(super) const STYLE: &str = include_str!("style.css");
pub(super) const SCRIPT: &str = include_str!("progress.js");

/// One page of accounts.
pub(super) struct Listing<'a> {
    pub(super) accounts: &'a [AccountState],
    pub(super) now: OffsetDateTime,
    pub(super) find: Option<&'a str>,
    pub(super) from: Option<&'a PageStart>,
    pub(super) next: Option<&'a PageStart>,
    pub(super) run: &'a Shown,
}

impl Listing<'_> {
    pub(super) fn to_html(&self) -> String {
        let rows: String = self.accounts.iter().map(|account| self.row(account)).collect();
        let table = if self.accounts.is_empty() {
            let text = match (self.find, self.next) {
                (Some(_), _) => "Nobody of that name has an account here.",
                (None, Some(_)) => "No accounts in this part of the table; there is more of it.",
                (None, None) => {
                    "No accounts yet. Sign in at the page, or make some: <code>cargo local seed --accounts 100</code>"
                }
            };
            format!("<p>{text}</p>")
        } else {
            format!(
                "<div class=\"scroll\" role=\"group\" aria-labelledby=\"title\" tabindex=\"0\"><table>\
                 <caption>{} shown, in the table’s own order. Times are of {}.</caption>\
                 <thead><tr><th scope=\"col\">User</th><th scope=\"col\">Status</th><th scope=\"col\">Last here</th>\
                 <th scope=\"col\">Last turn</th><th scope=\"col\">Next turn</th><th scope=\"col\">Failure</th>\
                 <th scope=\"col\">Do</th></tr></thead><tbody>{rows}</tbody></table></div>",
                self.accounts.len(),
                clock(self.now),
            )
        };
        let body = format!(
            "<h1 id=\"title\">Accounts</h1>\
             <p class=\"quiet\">Whom the background sweep acts for, and what came of it.</p>\
             <div class=\"row\"><form method=\"post\" action=\"/sweep\">{place}<button class=\"primary\"{disabled}>Sweep all that is \
             due</button></form><form method=\"get\" action=\"/\" role=\"search\"><label for=\"find\">User or account id</label> \
             <input id=\"find\" name=\"find\" value=\"{find}\" autocomplete=\"off\"> <button>Find</button></form></div>\
             <p id=\"progress\" role=\"status\" data-running=\"{running}\">{text}</p>{again}{table}{links}",
            place = self.place(),
            disabled = if self.run.running { " disabled" } else { "" },
            find = escape(self.find.unwrap_or_default()),
            running = self.run.running,
            text = escape(&self.run.text()),
            again = if self.run.running {
                "<noscript><p><a href=\"\">See how far it is</a></p></noscript>"
            } else {
                ""
            },
            links = self.links(),
        );
        document("Accounts", &body)
    }

    fn row(&self, account: &AccountState) -> String {
        let id = account.account.to_string();
        let name = account.user_principal_name.as_deref().unwrap_or(&id);
        let failure = match (account.failure_class, account.failure_code.as_deref()) {
            (Some(class), Some(code)) => format!("{}<br><code>{}</code>", failure_words(class), escape(code)),
            (Some(class), None) => failure_words(class).to_owned(),
            (None, _) => "–".to_owned(),
        };
        let last = match (account.last_outcome, account.last_sweep) {
            (Some(outcome), Some(at)) => format!("{}<br>{}", words(outcome), self.when(Some(at))),
            _ => "–".to_owned(),
        };
        let next = match account.due_at {
            Some(at) if at <= self.now => format!("due<br>{}", self.when(Some(at))),
            due_at => self.when(due_at),
        };
        format!(
            "<tr><th scope=\"row\"><span class=\"name\">{name}</span><span class=\"id\">{id}</span></th><td>{status}</td>\
             <td>{here}</td><td>{last}</td><td>{next}</td><td>{failure}</td>\
             <td><form method=\"post\" action=\"/sweep\">{place}<input type=\"hidden\" name=\"account\" value=\"{id}\">\
             <input type=\"hidden\" name=\"name\" value=\"{name}\"><button aria-label=\"Sweep {name}\">Sweep</button></form></td></tr>",
            name = escape(name),
            status = account.status.map_or(String::new(), badge),
            here = self.when(account.last_activity),
            place = self.place(),
        )
    }

    /// How long ago or from now, with the time itself for who looks closer.
    fn when(&self, at: Option<OffsetDateTime>) -> String {
        let Some(at) = at else { return "–".to_owned() };
        format!(
            "<time datetime=\"{}\" title=\"{}\">{}</time>",
            rfc3339(at),
            clock(at),
            distance(at - self.now)
        )
    }

    /// So that a click leads back to where it was.
    fn place(&self) -> String {
        let field = |name: &str, value: &str| {
            format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escape(value))
        };
        match (self.find, self.from) {
            (Some(find), _) => field("find", find),
            (None, Some(from)) => field("from", &from.to_text()),
            (None, None) => String::new(),
        }
    }

    fn links(&self) -> String {
        let mut links = String::new();
        if self.from.is_some() || self.find.is_some() {
            links.push_str("<li><a href=\"/\">First page</a></li>");
        }
        if let Some(next) = self.next {
            let _ =
                write!(links, "<li><a href=\"/?from={}\" rel=\"next\">Next page</a></li>", next.to_text());
        }
        if links.is_empty() { links } else { format!("<nav aria-label=\"Pages\"><ul>{links}</ul></nav>") }
    }
}

/// What came of a sweep of one account.
pub(super) fn told(name: &str, summary: &Summary) -> String {
    let Some(turn) = summary.turns.first() else {
        return format!("{name} is not known to the sweep.");
    };
    let mut text = format!("{name}: {}", words(turn.outcome));
    for part in [turn.code.as_deref(), turn.reason.as_deref()].into_iter().flatten() {
        let _ = write!(text, " ({part})");
    }
    text.push('.');
    text
}

pub(super) fn refusal(text: &str) -> String {
    document(
        "Not done",
        &format!(
            "<h1>Not done</h1><p role=\"alert\">{}</p><p><a href=\"/\">All accounts</a></p>",
            escape(text)
        ),
    )
}

fn document(title: &str, body: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{} · local stack</title><link rel=\"stylesheet\" href=\"/style.css\"><link rel=\"icon\" href=\"data:,\">\
         <script src=\"/progress.js\" defer></script></head><body><main>{body}</main></body></html>",
        escape(title)
    )
}

fn badge(status: AccountStatus) -> String {
    let (class, text) = match status {
        AccountStatus::Active => ("good", "Active"),
        AccountStatus::Failing => ("careful", "Failing"),
        AccountStatus::NeedsUser => ("bad", "Needs its user"),
    };
    format!("<span class=\"badge {class}\">{text}</span>")
}

fn failure_words(class: FailureClass) -> &'static str {
    match class {
        FailureClass::UserNeeded => "user needed",
        FailureClass::MissingTokens => "no tokens",
        FailureClass::Throttled => "throttled",
        FailureClass::Unavailable => "unavailable",
        FailureClass::Refused => "refused",
        FailureClass::ApplicationRejected => "our credential",
        FailureClass::ParkedByOperator => "by an operator",
    }
}

fn distance(from_now: time::Duration) -> String {
    let seconds = from_now.whole_seconds();
    let span = match seconds.abs() {
        0..90 => format!("{} s", seconds.abs()),
        90..5_400 => format!("{} min", (seconds.abs() + 30) / 60),
        5_400..129_600 => format!("{} h", (seconds.abs() + 1_800) / 3_600),
        _ => format!("{} days", (seconds.abs() + 43_200) / 86_400),
    };
    if seconds > 0 { format!("in {span}") } else { format!("{span} ago") }
}

fn clock(at: OffsetDateTime) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    at.to_offset(time::UtcOffset::UTC).format(format).unwrap_or_default()
}

fn rfc3339(at: OffsetDateTime) -> String {
    at.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_table_is_never_markup() {
        assert_eq!(escape("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
        assert!(refusal("<script>").contains("&lt;script&gt;"));
    }

    #[test]
    fn distances_are_in_the_unit_that_says_most() {
        for (seconds, text) in [
            (0, "0 s ago"),
            (89, "in 89 s"),
            (-89, "89 s ago"),
            (90, "in 2 min"),
            (-5_400, "2 h ago"),
            (86_400, "in 24 h"),
            (14 * 86_400, "in 14 days"),
        ] {
            assert_eq!(distance(time::Duration::seconds(seconds)), text);
        }
    }
}
