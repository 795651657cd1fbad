//! Does the whole thing work on this machine? Two users, one of them revoked, one sweep; no browser, no npm.

use crate::accounts::{AccountState, AccountsError};
use crate::stack::{Stack, StackError, StackOptions};
use crate::visitor::{SignInError, Visitor};
use background_sweep::SweepFailure;
use domain::account::{AccountStatus, FailureClass, TurnOutcome};
use std::fmt;

const USERS: [&str; 2] = ["adele@lakeside.example", "bruno@lakeside.example"];
const REVOKED: &str = USERS[1];

/// Longer than a Graph token of the emulator lives (24 hours), so that the sweep must refresh.
const AWAY_SECONDS: i64 = 25 * 3600;

/// What happened, for a person and for an exit code.
#[derive(Debug)]
pub struct SmokeReport {
    pub rows: Vec<SmokeRow>,
    /// What was expected and did not come; empty if all is well.
    pub faults: Vec<String>,
}

/// One user's way through it.
#[derive(Debug, Default)]
pub struct SmokeRow {
    pub user: String,
    pub first_call: String,
    pub second_call: String,
    pub meanwhile: &'static str,
    pub sweep: String,
    pub reason: String,
}

/// The run could not be ended at all.
#[derive(Debug, thiserror::Error)]
pub enum SmokeError {
    #[error("the stack does not start")]
    Stack(#[from] StackError),
    #[error("sign-in of {user}")]
    SignIn {
        user: &'static str,
        #[source]
        source: SignInError,
    },
    #[error("the API does not answer")]
    Api(#[from] reqwest::Error),
    #[error("the user cannot be revoked")]
    Revoke(#[from] entra_emulator::ControlError),
    #[error("the sweep failed")]
    Sweep(#[from] SweepFailure),
    #[error("the table cannot be read")]
    Table(#[from] AccountsError),
    #[error("the stack has no emulator")]
    NoEmulator,
    #[error("the clock cannot be moved")]
    Clock(#[from] crate::clock::RefusedStep),
}

/// Runs a stack of its own, on free ports and in a temporary folder, whatever the process's variables say.
pub async fn smoke() -> Result<SmokeReport, SmokeError> {
    let stack = Stack::start(StackOptions::for_tests()).await?;
    let report = run(&stack).await;
    stack.stop().await;
    report
}

async fn run(stack: &Stack) -> Result<SmokeReport, SmokeError> {
    let emulator = stack.emulator().ok_or(SmokeError::NoEmulator)?;
    let mut report = SmokeReport { rows: Vec::new(), faults: Vec::new() };
    for user in USERS {
        let failed = |source| SmokeError::SignIn { user, source };
        let visitor = Visitor::at(&stack.addresses().page).await.map_err(failed)?;
        let signed_in = visitor.sign_in(user).await.map_err(failed)?;
        let mut calls = Vec::new();
        for call in ["first", "second"] {
            emulator.reset_requests();
            let answer = visitor
                .http()
                .get(format!("{}/api/profile", stack.addresses().api))
                .bearer_auth(&signed_in.access_token)
                .send()
                .await?;
            let status = answer.status().as_u16();
            let body: serde_json::Value = answer.json().await?;
            let (token_requests, graph_requests) = requests(emulator);
            calls.push(format!("{status}, {token_requests} token, {graph_requests} Graph"));
            report.expect(status == 200 && body["userPrincipalName"] == user, || {
                format!("{user}, {call} call: expected 200 and their profile, got {status} {}", body["code"])
            });
            let expected = u64::from(call == "first");
            report.expect(token_requests == expected && graph_requests == 1, || {
                format!(
                    "{user}, {call} call: expected {expected} token requests and 1 to Graph, got {token_requests} and \
                     {graph_requests}"
                )
            });
        }
        let second_call = calls.pop().unwrap_or_default();
        let first_call = calls.pop().unwrap_or_default();
        report.rows.push(SmokeRow { user: user.to_owned(), first_call, second_call, ..SmokeRow::default() });
    }

    emulator.revoke(REVOKED)?;
    stack.clock().advance(AWAY_SECONDS)?;
    stack.sweeper().tick().await?;
    let accounts = stack.accounts().all().await?;
    for index in 0..report.rows.len() {
        let user = report.rows[index].user.clone();
        let account = accounts.iter().find(|account| account.user_principal_name.as_ref() == Some(&user));
        report.judge(index, account);
    }
    Ok(report)
}

/// Requests to the token endpoint and to Graph since the last reset.
fn requests(emulator: &entra_emulator::Emulator) -> (u64, u64) {
    let counters = emulator.counters();
    let total = |prefix: &str| {
        counters.iter().filter(|(kind, _)| kind.starts_with(prefix)).map(|(_, counter)| counter.total).sum()
    };
    (total("token."), total("graph."))
}

impl SmokeReport {
    fn expect(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.faults.push(fault());
        }
    }

    /// The revoked user must be parked with a reason, the other must have had their turn.
    fn judge(&mut self, index: usize, account: Option<&AccountState>) {
        let row = &mut self.rows[index];
        let revoked = row.user == REVOKED;
        row.meanwhile = if revoked { "away, revoked" } else { "away" };
        let outcome = account.and_then(|account| account.last_outcome);
        row.sweep = outcome.map_or_else(|| "no turn".to_owned(), |outcome| outcome.as_str().to_owned());
        let code = account.and_then(|account| account.failure_code.as_deref());
        let class = account.and_then(|account| account.failure_class);
        let reasons: Vec<&str> = code.into_iter().chain(class.map(FailureClass::as_str)).collect();
        row.reason = reasons.join(", ");
        let status = account.and_then(|account| account.status);
        let as_expected = if revoked {
            outcome == Some(TurnOutcome::NeedsUser)
                && status == Some(AccountStatus::NeedsUser)
                && code.is_some()
        } else {
            matches!(outcome, Some(TurnOutcome::Acted | TurnOutcome::Unchanged))
                && status == Some(AccountStatus::Active)
        };
        let expected = if revoked { "needs_user with an AADSTS code" } else { "acted or unchanged" };
        let fault = format!("{}, sweep: expected {expected}, got {} {}", row.user, row.sweep, row.reason);
        self.expect(as_expected, || fault);
    }
}

impl fmt::Display for SmokeReport {
    /// A table, and what was wrong.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["user", "first call", "second call", "then", "sweep", "reason"];
        let rows: Vec<[&str; 6]> = std::iter::once(heads)
            .chain(self.rows.iter().map(|row| {
                [
                    &row.user,
                    &row.first_call,
                    &row.second_call,
                    row.meanwhile,
                    row.sweep.as_str(),
                    row.reason.as_str(),
                ]
            }))
            .collect();
        let mut widths = [0; 6];
        for row in &rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for (number, row) in rows.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(formatter, "{}", cells.join("  ").trim_end())?;
            if number == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                writeln!(formatter, "{}", rules.join("  "))?;
            }
        }
        if self.faults.is_empty() {
            return writeln!(
                formatter,
                "\nAs it should be: one account acquired, one parked with its reason."
            );
        }
        writeln!(formatter, "\nNot as it should be:")?;
        self.faults.iter().try_for_each(|fault| writeln!(formatter, "  {fault}"))
    }
}
