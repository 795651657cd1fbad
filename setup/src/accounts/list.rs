//! `accounts list`

use super::terms::{instant, json_instant, last_turn, name, optional_instant, status};
use super::{Deployment, Outcome};
use crate::environment::EnvironmentArguments;
use domain::account::{AccountActivity, AccountStatus};
use domain::identity::HomeAccountId;
use serde_json::{Value, json};
use std::process::ExitCode;
use store_dynamodb::operator::{AccountPage, AccountQuery, Listed};

#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: EnvironmentArguments,
    /// Only accounts with this status
    #[arg(long)]
    status: Option<StatusArgument>,
    /// Only accounts whose turn has come; read from the index, where all others cost a read of the whole table
    #[arg(long)]
    due: bool,
    /// The most that are listed
    #[arg(long, value_name = "NUMBER", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Goes on where the page before ended, which said how
    #[arg(long, value_name = "PLACE")]
    after: Option<String>,
    /// Writes JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
enum StatusArgument {
    Active,
    Failing,
    NeedsUser,
}

impl From<StatusArgument> for AccountStatus {
    fn from(status: StatusArgument) -> Self {
        match status {
            StatusArgument::Active => Self::Active,
            StatusArgument::Failing => Self::Failing,
            StatusArgument::NeedsUser => Self::NeedsUser,
        }
    }
}

pub(super) async fn run(arguments: Arguments) -> Outcome {
    let deployment = Deployment::open(&arguments.deployment).await?;
    let query = AccountQuery { status: arguments.status.map(AccountStatus::from), due: arguments.due };
    let limit = usize::try_from(arguments.limit).unwrap_or(usize::MAX);
    let page = deployment.table.page(query, limit, arguments.after.as_deref()).await?;
    // Entries of the index that name no account are in no page.
    let broken_entries = deployment.table.accounts().corrupt_items();
    if arguments.json {
        print_json(&page, broken_entries);
    } else {
        print_table(&page);
        if broken_entries > 0 {
            anstream::eprintln!("{broken_entries} entries of the index name no account; they are left out");
        }
    }
    Ok(ExitCode::SUCCESS)
}

const HEAD: [&str; 6] = ["ACCOUNT", "NAME", "STATUS", "LAST ACTIVITY", "LAST TURN", "NEXT TURN"];

fn print_table(page: &AccountPage) {
    let rows: Vec<[String; 6]> = page.accounts.iter().map(row).collect();
    let mut widths = HEAD.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: [&str; 6]| {
        let padded: Vec<String> =
            cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        anstream::println!("{}", padded.join("  ").trim_end());
    };
    line(HEAD);
    for row in &rows {
        line(row.each_ref().map(String::as_str));
    }
    if let Some(next) = &page.next {
        anstream::println!("there may be more: --after '{next}'");
    }
}

fn row(listed: &Listed) -> [String; 6] {
    match listed {
        Listed::Account { account, activity } => [
            account.to_string(),
            name(activity).to_owned(),
            status(activity.status).to_owned(),
            instant(activity.last_activity),
            last_turn(activity.last_sweep.as_ref()),
            optional_instant(activity.due_at),
        ],
        Listed::Unreadable { partition_key, defect } => {
            let [a, b, c] = ["", "", ""].map(str::to_owned);
            [partition_key.clone(), format!("cannot be read: {defect}"), "unreadable".to_owned(), a, b, c]
        }
    }
}

fn print_json(page: &AccountPage, broken_entries: u64) {
    let accounts: Vec<Value> = page
        .accounts
        .iter()
        .map(|listed| match listed {
            Listed::Account { account, activity } => json_account(account, activity),
            Listed::Unreadable { partition_key, defect } => {
                json!({ "partitionKey": partition_key, "defect": defect })
            }
        })
        .collect();
    let page = json!({ "accounts": accounts, "next": page.next, "brokenEntries": broken_entries });
    anstream::println!("{page:#}");
}

pub(super) fn json_account(account: &HomeAccountId, activity: &AccountActivity) -> Value {
    json!({
        "account": account,
        "userPrincipalName": activity.user_principal_name,
        "status": activity.status,
        "lastActivity": instant(activity.last_activity),
        "lastTurn": activity.last_sweep.map(|last| json!({ "at": instant(last.at), "outcome": last.outcome })),
        "nextTurn": json_instant(activity.due_at),
        "failure": activity.failure.as_ref().map(|failure| json!({
            "class": failure.class,
            "code": failure.code.map(|code| format!("AADSTS{code}")),
            "suberror": failure.suberror,
            "at": instant(failure.at),
            "attempts": activity.failure_count,
        })),
    })
}
