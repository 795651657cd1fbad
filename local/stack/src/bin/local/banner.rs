//! What a person needs to know once everything runs.

use crate::terminal::Style;
use stack::Stack;
use std::fmt::Write as _;

/// Addresses, users, and what to try next.
pub(crate) fn banner(stack: &Stack, style: Style, page: PageState, tick: Option<u32>) -> String {
    let addresses = stack.addresses();
    let environment = stack.environment();
    let mut text = String::new();
    let mut line = |name: &str, address: &str, remark: &str| {
        let _ = writeln!(
            text,
            "  {name:<10} {}{}",
            style.address(&format!("{address:<32}")),
            if remark.is_empty() { String::new() } else { format!(" {}", style.dim(remark)) }
        );
    };
    match page {
        PageState::Ready => line("Page", &addresses.page, "sign in here"),
        PageState::Absent => line("Page", &addresses.page, "not available, see above"),
    }
    line("API", &addresses.api, "GET /api/profile, /api/background-access, /api/health");
    line("Accounts", &addresses.accounts, "whom the sweep acts for; sweep one or all on a click");
    match &addresses.emulator {
        Some(url) => {
            line("Emulator", &format!("{url}/emulator"), "Entra ID and Graph: users, scenarios, requests");
        }
        None => line(
            "Entra ID",
            environment.get("ENTRA_AUTHORITY_HOST").unwrap_or("https://login.microsoftonline.com"),
            "your own tenant",
        ),
    }
    let table = environment.get("TABLE_NAME").unwrap_or_default();
    match (&addresses.dynamodb, environment.get("AWS_ENDPOINT_URL_DYNAMODB")) {
        (Some(url), _) => {
            line("DynamoDB", url, &format!("table {table}, kept in {}", stack.data_folder().display()));
        }
        (None, Some(url)) => line("DynamoDB", url, &format!("table {table}")),
        (None, None) => line("DynamoDB", "Amazon", &format!("table {table}")),
    }
    if let Some(url) = &addresses.event_bus {
        line("Event bus", url, "PutEvents; its tasks go through a queue to the sweep's workers");
    }
    if let Some(url) = &addresses.control {
        line("Control", url, "POST /clock/advance, /sweep, /bus/faults, GET /state, /events");
    }
    let headline = match page {
        PageState::Ready => "Everything runs.",
        PageState::Absent => "Everything but the page runs.",
    };
    let mut text = format!("\n{}\n\n{text}", style.bold(headline));

    if let Some(emulator) = stack.emulator() {
        let _ = writeln!(text, "\n{}", style.bold("Users (no passwords)"));
        for user in emulator.users() {
            let profile = &user.profile;
            let place: Vec<&str> =
                [profile.job_title.as_deref(), profile.city.as_deref()].into_iter().flatten().collect();
            let _ = writeln!(
                text,
                "  {:<46} {:<16} {}",
                user.user_principal_name,
                user.display_name,
                style.dim(&place.join(", "))
            );
        }
    }
    text.push_str(&next_steps(stack, style, page, tick));
    text
}

/// Whether there is a page to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PageState {
    Ready,
    Absent,
}

fn next_steps(stack: &Stack, style: Style, page: PageState, tick: Option<u32>) -> String {
    let idle = stack.environment().get("SWEEP_IDLE_SECONDS").unwrap_or("30");
    let mut steps = Vec::new();
    if page == PageState::Ready {
        steps.push(format!(
            "Open {} and sign in. Your profile comes from Graph, through On-Behalf-Of.",
            style.address(&stack.addresses().page)
        ));
    }
    match tick {
        Some(tick) => steps.push(format!(
            "Leave the page alone for {idle} seconds. The sweep, every {tick} seconds, then works for you: watch it here."
        )),
        None => steps.push(format!(
            "The schedule is off: POST /sweep to the control address works for who has been away for {idle} seconds."
        )),
    }
    if let Some(emulator) = &stack.addresses().emulator {
        steps.push(format!(
            "Revoke a user at {}. The next sweep parks the account and says why; a new sign-in brings it back.",
            style.address(&format!("{emulator}/emulator"))
        ));
    }
    let mut text = format!("\n{}\n", style.bold("Try this"));
    for (number, step) in steps.iter().enumerate() {
        let _ = writeln!(text, "  {}. {step}", number + 1);
    }
    let _ =
        writeln!(text, "\n{}", style.dim("Ctrl-C stops; the data stays, `cargo local --reset` clears it."));
    text
}
