//! Rules for the dependency graph, read from `cargo metadata`. `deny.toml` says the same to `cargo deny`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::licences;
use crate::run::{Run, StepResult, fail_to, failed};

/// One HTTP, TLS and crypto stack: these may be there in one version only.
const SINGLE: [&str; 8] =
    ["aws-lc-rs", "aws-lc-sys", "h2", "http", "hyper", "rustls", "tokio", "tokio-rustls"];
/// Other crypto and TLS stacks.
const BANNED: [&str; 5] = ["boring", "native-tls", "openssl", "openssl-sys", "ring"];
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Crates only some packages may name as a (non-dev) dependency.
const WRAPPERS: [(&str, &[&str]); 4] = [
    ("aws-sdk-dynamodb", &["store-dynamodb", "wiring", "stack", "e2e", "bench-calls"]),
    ("aws-sdk-eventbridge", &["events", "wiring"]),
    ("aws-sdk-secretsmanager", &["wiring"]),
    ("aws-sdk-kms", &["sealing", "wiring"]),
];
/// What the commands for operators may use of `shared/`.
const FOR_SETUP: [&str; 4] = ["domain", "outbound-http", "store-dynamodb", "wiring"];
/// What the rules of the domain must not reach, not even through another crate.
const OUTSIDE_DOMAIN: [&str; 10] =
    ["aws-", "axum", "http", "hyper", "jsonwebtoken", "lambda_", "reqwest", "rustls", "tower-http", "wiring"];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Normal,
    Build,
    Dev,
}

/// A package of the graph and what it uses.
struct Package {
    name: String,
    version: String,
    licence: Option<String>,
    source: Option<String>,
    /// Folder in the checkout (`shared/domain`), for our own packages.
    folder: Option<String>,
    uses: Vec<(String, Kind)>,
}

/// Packages by their id.
struct Graph(BTreeMap<String, Package>);

/// Checks all rules and names every breach.
pub(crate) fn check(run: &mut Run) -> StepResult {
    let metadata = run.cargo(["metadata", "--locked", "--format-version", "1"]);
    let metadata = run.output(metadata)?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(fail_to("read cargo metadata"))?;
    let tree = run.cargo([
        "tree",
        "--locked",
        "--workspace",
        "--target",
        "all",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]);
    let tree = run.output(tree)?;
    let graph = Graph::read(&metadata);
    let mut breaches = graph.breaches();
    breaches.extend(second_stacks(&tree));
    for breach in &breaches {
        run.note(breach);
    }
    run.note(&format!("{} packages, {} breaches", graph.0.len(), breaches.len()));
    match breaches.first() {
        None => Ok(()),
        Some(first) => {
            Err(failed(format!("{} breaches of the dependency rules, the first: {first}", breaches.len())))
        }
    }
}

/// Breaches of the rule for one stack. `cargo metadata` also names optional dependencies that no feature turns on, so
/// this reads `cargo tree`, one `name vX.Y.Z` a line.
fn second_stacks(tree: &str) -> Vec<String> {
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, rest) in tree.lines().filter_map(|line| line.split_once(" v")) {
        versions.entry(name).or_default().insert(rest.split(' ').next().unwrap_or(rest));
    }
    let mut breaches = Vec::new();
    for (name, versions) in versions {
        if SINGLE.contains(&name) && versions.len() > 1 {
            breaches.push(format!(
                "{name} is there in several versions {versions:?}; find who asks with `cargo tree -d`"
            ));
        }
        if BANNED.contains(&name) {
            breaches.push(format!(
                "{name} is a second TLS or crypto stack; find who asks with `cargo tree -i {name}`"
            ));
        }
    }
    breaches
}

impl Graph {
    fn read(metadata: &Value) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let root = metadata["workspace_root"].as_str().unwrap_or_default();
        let mut packages = BTreeMap::new();
        for package in array(&metadata["packages"]) {
            let folder = package["manifest_path"]
                .as_str()
                .and_then(|path| path.strip_prefix(root))
                .and_then(|path| path.strip_suffix("/Cargo.toml"))
                .map(|path| path.trim_start_matches('/').to_owned());
            let read = Package {
                name: text(&package["name"]).unwrap_or_default(),
                version: text(&package["version"]).unwrap_or_default(),
                licence: text(&package["license"]),
                source: text(&package["source"]),
                folder: folder.filter(|_| package["source"].is_null()),
                uses: Vec::new(),
            };
            packages.insert(text(&package["id"]).unwrap_or_default(), read);
        }
        for node in array(&metadata["resolve"]["nodes"]) {
            let Some(package) = packages.get_mut(node["id"].as_str().unwrap_or_default()) else { continue };
            for used in array(&node["deps"]) {
                for kind in array(&used["dep_kinds"]) {
                    let kind = match kind["kind"].as_str() {
                        None => Kind::Normal,
                        Some("build") => Kind::Build,
                        Some(_) => Kind::Dev,
                    };
                    package.uses.push((text(&used["pkg"]).unwrap_or_default(), kind));
                }
            }
        }
        Self(packages)
    }

    fn breaches(&self) -> Vec<String> {
        let mut breaches = Vec::new();
        self.check_sources(&mut breaches);
        self.check_licences(&mut breaches);
        self.check_wrappers(&mut breaches);
        self.check_layers(&mut breaches);
        breaches
    }

    fn check_sources(&self, breaches: &mut Vec<String>) {
        for package in self.0.values().filter(|package| package.folder.is_none()) {
            if package.source.as_deref() != Some(CRATES_IO) {
                let source = package.source.as_deref().unwrap_or("a folder outside the checkout");
                breaches.push(format!("{} comes from {source}; only crates.io is allowed", package.title()));
            }
        }
    }

    fn check_licences(&self, breaches: &mut Vec<String>) {
        for package in self.0.values() {
            let Some(expression) = &package.licence else {
                breaches.push(format!("{} states no licence", package.title()));
                continue;
            };
            let breach = match licences::is_allowed(expression) {
                Ok(true) => continue,
                Ok(false) => format!("licence `{expression}` is not allowed"),
                Err(error) => error,
            };
            breaches.push(format!("{}: {breach}", package.title()));
        }
    }

    fn check_wrappers(&self, breaches: &mut Vec<String>) {
        for package in self.ours() {
            for (used, kind) in self.uses(package) {
                let wrapper = WRAPPERS.iter().find(|(name, _)| *name == used.name);
                if let Some((name, allowed)) = wrapper
                    && kind != Kind::Dev
                    && !allowed.contains(&&*package.name)
                {
                    breaches.push(format!("{} uses {name}; only {} may", package.name, allowed.join(", ")));
                }
            }
        }
    }

    fn check_layers(&self, breaches: &mut Vec<String>) {
        for package in self.ours() {
            let layer = package.layer();
            for (used, kind) in self.uses(package) {
                let forbidden = match (layer, used.layer()) {
                    ("functions" | "shared", "bench" | "local" | "setup" | "xtask") => {
                        Some("deployed code uses nothing from bench/, local/, setup/ or xtask/")
                    }
                    ("setup", "shared") if kind == Kind::Normal && !FOR_SETUP.contains(&&*used.name) => {
                        Some("setup reaches outside systems through wiring and store-dynamodb")
                    }
                    ("local", "shared") if package.name == "entra-emulator" => {
                        Some("the emulator shares no code with what it is there to test")
                    }
                    ("shared" | "functions" | "local", "shared")
                        if used.name == "test-support" && kind == Kind::Normal =>
                    {
                        Some("test-support is a dev-dependency")
                    }
                    ("functions", "shared")
                        if kind == Kind::Normal && !["wiring", "domain"].contains(&&*used.name) =>
                    {
                        Some("functions see ports only: wiring and domain")
                    }
                    ("shared", "functions") => Some("shared code does not know the functions"),
                    _ => None,
                };
                if let Some(why) = forbidden.filter(|_| package.name != "test-support") {
                    breaches.push(format!("{} uses {}: {why}", package.name, used.name));
                }
            }
        }
        let domain = self.0.iter().filter(|(_, package)| package.folder.as_deref() == Some("shared/domain"));
        for (id, _) in domain {
            for package in self.reach(&[id], |kind| kind == Kind::Normal) {
                if OUTSIDE_DOMAIN.iter().any(|name| matches(name, &package.name)) {
                    breaches.push(format!(
                        "domain reaches {}: it does no I/O and knows no HTTP or AWS",
                        package.title()
                    ));
                }
            }
        }
    }

    fn ours(&self) -> impl Iterator<Item = &Package> {
        self.0.values().filter(|package| package.folder.is_some())
    }

    fn uses<'a>(&'a self, package: &'a Package) -> impl Iterator<Item = (&'a Package, Kind)> {
        package.uses.iter().filter_map(|(id, kind)| Some((self.0.get(id)?, *kind)))
    }

    /// The packages reached from `start`, itself included.
    fn reach(&self, start: &[&String], follow: impl Fn(Kind) -> bool) -> Vec<&Package> {
        let mut seen: BTreeSet<&String> = start.iter().copied().collect();
        let mut open: Vec<&String> = start.to_vec();
        while let Some(id) = open.pop() {
            for (used, kind) in self.0.get(id).map(|package| &*package.uses).unwrap_or_default() {
                if follow(*kind) && seen.insert(used) {
                    open.push(used);
                }
            }
        }
        seen.into_iter().filter_map(|id| self.0.get(id)).collect()
    }
}

impl Package {
    fn title(&self) -> String {
        format!("{} {}", self.name, self.version)
    }

    /// `functions`, `shared`, `local` or `xtask` for our packages, empty for the others.
    fn layer(&self) -> &str {
        self.folder.as_deref().and_then(|folder| folder.split('/').next()).unwrap_or_default()
    }
}

/// Whether `name` is `pattern`, or begins with it where the pattern ends in a separator.
fn matches(pattern: &str, name: &str) -> bool {
    name == pattern || (pattern.ends_with(['-', '_']) && name.starts_with(pattern))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    type Described<'a> = (&'a str, &'a str, &'a [&'a str]);

    /// A graph in the shape of `cargo metadata`: (name, folder in the checkout or empty, its dependencies).
    fn graph(packages: &[Described<'_>]) -> Value {
        let package = |(name, folder, _): &Described<'_>| {
            let path =
                if folder.is_empty() { format!("/registry/{name}") } else { format!("/checkout/{folder}") };
            let source = if folder.is_empty() { json!(CRATES_IO) } else { Value::Null };
            json!({"id": name, "name": name.split('@').next(), "version": name.split('@').nth(1).unwrap_or("1.0.0"),
                "license": "MIT", "source": source, "manifest_path": format!("{path}/Cargo.toml")})
        };
        let node = |(name, _, uses): &Described<'_>| {
            let uses: Vec<Value> = uses
                .iter()
                .map(|used| match used.strip_prefix("dev:") {
                    Some(used) => json!({"pkg": used, "dep_kinds": [{"kind": "dev"}]}),
                    None => json!({"pkg": used, "dep_kinds": [{"kind": null}]}),
                })
                .collect();
            json!({"id": name, "deps": uses})
        };
        json!({
            "workspace_root": "/checkout",
            "packages": packages.iter().map(package).collect::<Vec<_>>(),
            "resolve": {"nodes": packages.iter().map(node).collect::<Vec<_>>()},
        })
    }

    fn breaches(packages: &[Described<'_>]) -> Vec<String> {
        Graph::read(&graph(packages)).breaches()
    }

    #[test]
    fn the_intended_layers_are_no_breach() {
        let found = breaches(&[
            ("profile-api", "functions/profile-api", &["wiring", "domain", "dev:test-support"]),
            ("wiring", "shared/wiring", &["store-dynamodb", "domain"]),
            ("store-dynamodb", "shared/store-dynamodb", &["domain", "aws-sdk-dynamodb"]),
            ("test-support", "shared/test-support", &["domain"]),
            ("domain", "shared/domain", &[]),
            ("entra-emulator", "local/entra-emulator", &["hyper@1.0.0"]),
            ("setup", "setup", &["wiring", "store-dynamodb", "domain", "dev:entra-emulator"]),
            ("aws-sdk-dynamodb", "", &["hyper@1.0.0"]),
            ("hyper@1.0.0", "", &[]),
        ]);
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn each_layer_rule_refuses_its_breach() {
        let cases: [(&str, &[Described<'_>]); 8] = [
            (
                "entra uses aws-sdk-dynamodb",
                &[("entra", "shared/entra", &["aws-sdk-dynamodb"]), ("aws-sdk-dynamodb", "", &[])],
            ),
            (
                "entra-emulator uses entra",
                &[("entra-emulator", "local/entra-emulator", &["dev:entra"]), ("entra", "shared/entra", &[])],
            ),
            (
                "profile-api uses graph",
                &[("profile-api", "functions/profile-api", &["graph"]), ("graph", "shared/graph", &[])],
            ),
            ("graph uses setup", &[("graph", "shared/graph", &["setup"]), ("setup", "setup", &[])]),
            ("setup uses entra", &[("setup", "setup", &["entra"]), ("entra", "shared/entra", &[])]),
            ("graph uses stack", &[("graph", "shared/graph", &["stack"]), ("stack", "local/stack", &[])]),
            (
                "domain reaches hyper",
                &[("domain", "shared/domain", &["url"]), ("url", "", &["hyper"]), ("hyper", "", &[])],
            ),
            (
                "wiring uses test-support",
                &[
                    ("wiring", "shared/wiring", &["test-support"]),
                    ("test-support", "shared/test-support", &[]),
                ],
            ),
        ];
        for (expected, packages) in cases {
            let found = breaches(packages);
            assert!(found.iter().any(|breach| breach.starts_with(expected)), "{expected}: {found:?}");
        }
    }

    #[test]
    fn a_second_http_stack_and_other_crypto_are_refused() {
        let tree = "wiring v0.1.0 (/checkout/shared/wiring)\nhyper v1.12.0\nhyper v0.14.32 (*)\nhyper v1.12.0 (*)\nring v0.17.14\n";
        let found = second_stacks(tree);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("hyper is there in several versions"), "{found:?}");
        assert!(found[1].starts_with("ring is a second TLS or crypto stack"), "{found:?}");
        assert_eq!(
            second_stacks("hyper v1.12.0\nhyper v1.12.0 (*)\nhyper-util v0.1.20"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn other_sources_and_licences_are_refused() {
        let mut metadata = graph(&[("wiring", "shared/wiring", &["dep"]), ("dep", "", &[])]);
        metadata["packages"][1]["source"] = json!("git+https://example.org/dep");
        metadata["packages"][1]["license"] = json!("GPL-3.0");
        let found = Graph::read(&metadata).breaches();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("only crates.io is allowed"), "{found:?}");
        assert!(found[1].contains("licence `GPL-3.0` is not allowed"), "{found:?}");
    }
}
