//! `cargo local sweep`.

use crate::arguments::SweepArguments;
use crate::log_lines::{self, Names, Output};
use crate::progress::{Progress, span};
use crate::signals::Signals;
use crate::terminal::Style;
use crate::{Failure, data_folder, environment};
use background_sweep::{Answer, DryRunSummary, Summary};
use domain::account::TurnOutcome;
use domain::sweep_accounts::TurnObserver;
use domain::turn::TurnReport;
use stack::SweepWish;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use time::Duration;

/// As a shell reports a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Counts turns as they end.
#[derive(Default)]
struct Counts(Mutex<BTreeMap<TurnOutcome, u64>>);

impl TurnObserver for Counts {
    fn turn_ended(&self, report: &TurnReport) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(report.outcome).or_default() += 1;
    }
}

impl Counts {
    fn now(&self) -> BTreeMap<TurnOutcome, u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(crate) async fn sweep(wish: SweepArguments) -> Result<ExitCode, Failure> {
    log_lines::start(Style::of_stdout(), Names::default(), Output::Error);
    let mut signals = Signals::listen()?;
    let environment = environment(&wish.place, true)?;
    let folder = data_folder(&wish.place);
    let asked = match (wish.account, wish.dry_run) {
        (Some(account), _) => SweepWish::Account(account),
        (None, true) => SweepWish::DryRun,
        (None, false) => SweepWish::Due,
    };
    let counts = Counts::default();
    let progress = Progress::begin();
    let sweeping = async {
        tokio::select! {
            answer = stack::sweep_now(&environment, &folder, &asked, &counts) => Some(answer),
            () = signals.received() => None,
        }
    };
    let answer = progress.during(Box::pin(sweeping), |progress| under_way(&asked, &counts, progress)).await;
    let Some(answer) = answer else {
        print!("{}", table(&counts.now(), &progress));
        println!("Stopped. Accounts whose turn was under way are free again when their lease ends.");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    match answer? {
        Answer::DryRun(found) => {
            print!("{}", due(&found));
            Ok(ExitCode::SUCCESS)
        }
        answer => Ok(told(&asked, &answer.into_summary(), &progress)),
    }
}

fn told(asked: &SweepWish, summary: &Summary, progress: &Progress) -> ExitCode {
    if let SweepWish::Account(account) = asked {
        if summary.turns.is_empty() {
            eprintln!("cargo local: no account {account:?} is in the table; its user must sign in first");
            return ExitCode::FAILURE;
        }
        for turn in &summary.turns {
            let details = [turn.code.as_deref(), turn.suberror.as_deref(), turn.reason.as_deref()];
            let details: Vec<&str> = details.into_iter().flatten().collect();
            println!("{}  {}  {}", turn.account, turn.outcome.as_str(), details.join(", "));
        }
    } else {
        print!("{}", table(&summary.outcomes, progress));
        if let Some(seconds) = summary.lag.map(Duration::whole_seconds).filter(|seconds| *seconds > 0) {
            println!("The one that waited longest had been due for {seconds} s.");
        }
    }
    if summary.outcomes.contains_key(&TurnOutcome::CredentialFault) {
        eprintln!(
            "cargo local: our own credential was rejected, and the sweep stopped; check ENTRA_CLIENT_ID and its credential"
        );
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn under_way(asked: &SweepWish, counts: &Counts, progress: &Progress) -> String {
    match asked {
        SweepWish::DryRun => format!("Counting what is due, for {}", span(progress.elapsed())),
        SweepWish::Due | SweepWish::Account(_) => line(&counts.now(), progress),
    }
}

/// Accounts done, rate, outcomes.
fn line(outcomes: &BTreeMap<TurnOutcome, u64>, progress: &Progress) -> String {
    let done: u64 = outcomes.values().sum();
    let mut text = format!("{done} accounts, {:.0} per second", progress.rate(done));
    for (outcome, number) in outcomes {
        let _ = write!(text, "  {} {number}", outcome.as_str());
    }
    text
}

fn table(outcomes: &BTreeMap<TurnOutcome, u64>, progress: &Progress) -> String {
    let done: u64 = outcomes.values().sum();
    if done == 0 {
        return "Nothing was due.\n".to_owned();
    }
    let mut text = String::new();
    for (outcome, number) in outcomes {
        let _ = writeln!(text, "{:<18}{number:>10}", outcome.as_str());
    }
    let _ = writeln!(
        text,
        "{:<18}{done:>10}   in {}, {:.0} per second",
        "accounts",
        span(progress.elapsed()),
        progress.rate(done)
    );
    text
}

fn due(found: &DryRunSummary) -> String {
    let mut text = String::new();
    for (shard, number) in &found.shards {
        let _ = writeln!(text, "{shard:<18}{number:>10}");
    }
    let more = if found.cut { " or more" } else { "" };
    let _ = writeln!(text, "{:<18}{:>10}{more}", "due", found.due);
    if found.due > 0 {
        let _ = writeln!(text, "The one that waits longest has been due for {} s.", found.lag_seconds);
    }
    text.push_str("Nothing was changed.\n");
    text
}
