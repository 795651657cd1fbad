//! The tables in `docs/interop.md`.

use super::program::Language;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use wiring::Environment;

/// Before the table of the libraries with a plugin.
pub(crate) const PLUGINS: &str =
    "<!-- The table is written by the tests: BLESS=1 cargo xtask test --only interop-matrix -->\n";
/// Before that of MSAL.NET.
pub(crate) const DOT_NET: &str =
    "<!-- The table of MSAL.NET is written by the same step, with INTEROP_DOTNET -->\n";
const END: &str = "<!-- End of the table -->";

/// Rows and columns as Markdown.
pub(crate) fn table(
    columns: &BTreeMap<Language, String>,
    rows: &[&str],
    cells: &BTreeMap<(&str, Language), String>,
) -> String {
    let line = |first: &str, rest: Vec<&str>| format!("| {first} | {} |\n", rest.join(" | "));
    let head = line("cache", columns.values().map(String::as_str).collect());
    let rule = format!("|{}\n", "---|".repeat(columns.len() + 1));
    let body = rows.iter().map(|row| {
        let cells = columns.keys().map(|language| cells[&(*row, *language)].as_str());
        line(row, cells.collect())
    });
    [head, rule].into_iter().chain(body).collect()
}

/// Fails when the document says other than what was seen; with `BLESS=1` it is put right instead.
///
/// `begin` is the line before the table.
pub(crate) fn assert_up_to_date(begin: &str, seen: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/interop.md");
    let document = fs::read_to_string(&file).unwrap();
    let (before, rest) = document.split_once(begin).unwrap();
    let (documented, after) = rest.split_once(END).unwrap();
    if Environment::of_process().get("BLESS") == Some("1") {
        fs::write(&file, format!("{before}{begin}\n{seen}\n{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        documented.trim(),
        seen.trim(),
        "docs/interop.md is not what was seen; `BLESS=1` puts it right"
    );
}
