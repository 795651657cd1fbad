//! The table in `docs/interop.md`.

use super::program::Language;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use wiring::Environment;

const BEGIN: &str =
    "<!-- The table is written by the tests: BLESS=1 cargo xtask test --only interop-matrix -->\n";
const END: &str = "<!-- End of the table -->";

/// Rows and columns as Markdown.
pub(crate) fn table(
    libraries: &BTreeMap<Language, String>,
    rows: &[&str],
    cells: &BTreeMap<(&str, Language), String>,
) -> String {
    let line = |first: &str, rest: Vec<&str>| format!("| {first} | {} |\n", rest.join(" | "));
    let head = line("cache", libraries.values().map(String::as_str).collect());
    let rule = format!("|{}\n", "---|".repeat(libraries.len() + 1));
    let body = rows.iter().map(|row| {
        let cells = Language::ALL.iter().map(|language| cells[&(*row, *language)].as_str());
        line(row, cells.collect())
    });
    [head, rule].into_iter().chain(body).collect()
}

/// Fails when the document says other than what was seen; with `BLESS=1` it is put right instead.
pub(crate) fn assert_up_to_date(seen: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/interop.md");
    let document = fs::read_to_string(&file).unwrap();
    let (before, rest) = document.split_once(BEGIN).unwrap();
    let (documented, after) = rest.split_once(END).unwrap();
    if Environment::of_process().get("BLESS") == Some("1") {
        fs::write(&file, format!("{before}{BEGIN}\n{seen}\n{END}{after}")).unwrap();
        return;
    }
    assert_eq!(
        documented.trim(),
        seen.trim(),
        "docs/interop.md is not what was seen; `BLESS=1` puts it right"
    );
}
