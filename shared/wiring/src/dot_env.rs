//! Files of `NAME=value` lines, for programs on somebody's machine. The functions read none.

use crate::environment::Environment;
use std::path::{Path, PathBuf};

/// The file cannot be read as settings.
#[derive(Debug, thiserror::Error)]
pub enum DotEnvError {
    #[error("cannot read the settings file {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The line itself is left out: it may hold a secret.
    #[error("{}: line {line}: expected NAME=value, a comment (#) or nothing", path.display())]
    BadLine { path: PathBuf, line: usize },
}

/// Adds the file's variables to those that are set already, which go first. Quotes around a whole value are taken off;
/// nothing is expanded.
pub fn read_env_file(path: &Path, environment: &mut Environment) -> Result<(), DotEnvError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| DotEnvError::Unreadable { path: path.to_owned(), source })?;
    let variables = parse(&text).map_err(|line| DotEnvError::BadLine { path: path.to_owned(), line })?;
    for (name, value) in variables {
        environment.set_default(&name, value);
    }
    Ok(())
}

fn parse(text: &str) -> Result<Vec<(String, String)>, usize> {
    let mut variables = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let bare = line.trim_start_matches(BYTE_ORDER_MARK).trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        let (name, value) = env_line(line).ok_or(index + 1)?;
        variables.push((name.to_owned(), value.to_owned()));
    }
    Ok(variables)
}

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The name and the value of the variable that a line of such a file sets; `None` if it sets none.
pub fn env_line(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start_matches(BYTE_ORDER_MARK).trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    is_name(name.trim()).then_some((name.trim(), unquoted(value.trim())))
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

/// A quoted value ends at its quote; a bare one at a comment.
fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)) {
            return inner.0;
        }
    }
    value.split_once(" #").map_or(value, |(value, _)| value.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap()
    }

    #[test]
    fn the_usual_spellings_are_read() {
        let text = "# a comment\n\nA=1\nexport B = two words # why\nC=\"x # y\"\nD='=='\nE=\r\nF=a=b#c\n";
        let expected =
            [("A", "1"), ("B", "two words"), ("C", "x # y"), ("D", "=="), ("E", ""), ("F", "a=b#c")];
        assert_eq!(pairs(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn a_bad_line_is_named_by_its_number_and_never_quoted() {
        for text in ["A=1\nsecret-without-a-name", "A=1\n=secret", "A=1\n1B=secret", "A=1\nB C=secret"] {
            assert_eq!(parse(text), Err(2), "{text}");
        }
        let error = DotEnvError::BadLine { path: ".env".into(), line: 2 };
        assert_eq!(error.to_string(), ".env: line 2: expected NAME=value, a comment (#) or nothing");
    }
}
