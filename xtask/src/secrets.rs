//! No secret in the repository: detect-secrets (Yelp) on every file that git knows, by the forms that real keys have. Its
//! guesses by entropy are left out: lock files and test data are full of what they take for secrets.

use serde_json::Value;
use std::fs;

use crate::install::{need_program, python_tool};
use crate::run::{Run, StepResult, Stop, fail_to, failed};

const LEFT_OUT: [&str; 4] =
    ["Base64HighEntropyString", "HexHighEntropyString", "IPPublicDetector", "KeywordDetector"];

/// What looks like a secret and is none: file, kind, why.
const ACCEPTED: [(&str, &str, &str); 4] = [
    ("local/e2e/tests/it/refused_tokens.rs", "JSON Web Token", "a token that nobody signed"),
    (
        "local/e2e/tests/it/refused_tokens.rs",
        "Private Key",
        "the first line of PEM, for a key made in the test",
    ),
    (
        "shared/entra/tests/it/certificates.rs",
        "Private Key",
        "the first line of PEM, for a key made in the test",
    ),
    ("shared/graph/tests/it/me.rs", "JSON Web Token", "a token without claims"),
];

/// A find: where, and what it looks like. The secret itself is not shown.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Find {
    file: String,
    kind: String,
    line: u64,
}

/// # Errors
/// What was found and is not accepted; or what is accepted and no longer there; or that the search finds nothing at all.
pub(crate) fn scan(run: &mut Run) -> StepResult {
    // First that it finds what it is for.
    let planted = run.scratch()?.join("planted.txt");
    let key = ["-----BEGIN RSA ", "PRIVATE KEY-----"].concat();
    let aws = ["AKIA", "IOSFODNN7QXAMPLE"].concat();
    let entra = ["abc8", "Q~", &"x1Y".repeat(11)].concat();
    fs::write(&planted, format!("{key}\n{aws}\nsecret = {entra}\n")).map_err(fail_to("plant secrets"))?;
    let found = finds(run, &["--all-files".to_owned(), planted.display().to_string()])?;
    if found.len() != 3 {
        return Err(failed(format!("of three planted secrets these were found: {found:?}")));
    }

    let git = need_program("git", "install git")?;
    let mut list = run.command(git);
    list.args(["ls-files", "-z", "--cached", "--", ".", ":!fuzz/corpus"]);
    let files: Vec<String> = run.output(list)?.split_terminator('\0').map(str::to_owned).collect();
    run.note(&format!("{} files", files.len()));
    let found = finds(run, &files)?;
    let is_accepted = |find: &Find| {
        ACCEPTED.iter().any(|(file, kind, _)| (find.file.as_str(), find.kind.as_str()) == (*file, *kind))
    };
    if let Some(find) = found.iter().find(|find| !is_accepted(find)) {
        let Find { file, kind, line } = find;
        return Err(failed(format!(
            "{file}:{line} looks like a secret ({kind}): take it out and replace it where it is used; or, if it is none, \
             say why in xtask/src/secrets.rs"
        )));
    }
    for (file, kind, _) in ACCEPTED {
        if !found.iter().any(|find| (find.file.as_str(), find.kind.as_str()) == (file, kind)) {
            return Err(failed(format!(
                "{file} has no {kind} any more: take it out of xtask/src/secrets.rs"
            )));
        }
    }
    Ok(())
}

fn finds(run: &mut Run, files: &[String]) -> Result<Vec<Find>, Stop> {
    let mut scan = python_tool(run, "detect-secrets");
    scan.args(["scan", "--plugin", "xtask/secrets/entra_client_secret.py"]);
    scan.args(LEFT_OUT.iter().flat_map(|plugin| ["--disable-plugin", plugin]));
    scan.args(files);
    let report = run.output(scan)?;
    let report: Value =
        serde_json::from_str(&report).map_err(fail_to("read the report of detect-secrets"))?;
    let files = report["results"].as_object().ok_or_else(|| failed("the report has no results"))?;
    let mut found: Vec<Find> = files
        .iter()
        .flat_map(|(file, finds)| finds.as_array().into_iter().flatten().map(move |find| (file, find)))
        .map(|(file, find)| Find {
            file: file.clone(),
            kind: find["type"].as_str().unwrap_or_default().to_owned(),
            line: find["line_number"].as_u64().unwrap_or_default(),
        })
        .collect();
    found.sort();
    Ok(found)
}
