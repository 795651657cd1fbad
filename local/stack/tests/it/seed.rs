//! `cargo local seed` and `cargo local sweep`.

use crate::program::{Running, Scratch, assert_refused, command, run, words};
use aws_sdk_dynamodb::types::AttributeValue;
use domain::identity::{HomeAccountId, UserPrincipalName};
use domain::ports::{ActivityUpdate, TokenWrite};
use stack::{DataPlace, SeedOptions, Stack, StackOptions, seed};
use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::AtomicBool;
use time::Duration;
use wiring::{AwsClients, Environment};

const OPTIONS: SeedOptions =
    SeedOptions { accounts: 4, tenants: 2, due_within_seconds: 500, revoked_percent: 0, seed: 1 };

fn local(scratch: &Scratch, line: &str) -> Output {
    let mut arguments = words(line);
    arguments.extend(scratch.place());
    run(&arguments, &[])
}

#[track_caller]
fn printed(output: &Output) -> String {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// The number before the words `after` in a text.
#[track_caller]
fn number_before(text: &str, after: &str) -> u64 {
    let before = text.split(after).next().unwrap().trim_end();
    before
        .rsplit(' ')
        .next()
        .unwrap()
        .parse()
        .unwrap_or_else(|_| panic!("no number before {after:?} in: {text}"))
}

/// The outcomes of a sweep's table.
fn outcomes(text: &str) -> BTreeMap<String, u64> {
    let row = |line: &str| {
        let mut columns = line.split_whitespace();
        Some((columns.next()?.to_owned(), columns.next()?.parse().ok()?))
    };
    text.lines().filter_map(row).collect()
}

#[tokio::test]
async fn accounts_are_made_once_swept_once_and_the_revoked_are_parked() {
    let scratch = Scratch::new();
    // Before there is any stack, and then beside a running one.
    let first = printed(&local(&scratch, "seed --accounts 150 --tenants 3 --revoked 10"));
    let first_revoked = number_before(&first, "of them revoked");
    assert_eq!(number_before(&first, "made now"), 150);
    assert!((5..30).contains(&first_revoked), "{first}");

    let stack = Running::start(&scratch, "--tick 0");
    let second = printed(&local(&scratch, "seed --accounts 200 --tenants 3 --revoked 10"));
    assert_eq!((number_before(&second, "made now"), number_before(&second, "there before")), (50, 150));
    let again = printed(&local(&scratch, "seed --accounts 200 --tenants 3 --revoked 10"));
    assert_eq!((number_before(&again, "made now"), number_before(&again, "there before")), (0, 200));
    let revoked = first_revoked + number_before(&second, "of them revoked");

    let dry = printed(&local(&scratch, "sweep --dry-run"));
    assert_eq!(outcomes(&dry)["due"], 200, "{dry}");
    assert_eq!(printed(&local(&scratch, "sweep --dry-run")).lines().count(), dry.lines().count());

    let swept = printed(&local(&scratch, "sweep"));
    let counted = outcomes(&swept);
    assert_eq!(counted["accounts"], 200, "{swept}");
    assert_eq!(counted["needs_user"], revoked, "{swept}");
    assert_eq!(counted["acted"], 200 - revoked, "{swept}");
    assert!(printed(&local(&scratch, "sweep")).contains("Nothing was due"), "each has had its turn");

    let states = stack.accounts().await;
    let parked = states.iter().filter(|state| state["status"] == "needs_user");
    assert!(parked.clone().all(|state| state["failureCode"] == "AADSTS50173"));
    assert_eq!(parked.count() as u64, revoked);
    assert_eq!(stack.stop(), Some(0));

    // The next turns come from the tokens that the first ones brought.
    let one = printed(&local(&scratch, "sweep --account user000003@crowd002.example"));
    assert!(one.contains("unchanged"), "{one}");
}

#[test]
fn wishes_that_cannot_be_met_are_refused() {
    let scratch = Scratch::new();
    assert_refused(&local(&scratch, "sweep --account nobody@lakeside.example"), &["must sign in first"]);
    let foreign = [("ENTRA_TENANT_ID", "6f1d2c3a-54b0-4e0f-9a5e-0c7d1b8e2f40")];
    let mut arguments = words("seed --accounts 1");
    arguments.extend(scratch.place());
    assert_refused(&run(&arguments, &foreign), &["ENTRA_TENANT_ID", "of your own"]);
    let amazon = [("TABLE_NAME", "tokens"), ("AWS_REGION", "eu-central-1")];
    assert_refused(&run(&arguments, &amazon), &["not written to a table at Amazon"]);
    for line in
        ["seed", "seed --accounts 0", "seed --accounts 1 --tenants 101", "seed --accounts 1 --revoked 101"]
    {
        assert_eq!(local(&scratch, line).status.code(), Some(2), "{line}");
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_it_early_and_the_next_run_goes_on() {
    let scratch = Scratch::new();
    let mut arguments = words("seed --accounts 5000000");
    arguments.extend(scratch.place());
    let mut child = command(&arguments, &[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    // It runs when it says how far it is.
    assert!(lines.any(|line| line.unwrap().contains("per second")));
    std::thread::spawn(move || lines.for_each(drop));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    let done = number_before(&text, "of 5000000 accounts");
    assert!(text.contains("goes on from there"), "{text}");
    let dry = printed(&local(&scratch, "sweep --dry-run"));
    assert_eq!(outcomes(&dry)["due"], done, "{dry}");
    let next = printed(&local(&scratch, &format!("seed --accounts {}", done + 10)));
    assert_eq!(number_before(&next, "made now"), 10, "{next}");
}

type Item = HashMap<String, AttributeValue>;

async fn raw(client: &aws_sdk_dynamodb::Client, table: &str, key: &Item) -> Item {
    let got = client.get_item().table_name(table).set_key(Some(key.clone())).send().await.unwrap();
    got.item.unwrap()
}

/// What an item is made of, without the values that differ from write to write.
fn shape(item: &Item) -> BTreeMap<String, String> {
    let same =
        ["pk", "sk", "version", "status", "failure_count", "sweep_shard", "tenant_id", "object_id", "due_at"];
    let of = |(name, value): (&String, &AttributeValue)| {
        let text = format!("{value:?}");
        let kind = text.split('(').next().unwrap().to_owned();
        (name.clone(), if same.contains(&name.as_str()) { text } else { kind })
    };
    item.iter().map(of).collect()
}

#[tokio::test]
async fn a_seeded_account_is_as_the_store_itself_writes_it() {
    let scratch = Scratch::new();
    let options = StackOptions { data: DataPlace::Folder(scratch.data()), ..StackOptions::for_tests() };
    let stack = Stack::start(options).await.unwrap();
    let never = AtomicBool::new(false);
    let report = seed(&Environment::default(), &scratch.data(), OPTIONS, &never, &|_| ()).await.unwrap();
    assert_eq!((report.step.added, report.stopped), (4, false));

    let services = stack.sweeper().services();
    let client = AwsClients::new(stack.environment()).await.dynamodb;
    for state in stack.accounts().all().await.unwrap() {
        let account: HomeAccountId = state.account;
        let now = services.clock.now();
        assert!(state.last_activity.unwrap() <= now, "nobody was here in the future");
        assert!(state.due_at.unwrap() <= now + Duration::seconds(500));
        let place = services.store.token_item(&account);
        let key = |sort_key: &str| {
            Item::from([
                ("pk".to_owned(), AttributeValue::S(place.partition_key.clone())),
                ("sk".to_owned(), AttributeValue::S(sort_key.to_owned())),
            ])
        };
        let keys = [key(&place.sort_key), key("ACTIVITY")];
        let mut seeded = Vec::new();
        for key in &keys {
            seeded.push(shape(&raw(&client, &place.table, key).await));
            client.delete_item().table_name(&place.table).set_key(Some(key.clone())).send().await.unwrap();
        }
        let activity = ActivityUpdate {
            tenant_id: account.tenant_id,
            object_id: account.object_id,
            user_principal_name: state.user_principal_name.as_deref().map(UserPrincipalName::new),
            last_activity: now,
            due_at: state.due_at,
            returned: true,
            expires_at: now + Duration::DAY,
        };
        services.store.record_activity(&account, activity).await.unwrap();
        let write = TokenWrite {
            sealed: vec![1],
            expected_version: None,
            begun_at: now,
            expires_at: now + Duration::DAY,
        };
        services.store.put_tokens(&account, write).await.unwrap();
        for (key, seeded) in keys.iter().zip(seeded) {
            assert_eq!(seeded, shape(&raw(&client, &place.table, key).await));
        }
    }
    stack.stop().await;
}
