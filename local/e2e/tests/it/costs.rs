//! What each use case costs in the table, by the server's own account (`ReturnConsumedCapacity`), compared with the table
//! in `docs/data-model.md`. `BLESS=1` writes that table anew.

use crate::database::{Consumed, Database};
use crate::lab::{ADELE, BRUNO, CHIDI, Lab};
use domain::sweep_accounts::{TurnObserver, Worker, sweep_accounts};
use domain::turn::TurnReport;
use entra_emulator::TENANT_ID;
use reqwest::Method;
use serde_json::json;
use stack::{SignedIn, Stack, StackOptions};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use wiring::{Environment, Time};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/data-model.md");
const BEGIN: &str = "<!-- costs: measured by local/e2e/tests/it/costs.rs -->\n";
const END: &str = "<!-- end of costs -->\n";
const HEAD: &str = "| use case | requests | read units | write units | $ per million | on DynamoDB Local |\n\
                    |---|---|---|---|---|---|\n";

/// How long tokens are, in characters.
struct Sizes {
    access: usize,
    refresh: usize,
    id: usize,
}

/// As Entra ID's for Graph are: access tokens of 2,200 to 2,600 characters, refresh tokens of 1,200 to 1,800, id tokens of
/// 1,000 to 1,300.
const USUAL: Sizes = Sizes { access: 2_500, refresh: 1_600, id: 1_300 };

/// At the upper end.
const LONGEST: Sizes = Sizes { access: 2_600, refresh: 1_800, id: 1_300 };

/// On-demand prices of us-east-1, in dollars per million units.
const READ_PRICE: f64 = 0.125;
const WRITE_PRICE: f64 = 0.625;

/// The idle threshold of this lab, in seconds. A tenth of it is the margin within which activity is not noted again.
const IDLE: i64 = 3600;
const PAST_MARGIN: i64 = 400;
/// Until the account is due, and until it is due again.
const AWAY: i64 = 3700;
/// Longer than a Graph token lives.
const LONG_AWAY: i64 = 25 * 3600;
/// Longer than one look for a brake is good.
const A_WHILE: i64 = 10;
/// More than a tenth of 14 days, and less than half the life of such a token.
const TENTH_OF_LIFE: i64 = 34 * 3600;
const VERY_LONG: i64 = 300_000;
/// As old as kept signing keys get before they are written anew.
const KEYS_KEPT_AGAIN: i64 = 6 * 3600;

/// For how long a tick is remembered.
const TICK_KEPT: time::Duration = time::Duration::DAY;

#[tokio::test]
async fn on_the_embedded_server() {
    let rows = measure(Database::start().await).await;
    Table::read().replace(&rows).check();
}

#[tokio::test]
async fn on_amazons_dynamodb_local() {
    let Some(url) = variable("DYNAMODB_LOCAL_ENDPOINT") else {
        // Past the test runner, which keeps the output of tests that pass to itself.
        std::io::stderr().write_all(b"skipped: DYNAMODB_LOCAL_ENDPOINT is not set\n").unwrap();
        return;
    };
    let rows = measure(Database::before(url).await).await;
    Table::read().replace_on_dynamodb_local(&rows).check();
}

/// All that is due, without the tick that asks for it: its item is a row of its own.
async fn sweep(lab: &Lab) -> BTreeMap<&'static str, u64> {
    struct Nobody;
    impl TurnObserver for Nobody {
        fn turn_ended(&self, _: &TurnReport) {}
    }
    let worker = Worker { id: "a worker".to_owned(), stop_at: None, deadline: None };
    let report = sweep_accounts(lab.stack.sweeper().services(), &worker, &Nobody).await.unwrap();
    report.outcomes.into_iter().map(|(outcome, count)| (outcome.as_str(), count)).collect()
}

/// The longest tokens, a second browser, a snapshot and a token of the sweep's, and still both hold.
#[tokio::test]
async fn a_hit_is_one_read_of_at_most_2_units_and_a_token_store_at_most_8() {
    let lab = lab(Database::start().await, &LONGEST).await;
    let stored = || {
        let consumed = lab.database.take_consumed();
        let stores: Vec<&Consumed> = consumed.iter().filter(|one| one.operation == "PutItem").collect();
        assert!(matches!(stores[..], [Consumed { units: Some(..=8.0), .. }]), "{consumed:?}");
    };
    let hit = async |who: &SignedIn| {
        lab.database.take_consumed();
        lab.profile(who).await.assert_ok();
        let consumed = lab.database.take_consumed();
        assert_eq!(consumed.len(), 1, "{consumed:?}");
        assert!(consumed[0].operation == "Query" && consumed[0].units <= Some(2.0), "{consumed:?}");
    };
    // The start kept the signing keys, which is a row of its own.
    lab.database.take_consumed();
    let first = lab.visit(ADELE).await;
    stored();
    hit(&first).await;

    lab.pass(AWAY);
    assert_eq!(sweep(&lab).await, [("acted", 1)].into());
    lab.pass(LONG_AWAY);
    lab.database.take_consumed();
    assert_eq!(sweep(&lab).await, [("unchanged", 1)].into());
    stored();
    lab.renew_keys().await;
    lab.database.take_consumed();

    let second = lab.visit(ADELE).await;
    stored();
    let third = lab.visit(ADELE).await;
    stored();
    hit(&second).await;
    hit(&third).await;
}

/// Goes through the use cases in the order in which a user meets them.
async fn measure(database: Database) -> Vec<Row> {
    let lab = lab(database, &USUAL).await;
    let mut rows = Vec::new();
    let mut note = |name| rows.push(Row { name, consumed: lab.database.take_consumed() });
    let forget = || drop(lab.database.take_consumed());

    let adele = lab.sign_in(ADELE).await;
    forget();
    lab.profile(&adele).await.assert_ok();
    note("first sign-in");
    lab.profile(&adele).await.assert_ok();
    note("cache hit");
    lab.pass(PAST_MARGIN);
    lab.profile(&adele).await.assert_ok();
    note("cache hit that notes activity");
    lab.background_access(&adele).await.assert_ok();
    note("a look at background access");

    lab.pass(AWAY);
    assert_eq!(sweep(&lab).await, [("acted", 1)].into());
    note("turn that finds another profile");
    lab.pass(AWAY);
    assert_eq!(sweep(&lab).await, [("unchanged", 1)].into());
    note("turn with a cached token");
    lab.pass(LONG_AWAY);
    assert_eq!(sweep(&lab).await, [("unchanged", 1)].into());
    note("turn with a renewal");
    lab.emulator().revoke(ADELE).unwrap();
    lab.pass(LONG_AWAY);
    assert_eq!(sweep(&lab).await, [("needs_user", 1)].into());
    note("turn that parks the account");
    lab.pass(AWAY);
    assert!(sweep(&lab).await.is_empty());
    note("parked account");

    lab.renew_keys().await;
    let again = lab.sign_in(ADELE).await;
    forget();
    lab.profile(&again).await.assert_ok();
    note("sign-in that ends the parking");
    lab.pass(A_WHILE);
    let second = lab.sign_in(ADELE).await;
    forget();
    lab.profile(&second).await.assert_ok();
    note("second session of a user");
    lab.profile(&again).await.assert_ok();
    note("cache hit, 2 sessions");
    for _ in 3..9 {
        lab.visit(ADELE).await;
    }
    lab.pass(A_WHILE);
    let ninth = lab.sign_in(ADELE).await;
    forget();
    lab.profile(&ninth).await.assert_ok();
    note("ninth session of a user");
    lab.profile(&second).await.assert_ok();
    note("cache hit, 9 sessions");

    let bruno = lab.visit(BRUNO).await;
    forget();
    let answer = lab.call(Method::DELETE, "/api/background-access", &bruno.access_token).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    note("erasure");

    lab.emulator().change_scenarios(&json!({ "accessTokenLifetimeSeconds": VERY_LONG })).unwrap();
    let chidi = lab.visit(CHIDI).await;
    lab.pass(TENTH_OF_LIFE);
    lab.renew_keys().await;
    forget();
    lab.profile(&chidi).await.assert_ok();
    note("cache hit that extends the tokens' life");

    let services = lab.stack.sweeper().services();
    services.store.brake(TENANT_ID.parse().unwrap()).await.unwrap();
    note("a look for a tenant's brake");
    services
        .store
        .accounts_due(services.settings.sweep.shards.names().next().unwrap(), services.clock.now(), 100, None)
        .await
        .unwrap();
    note("a look at a shard of the due index");
    services.store.begin_tick("a tick", services.clock.now() + TICK_KEPT).await.unwrap();
    note("a tick");

    start_api(&lab).await;
    note("a start of the API");
    lab.pass(KEYS_KEPT_AGAIN);
    start_api(&lab).await;
    note("a start that keeps the signing keys");

    // The sweep looks at the index for all accounts, so it is a row of its own.
    for row in rows.iter_mut().filter(|row| row.name.starts_with("turn") || row.name == "parked account") {
        row.consumed.retain(|consumed| consumed.index.as_deref() != Some("due"));
    }
    let stores = [
        ("token store, 1 session", "first sign-in"),
        ("token store, 2 sessions", "second session of a user"),
        ("token store, 9 sessions", "ninth session of a user"),
    ];
    for (name, within) in stores {
        let row = rows.iter().find(|row| row.name == within).unwrap();
        let store = row.consumed.iter().filter(|consumed| consumed.operation == "PutItem");
        let consumed = store.cloned().collect();
        rows.push(Row { name, consumed });
    }
    rows
}

/// As another environment of the deployment does.
async fn start_api(lab: &Lab) {
    let time = Time::with_clock(Arc::new(lab.stack.clock().clone()));
    wiring::Api::start(lab.stack.environment(), time).await.unwrap();
}

/// With tokens as long as Entra ID's, on a table of its own.
async fn lab(database: Database, sizes: &Sizes) -> Lab {
    let mut environment: Environment =
        [("SWEEP_IDLE_SECONDS", IDLE.to_string()), ("SWEEP_INTERVAL_SECONDS", IDLE.to_string())]
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
    environment.set("AWS_ENDPOINT_URL_DYNAMODB", &database.url);
    environment.set("TABLE_NAME", format!("costs-{}", uuid::Uuid::new_v4()));
    let options = StackOptions { environment, ..StackOptions::for_tests() };
    let stack = Box::pin(Stack::start(options)).await.unwrap();
    let lab = Lab::over(Box::new(stack), database).await;
    let Sizes { access, refresh, id } = sizes;
    let sizes = json!({ "accessToken": access, "refreshToken": refresh, "idToken": id });
    lab.emulator().change_scenarios(&json!({ "tokenSizes": sizes })).unwrap();
    lab
}

/// A use case and the requests that it made of the table.
struct Row {
    name: &'static str,
    consumed: Vec<Consumed>,
}

impl Row {
    /// What it read and what it wrote, in units.
    fn units(&self) -> (f64, f64) {
        let (mut reads, mut writes) = (0.0, 0.0);
        for Consumed { operation, status, units, .. } in &self.consumed {
            // A refused condition is billed, but no server says so.
            assert_eq!(*status, 200, "{}: {operation}", self.name);
            let units = units.unwrap_or_else(|| panic!("{}: {operation} without its cost", self.name));
            match operation.as_str() {
                "GetItem" | "Query" | "Scan" => reads += units,
                "PutItem" | "UpdateItem" | "DeleteItem" => writes += units,
                other => panic!("{}: neither read nor write: {other}", self.name),
            }
        }
        (reads, writes)
    }

    /// Operations in the order of their first use.
    fn requests(&self) -> String {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for Consumed { operation, .. } in &self.consumed {
            match counts.iter_mut().find(|(present, _)| present == operation) {
                Some((_, count)) => *count += 1,
                None => counts.push((operation, 1)),
            }
        }
        let named = counts.iter().map(|(operation, count)| match count {
            1 => (*operation).to_owned(),
            _ => format!("{count} {operation}"),
        });
        if counts.is_empty() { "none".to_owned() } else { named.collect::<Vec<_>>().join(", ") }
    }

    /// Use case, requests, read units, write units, price of a million.
    fn cells(&self) -> Vec<String> {
        let (reads, writes) = self.units();
        let price = reads * READ_PRICE + writes * WRITE_PRICE;
        vec![
            self.name.to_owned(),
            self.requests(),
            reads.to_string(),
            writes.to_string(),
            format!("{price:.2}"),
        ]
    }
}

/// The document with the table in it.
struct Table {
    present: String,
    before: String,
    rows: Vec<Vec<String>>,
    after: String,
}

/// The column for Amazon's own server.
const ON_DYNAMODB_LOCAL: usize = 5;

impl Table {
    fn read() -> Self {
        let present = fs::read_to_string(DOCUMENT).unwrap();
        let (before, rest) = present.split_once(BEGIN).unwrap();
        let (table, after) = rest.split_once(END).unwrap();
        let cells =
            |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        let rows = table.lines().skip(HEAD.lines().count()).map(cells).collect();
        Self { before: before.to_owned(), rows, after: after.to_owned(), present }
    }

    fn replace(mut self, rows: &[Row]) -> Self {
        let old = std::mem::take(&mut self.rows);
        for row in rows {
            let mut cells = row.cells();
            let other = old.iter().find(|old| old[0] == row.name).and_then(|old| old.get(ON_DYNAMODB_LOCAL));
            cells.push(other.cloned().unwrap_or_default());
            self.rows.push(cells);
        }
        self
    }

    fn replace_on_dynamodb_local(mut self, rows: &[Row]) -> Self {
        for row in rows {
            let cells = row.cells();
            let present = self.rows.iter_mut().find(|present| present[0] == row.name);
            let present = present.unwrap_or_else(|| panic!("no row {:?}: BLESS=1", row.name));
            present[ON_DYNAMODB_LOCAL] = if present[..ON_DYNAMODB_LOCAL] == cells {
                "the same".to_owned()
            } else {
                format!("{}: {} read, {} written", cells[1], cells[2], cells[3])
            };
        }
        self
    }

    fn check(self) {
        let lines =
            self.rows.iter().map(|cells| format!("| {} |\n", cells.join(" | "))).collect::<Vec<_>>().concat();
        let measured = format!("{}{BEGIN}{HEAD}{lines}{END}{}", self.before, self.after);
        if variable("BLESS").is_some() {
            fs::write(DOCUMENT, measured).unwrap();
            return;
        }
        assert!(self.present == measured, "docs/data-model.md says otherwise (BLESS=1 writes it):\n{lines}");
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "which servers run here, and whether to write, is known to the environment only"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
