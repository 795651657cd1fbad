//! The table of steps. Add one here; `after` names the steps whose result it needs.

use std::process::Command;

use crate::run::{Run, StepResult};
use crate::{
    browser, contract, dependencies, install, interop, lambda, real_tenant, rust_tests, sam_local, secrets,
    soak,
};

/// Which command a step belongs to: `test` runs both groups.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Check,
    Test,
}

/// One step of each lane runs at a time.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Compiles Rust, and so would wait for cargo's lock anyway.
    Cargo,
    Other,
}

/// A step: its name in the output and in `--only`, one line about it, what must have passed before, and what it does.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) group: Group,
    pub(crate) lane: Lane,
    pub(crate) after: &'static [&'static str],
    pub(crate) run: fn(&mut Run) -> StepResult,
}

use Group::{Check, Test};
use Lane::{Cargo, Other};

/// In the order in which each lane takes them.
#[rustfmt::skip]
pub(crate) const STEPS: &[Step] = &[
    Step { name: "fmt", about: "formatting of the Rust code", group: Check, lane: Cargo, after: &[],
        run: |run| run.execute(run.cargo(["fmt", "--all", "--check", "--", "--color", "never"])) },
    Step { name: "dependencies", about: "one TLS stack, licences, sources, layers", group: Check, lane: Cargo, after: &[],
        run: dependencies::check },
    Step { name: "clippy", about: "lints; a warning is an error", group: Check, lane: Cargo, after: &[],
        run: |run| run.execute(run.cargo(["clippy", "--locked", "--workspace", "--all-targets", "--", "-D", "warnings"])) },
    Step { name: "doc", about: "documentation builds without a warning", group: Check, lane: Cargo, after: &[],
        run: |run| run.execute(rustdoc(run)) },
    Step { name: "spa-install", about: "npm packages of the SPA", group: Check, lane: Other, after: &[],
        run: |run| install::npm_packages(run, "spa") },
    Step { name: "spa-check", about: "types and lints of the SPA", group: Check, lane: Other, after: &["spa-install"],
        run: |run| run.execute(npm(run, "spa", "check")) },

    Step { name: "rust-build", about: "libraries, programs and tests, debug", group: Test, lane: Cargo, after: &[],
        run: rust_tests::build },
    Step { name: "rust-tests", about: "every Rust test", group: Test, lane: Cargo, after: &["rust-build"],
        run: rust_tests::run },
    Step { name: "python-tools", about: "installs cargo-lambda, SAM, moto, MSAL Python, mypy, scanners", group: Test, lane: Other, after: &[],
        run: install::python_tools },
    Step { name: "secrets", about: "no key, token or credential in any file", group: Test, lane: Other, after: &["python-tools"],
        run: secrets::scan },
    Step { name: "sam-validate", about: "the template's schema and lint rules", group: Test, lane: Other, after: &["python-tools"],
        run: lambda::validate_template },
    Step { name: "template-lint", about: "cfn-lint, with the rules for serverless applications, as written and as translated", group: Test, lane: Other, after: &["python-tools"],
        run: lambda::lint_template },
    Step { name: "template-scan", about: "Checkov on the template, as written and as translated", group: Test, lane: Other, after: &["python-tools"],
        run: lambda::scan_template },
    Step { name: "template", about: "what the template makes: routes, keys, schedule, policies, alarms, page", group: Test, lane: Other, after: &["python-tools"],
        run: lambda::test_template },
    Step { name: "spa-tests", about: "unit tests of the SPA", group: Test, lane: Other, after: &["spa-install"],
        run: |run| run.execute(npm(run, "spa", "test")) },
    Step { name: "spa-build", about: "the SPA as it is deployed", group: Test, lane: Other, after: &["spa-install"],
        run: |run| run.execute(npm(run, "spa", "build")) },
    Step { name: "stack-smoke", about: "`cargo local --smoke`: sign-in, profile, sweep over HTTP", group: Test, lane: Other, after: &["rust-build"],
        run: |run| { let mut local = run.command(run.path("target/debug/local")); local.arg("--smoke"); run.execute(local) } },
    Step { name: "browser", about: "journeys in Chromium with real MSAL.js", group: Test, lane: Other, after: &["rust-build", "spa-build"],
        run: browser::journeys },
    Step { name: "msal-python", about: "MSAL Python signs in at the emulator", group: Test, lane: Other, after: &["rust-build", "python-tools"],
        run: browser::msal_python },
    Step { name: "msal-node", about: "MSAL Node signs in at the emulator", group: Test, lane: Other, after: &["rust-build"],
        run: browser::msal_node },
    Step { name: "hostile-tokens", about: "tokens of PyJWT and joserfc that the API must refuse", group: Test, lane: Other, after: &["rust-build", "python-tools"],
        run: rust_tests::hostile_tokens },
    Step { name: "schemathesis", about: "the API keeps to openapi.yaml, whatever it is asked", group: Test, lane: Other, after: &["rust-build", "python-tools"],
        run: contract::schemathesis },
    Step { name: "interop-python", about: "the plugin for MSAL Python: types, wheel, tests", group: Test, lane: Other, after: &["rust-build", "python-tools"],
        run: interop::python },
    Step { name: "interop-node", about: "the plugin for MSAL Node: types, tests", group: Test, lane: Other, after: &["python-tools"],
        run: interop::node },
    Step { name: "interop-matrix", about: "API, workers with MSAL Python and Node, and sweep on one cache", group: Test, lane: Other, after: &["rust-build", "interop-python", "interop-node"],
        run: interop::matrix },
    Step { name: "soak-rotation", about: "strict rotation under faults, 60 rounds", group: Test, lane: Other, after: &["rust-build"],
        run: soak::rotation_in_short },
    Step { name: "soak-kills", about: "25 killed workers", group: Test, lane: Other, after: &["rust-build"],
        run: soak::kills_in_short },
    Step { name: "soak-sweep", about: "2,000 accounts, 4 workers over a queue that delivers twice, with kills", group: Test, lane: Other, after: &["rust-build"],
        run: soak::sweep_in_short },
    Step { name: "dynamodb-local", about: "store tests and costs on Amazon's DynamoDB Local", group: Test, lane: Other, after: &["rust-build"],
        run: rust_tests::store_on_dynamodb_local },
    Step { name: "sealing-kms", about: "sealing tests on moto's KMS", group: Test, lane: Other, after: &["rust-build", "python-tools"],
        run: rust_tests::sealing_on_moto },
    Step { name: "sam-build", about: "both functions, release, as `sam deploy` would", group: Test, lane: Cargo, after: &["python-tools"],
        run: lambda::sam_build },
    Step { name: "lambda-watch", about: "both functions answer `cargo lambda invoke`", group: Test, lane: Other, after: &["rust-build", "sam-build"],
        run: lambda::watch_and_invoke },
    Step { name: "sam-local", about: "both functions in containers, where Docker runs or can be started", group: Test, lane: Other, after: &["rust-build", "sam-build"],
        run: sam_local::containers },
    Step { name: "lambda-deploy", about: "`cargo lambda deploy` of both, to moto", group: Test, lane: Other, after: &["sam-build"],
        run: lambda::deploy },
    Step { name: "stack-deploy", about: "the whole template applied to moto and read back", group: Test, lane: Other, after: &["sam-build"],
        run: lambda::deploy_template },
    Step { name: "stack-functions", about: "both functions at work on that stack; what they ask of AWS against their roles", group: Test, lane: Other, after: &["rust-build", "sam-build"],
        run: lambda::use_deployed },
    Step { name: "real-tenant", about: "every command of docs/real-tenant.md, on the emulator and moto", group: Test, lane: Other, after: &["rust-build", "spa-build", "sam-build"],
        run: real_tenant::follow },
];

fn rustdoc(run: &Run) -> Command {
    let mut command = run.cargo(["doc", "--locked", "--workspace", "--no-deps", "--document-private-items"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

fn npm(run: &Run, folder: &str, script: &str) -> Command {
    let mut command = run.command("npm");
    command.args(["run", "--silent", script]).current_dir(run.path(folder));
    command
}

/// The steps of a group (`Test` has them all), or those in `only` with all they build on unless `alone`, less those in `skip` and what
/// builds on them.
///
/// # Errors
/// The name that is no step.
pub(crate) fn select(
    steps: &'static [Step],
    group: Group,
    only: &[String],
    alone: bool,
    skip: &[String],
) -> Result<Vec<&'static Step>, String> {
    let is_step = |name: &&String| steps.iter().any(|step| step.name == **name);
    if let Some(unknown) = only.iter().chain(skip).find(|name| !is_step(name)) {
        return Err(unknown.clone());
    }
    let mut wanted: Vec<&Step> = steps
        .iter()
        .filter(|step| {
            only.iter().any(|name| name == step.name)
                || (only.is_empty() && (group == Test || step.group == group))
        })
        .collect();
    let mut next = if alone { wanted.len() } else { 0 };
    while let Some(step) = wanted.get(next) {
        let missing = steps.iter().filter(|other| {
            step.after.contains(&other.name) && !wanted.iter().any(|wanted| wanted.name == other.name)
        });
        let missing: Vec<&Step> = missing.collect();
        wanted.extend(missing);
        next += 1;
    }
    let mut left_out: Vec<&str> = skip.iter().map(String::as_str).collect();
    let mut kept = Vec::new();
    // The table is ordered: a step stands below all it builds on.
    for step in steps.iter().filter(|step| wanted.iter().any(|wanted| wanted.name == step.name)) {
        if left_out.contains(&step.name) || step.after.iter().any(|before| left_out.contains(before)) {
            left_out.push(step.name);
        } else {
            kept.push(step);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(group: Group, only: &[&str], skip: &[&str]) -> Vec<&'static str> {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let selected = select(STEPS, group, &owned(only), false, &owned(skip)).unwrap();
        selected.iter().map(|step| step.name).collect()
    }

    #[test]
    fn every_step_stands_below_those_it_builds_on() {
        for (index, step) in STEPS.iter().enumerate() {
            for before in step.after {
                let position = STEPS.iter().position(|other| other.name == *before);
                assert!(position.is_some_and(|position| position < index), "{} after {before}", step.name);
            }
        }
    }

    #[test]
    fn check_is_a_part_of_test() {
        let (check, test) = (names(Check, &[], &[]), names(Test, &[], &[]));
        assert!(check.iter().all(|name| test.contains(name)));
        assert!(!check.contains(&"rust-tests"));
    }

    #[test]
    fn one_step_brings_what_it_builds_on() {
        assert_eq!(names(Test, &["browser"], &[]), ["spa-install", "rust-build", "spa-build", "browser"]);
    }

    #[test]
    fn a_step_alone_brings_nothing() {
        let selected = select(STEPS, Test, &["browser".to_owned()], true, &[]).unwrap();
        assert_eq!(selected.iter().map(|step| step.name).collect::<Vec<_>>(), ["browser"]);
    }

    #[test]
    fn leaving_a_step_out_leaves_out_what_builds_on_it() {
        let left = names(Test, &[], &["python-tools"]);
        assert!(!left.contains(&"sam-build") && !left.contains(&"lambda-deploy"));
        assert!(left.contains(&"rust-tests"));
    }

    #[test]
    fn an_unknown_step_is_named() {
        assert_eq!(
            select(STEPS, Test, &["brwoser".to_owned()], false, &[]).err(),
            Some("brwoser".to_owned())
        );
    }
}
