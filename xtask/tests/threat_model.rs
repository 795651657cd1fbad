//! `docs/threat-model.md` names the test that holds each control in place: that test must be there.

#![cfg(test)]

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// Folders with tests in Rust.
const TESTS: [&str; 4] = ["functions", "shared", "local", "xtask/src"];

#[test]
fn every_control_names_a_test_that_there_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let document = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let steps = fs::read_to_string(root.join("xtask/src/steps.rs")).unwrap();
    let mut modules = HashMap::new();
    for folder in TESTS {
        read_modules(&root.join(folder), &mut modules);
    }

    let controls = controls(&document);
    assert!(controls.len() > 25, "{controls:?}");
    for [threat, _, held_by] in controls {
        let tests: Vec<&str> = held_by.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test holds: {threat}");
        for test in tests {
            if let Some(step) = test.strip_prefix("cargo xtask test --only ") {
                assert!(steps.contains(&format!("name: \"{step}\"")), "there is no step {step}: {threat}");
                continue;
            }
            let (module, name) = test.split_once("::").unwrap_or((test, ""));
            let sources = modules.get(module).map(Vec::as_slice).unwrap_or_default();
            let wanted = if name == "*" { "::test]\n".to_owned() } else { format!("fn {name}(") };
            assert!(sources.iter().any(|text| text.contains(&wanted)), "there is no {test}: {threat}");
        }
    }
}

/// The rows of the tables whose last column is "held by".
fn controls(document: &str) -> Vec<[&str; 3]> {
    let mut rows = Vec::new();
    let mut in_table = false;
    for line in document.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        in_table = line.starts_with('|') && (in_table || cells.last() == Some(&"held by"));
        if let (true, Ok(cells)) = (in_table, <[&str; 3]>::try_from(cells)) {
            rows.push(cells);
        }
    }
    rows.retain(|[threat, _, _]| *threat != "threat" && !threat.starts_with("---"));
    rows
}

/// Sources by the name of their module.
fn read_modules(folder: &Path, modules: &mut HashMap<String, Vec<String>>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_modules(&path, modules);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let stem = path.file_stem().unwrap();
            let name = if stem == "mod" { path.parent().unwrap().file_name().unwrap() } else { stem };
            let text = fs::read_to_string(&path).unwrap();
            modules.entry(name.to_str().unwrap().to_owned()).or_default().push(text);
        }
    }
}
