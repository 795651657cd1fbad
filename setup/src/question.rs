//! Questions to whoever sits at the terminal.

use std::io::{BufRead as _, IsTerminal as _, stdin};

/// The answer; `None` where nobody can be asked, or nothing came. On standard error, so that standard output is the command's.
pub(crate) fn ask_on_terminal(question: &str) -> Option<bool> {
    if !stdin().is_terminal() {
        return None;
    }
    anstream::eprint!("{question} [y/N] ");
    let mut answer = String::new();
    stdin().lock().read_line(&mut answer).ok()?;
    Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
