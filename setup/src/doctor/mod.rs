//! `doctor`: checks a deployment from outside and inside. All checks run at once, each with a time limit; one that fails
//! hides no other.
//!
//! Nothing is changed, but for `--send-event`. Permissions are those of whoever runs it: with the credentials of a
//! function's role it finds what that function would.

mod api;
mod authority;
mod bus;
mod credential;
mod finding;
mod graph;
mod http;
mod page;
mod report;
mod sealing;
mod settings;
mod table;

use crate::causes::with_causes;
use crate::environment::EnvironmentArguments;
use finding::Finding;
use futures::future::{BoxFuture, FutureExt as _, join_all};
use report::Report;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use wiring::{Environment, Probe, SystemClock};

/// What is checked, and how it is told.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    deployment: EnvironmentArguments,
    /// Base address of the API, to be called as a page does
    #[arg(long, value_name = "URL")]
    api_url: Option<Url>,
    /// Address of the page, whose config.json is compared with the settings
    #[arg(long, value_name = "URL")]
    page_url: Option<Url>,
    /// Also puts one event `Probe` of source `shared-token-cache`, without content, on the bus
    #[arg(long)]
    send_event: bool,
    /// Writes the report as JSON
    #[arg(long)]
    json: bool,
    /// Seconds that each check may take
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
}

/// Succeeds only if no check failed.
pub(crate) async fn run(arguments: Arguments) -> ExitCode {
    let report = match arguments.deployment.read() {
        Ok(environment) => examine(&arguments, &environment).await,
        Err(error) => Report::new(vec![Finding::failed(
            "settings",
            with_causes(&error),
            "name a readable file of NAME=value lines with --env-file",
        )]),
    };
    report.print(arguments.json);
    if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A check with the name under which it is told that it took too long.
struct Check {
    name: &'static str,
    work: BoxFuture<'static, Vec<Finding>>,
}

impl Check {
    fn new(name: &'static str, work: impl Future<Output = Vec<Finding>> + Send + 'static) -> Self {
        Self { name, work: work.boxed() }
    }
}

/// Settings first, then what the functions use, then what uses them.
async fn examine(arguments: &Arguments, environment: &Environment) -> Report {
    let settings = settings::read(environment);
    let mut findings = settings.findings;
    let client = match outbound_http::client() {
        Ok(client) => client,
        Err(error) => {
            findings.push(Finding::failed(
                "settings",
                with_causes(&error),
                "the HTTP client cannot be set up",
            ));
            return Report::new(findings);
        }
    };
    if outbound_http::system_certificates().is_empty() {
        let problem = "this machine has no certificates of authorities, so no server can be trusted";
        let fix = "install them (`ca-certificates`), or name a file of them in SSL_CERT_FILE";
        findings.push(Finding::failed("settings", problem, fix));
    }
    let callers = settings.config.as_ref().and_then(|config| config.callers.clone()).unwrap_or_default();
    let identity = settings.config.as_ref().map(page::Identity::of);
    let mut checks = match settings.config {
        None => skipped("the settings must be mended first", &INSIDE),
        Some(config) => match Probe::new(config, environment, Arc::new(SystemClock)).await {
            Ok(probe) => inside(&Arc::new(probe), arguments.send_event),
            Err(error) => {
                findings.push(Finding::failed("settings", with_causes(&error), "mend it first"));
                skipped("the settings must be mended first", &INSIDE)
            }
        },
    };
    match &arguments.api_url {
        Some(api) => {
            let of_page = arguments.page_url.as_ref().map(|page| page.origin().ascii_serialization());
            let origin = of_page.or_else(|| callers.cors_allowed_origins.first().cloned());
            checks.extend(api::checks(&client, api, origin));
        }
        None => checks.extend(skipped("name the API's address with --api-url", &["api"])),
    }
    match arguments.page_url.clone() {
        Some(page) => {
            let api = arguments.api_url.clone();
            checks.push(Check::new(page::CONFIG, async move {
                page::check(&client, &page, api.as_ref(), identity.as_ref()).await
            }));
        }
        None => checks.extend(skipped("name the page's address with --page-url", &[page::CONFIG])),
    }
    findings.extend(run_all(checks, Duration::from_secs(arguments.timeout)).await);
    Report::new(findings)
}

/// What [`inside`] checks.
const INSIDE: [&str; 9] = [
    "authority",
    "signing-keys",
    "credential",
    "graph",
    "table",
    "table-care",
    "table-access",
    "sealing-key",
    "event-bus",
];

/// Checks that cannot be made, or are not asked for.
fn skipped(why: &str, names: &[&'static str]) -> Vec<Check> {
    let check = |name: &'static str| {
        let finding = Finding::skipped(name, why);
        Check::new(name, async move { vec![finding] })
    };
    names.iter().copied().map(check).collect()
}

/// As the functions see the services that they use.
fn inside(probe: &Arc<Probe>, send_event: bool) -> Vec<Check> {
    let with = || probe.clone();
    let (authority, keys, credential, graph) = (with(), with(), with(), with());
    let (shape, care, access, sealing, bus) = (with(), with(), with(), with(), with());
    let works: [BoxFuture<'static, Vec<Finding>>; INSIDE.len()] = [
        async move { authority::check(&authority).await }.boxed(),
        async move { authority::check_keys(&keys).await }.boxed(),
        async move { credential::check(&credential).await }.boxed(),
        async move { graph::check(&graph).await }.boxed(),
        async move { table::check_shape(&shape).await }.boxed(),
        async move { table::check_care(&care).await }.boxed(),
        async move { table::check_access(&access).await }.boxed(),
        async move { sealing::check(&sealing).await }.boxed(),
        async move { bus::check(&bus, send_event).await }.boxed(),
    ];
    INSIDE.into_iter().zip(works).map(|(name, work)| Check { name, work }).collect()
}

/// In the order of `checks`, however they end.
async fn run_all(checks: Vec<Check>, limit: Duration) -> Vec<Finding> {
    let running = checks.into_iter().map(|Check { name, work }| async move {
        // A task of its own, so that not even a check that breaks takes others along.
        match tokio::time::timeout(limit, tokio::spawn(work)).await {
            Ok(Ok(findings)) => findings,
            Ok(Err(error)) => {
                vec![Finding::failed(
                    name,
                    format!("the check itself broke ({error})"),
                    "report it as a fault",
                )]
            }
            Err(_) => {
                let detail = format!("no outcome within {} seconds", limit.as_secs());
                vec![Finding::failed(name, detail, "is what it asks reachable from here? See also --timeout")]
            }
        }
    });
    join_all(running).await.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use finding::Status;

    #[tokio::test]
    async fn a_check_that_hangs_or_breaks_hides_no_other() {
        let checks = vec![
            Check::new("hangs", std::future::pending()),
            Check::new("breaks", async { unreachable!("on purpose") }),
            Check::new("works", async { vec![Finding::ok("works", "fine")] }),
        ];
        let found = run_all(checks, Duration::from_millis(50)).await;
        let found: Vec<_> = found.iter().map(|finding| (finding.check, finding.status)).collect();
        assert_eq!(found, [("hangs", Status::Failed), ("breaks", Status::Failed), ("works", Status::Ok)]);
    }
}
