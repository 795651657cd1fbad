//! Genuine tokens put to uses that they are not for, and requests made to be mixed up with others.

use crate::lab::{ADELE, BRUNO, Item, Lab};
use crate::refused_tokens::{assert_refused, parts, signed};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra_emulator::{OTHER_SPA_CLIENT_ID, TENANT_ID};
use reqwest::Method;
use serde_json::{Value, json};
use stack::{Stack, StackOptions, Visitor};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::ServiceExt as _;
use wiring::{Api, Environment, Time};

/// How many requests are mixed; `cargo xtask soak mix` mixes more.
const REQUESTS: &str = "MIX_REQUESTS";
const USUAL_REQUESTS: usize = 1_000;
const USERS: usize = 50;
/// Of these, how many end background access now and then. Their tokens are traded in anew with each request.
const LEAVERS: usize = 3;
/// Requests under way at a time.
const AT_A_TIME: usize = 64;

#[tokio::test]
async fn a_token_for_another_api_of_the_same_tenant() {
    let lab = Lab::start().await;
    let (header, claims) = parts(&lab.sign_in(ADELE).await.access_token);
    let mut elsewhere = claims.clone();
    elsewhere["aud"] = json!("5d1f6a52-3b0e-4c1c-9f6b-7f3f0b8f1a11");
    assert_refused(&lab, &signed(&lab, &header, &elsewhere), 401, "wrong_audience").await;
    elsewhere["aud"] = json!("00000003-0000-0000-c000-000000000000");
    assert_refused(&lab, &signed(&lab, &header, &elsewhere), 401, "wrong_audience").await;
    lab.call(Method::GET, "/api/profile", &signed(&lab, &header, &claims)).await.assert_ok();
}

#[tokio::test]
async fn a_token_of_an_application_that_is_not_on_the_list_stays_refused_when_its_user_is_known() {
    let lab = Lab::start().await;
    let adele = lab.visit(ADELE).await;
    let elsewhere = lab.visitor.clone().with_client(OTHER_SPA_CLIENT_ID).sign_in(ADELE).await.unwrap();
    let before = lab.items().await;
    lab.take_requests();
    for (method, path) in [(Method::GET, "/api/profile"), (Method::DELETE, "/api/background-access")] {
        let answer = lab.call(method, path, &elsewhere.access_token).await;
        answer.assert_problem(403, "client_not_allowed");
    }
    assert_eq!(lab.take_requests(), (0, 0));
    assert_eq!(lab.items().await, before, "nothing was erased, and nothing noted");
    lab.profile(&adele).await.assert_ok();
}

#[tokio::test]
async fn tokens_from_before_an_erasure_are_served_again_and_again_and_nothing_is_kept() {
    let lab = Lab::start().await;
    let (first, second) = (lab.visit(ADELE).await, lab.visit(ADELE).await);
    let answer = lab.call(Method::DELETE, "/api/background-access", &first.access_token).await;
    assert_eq!(answer.status, 204, "{answer:?}");
    for _ in 0..3 {
        for who in [&first, &second] {
            lab.profile(who).await.assert_ok();
            assert_eq!(lab.background_access(who).await.body["status"], "none");
        }
        for kind in ["TOKENS", "ACTIVITY", "PROFILE"] {
            assert!(lab.items_of_kind(kind).await.is_empty(), "{kind}");
        }
    }
    // Replayed at the same time as itself, too.
    let answers = (0..20).map(|_| lab.profile(&first));
    for answer in futures::future::join_all(answers).await {
        answer.assert_ok();
    }
    assert!(lab.items_of_kind("TOKENS").await.is_empty());
}

/// What becomes a key is a GUID in one spelling. Names are free text, and whoever can choose theirs takes no other's place.
#[tokio::test]
async fn claims_of_odd_shapes_never_become_keys() {
    let lab = Lab::start().await;
    lab.visit(BRUNO).await;
    let brunos = lab.items().await;
    let (header, claims) = parts(&lab.sign_in(ADELE).await.access_token);
    let home = format!("ACCOUNT#{}.{TENANT_ID}", claims["oid"].as_str().unwrap());

    let changed = |changes: &[(&str, Value)]| {
        let mut claims = claims.clone();
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        signed(&lab, &header, &claims)
    };
    let oid = claims["oid"].as_str().unwrap();
    for odd in ["..", "#", "../../etc", &"g".repeat(36), &format!("{}#", &oid[..35]), &oid.replace('-', "")] {
        for claim in ["oid", "tid"] {
            let token = changed(&[(claim, json!(odd))]);
            let answer = lab.call(Method::GET, "/api/profile", &token).await;
            answer.assert_problem(401, "missing_claim");
        }
    }
    assert_same_items(&lab.items().await, &brunos);

    let accepted = [
        vec![("oid", json!(oid.to_uppercase()))],
        vec![("tid", json!(TENANT_ID.to_uppercase()))],
        vec![("preferred_username", json!(BRUNO))],
        vec![("preferred_username", json!("../../TOKENS#x"))],
        vec![("preferred_username", json!("\u{0}\u{202e}\u{1f600} \n"))],
        vec![("preferred_username", json!("a".repeat(1000)))],
        vec![("preferred_username", json!(["list"]))],
        vec![("sub", json!("TENANT#x")), ("sid", json!("#")), ("uti", json!("../.."))],
    ];
    for changes in accepted {
        let answer = lab.call(Method::GET, "/api/profile", &changed(&changes)).await;
        answer.assert_ok();
        assert_eq!(answer.body["userPrincipalName"], ADELE, "{changes:?}");
        let of_others: Vec<Item> =
            lab.items().await.into_iter().filter(|item| item["pk"].as_s().unwrap() != &home).collect();
        assert_same_items(&of_others, &brunos);
    }
}

fn assert_same_items(some: &[Item], others: &[Item]) {
    let sorted = |items: &[Item]| -> BTreeSet<String> {
        items.iter().map(|item| format!("{:?}", item.iter().collect::<BTreeMap<_, _>>())).collect()
    };
    assert!(sorted(some) == sorted(others), "items of others have changed, or there are more of them");
}

/// One look for keys that are not known in five minutes, however many ask for them, and good tokens wait for none of it.
#[tokio::test]
async fn a_flood_of_invented_key_ids_makes_one_fetch_in_five_minutes() {
    const FLOOD: usize = 100;
    let lab = Lab::start().await;
    let adele = lab.visit(ADELE).await;
    let (header, claims) = parts(&adele.access_token);
    let payload = BASE64_URL_SAFE_NO_PAD.encode(claims.to_string());
    let invented = |number: usize| {
        let mut header = header.clone();
        header["kid"] = json!(format!("invented-{number}"));
        format!("{}.{payload}.c2lnbmF0dXJl", BASE64_URL_SAFE_NO_PAD.encode(header.to_string()))
    };
    let mut next = 0;
    for (seconds, fetches) in [(0, 1), (0, 0), (240, 0), (70, 1), (0, 0)] {
        lab.pass(seconds);
        lab.emulator().reset_requests();
        let tokens: Vec<String> = (next..next + FLOOD).map(invented).collect();
        next += FLOOD;
        let answers = tokens.iter().map(|token| lab.call(Method::GET, "/api/profile", token));
        let good = (0..3).map(|_| lab.profile(&adele));
        let (refused, served) =
            futures::future::join(futures::future::join_all(answers), futures::future::join_all(good)).await;
        for answer in refused {
            answer.assert_problem(401, "unknown_signing_key");
        }
        for answer in served {
            answer.assert_ok();
        }
        let counted = lab.emulator().counters().get("keys").map_or(0, |counter| counter.total);
        assert_eq!(counted, fetches, "after {next} invented key ids");
    }
}

/// A user with their token; no answer to it may name another one.
struct Person {
    name: String,
    employee_id: String,
    token: String,
}

/// The function in this process, without sockets between it and its callers.
#[derive(Clone)]
struct Function {
    router: Router,
    people: Arc<Vec<Person>>,
}

/// What is sent, and by whom.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Profile,
    BackgroundAccess,
    End,
    /// The user's claims under another user's signature.
    ForeignSignature,
    /// The user's header and another user's beside it.
    TwoHeaders,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn users_mixed_at_high_concurrency_never_get_each_others_profile() {
    let given = Environment::of_process();
    let requests = given.get(REQUESTS).map_or(USUAL_REQUESTS, |text| text.parse().unwrap());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let mut environment = Environment::default();
    environment.set("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{}", listener.local_addr().unwrap()));
    environment.set("TABLE_NAME", "tokens");
    let database = dynoxide::Database::memory().unwrap();
    tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, std::future::pending()));
    let options = StackOptions { environment, ..StackOptions::for_tests() };
    let stack = Box::pin(Stack::start(options)).await.unwrap();
    let function = Function::start(&stack).await;

    let begin = Instant::now();
    let next = Arc::new(AtomicUsize::new(0));
    let mut callers = JoinSet::new();
    for _ in 0..AT_A_TIME {
        let (function, next) = (function.clone(), next.clone());
        callers.spawn(async move {
            let mut outcomes = BTreeMap::<String, usize>::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= requests {
                    return outcomes;
                }
                let (kind, status) = function.call(number).await;
                *outcomes.entry(format!("{kind:?} {status}")).or_default() += 1;
            }
        });
    }
    let mut outcomes = BTreeMap::<String, usize>::new();
    while let Some(of_one) = callers.join_next().await {
        for (outcome, count) in of_one.unwrap() {
            *outcomes.entry(outcome).or_default() += count;
        }
    }
    assert_eq!(outcomes.values().sum::<usize>(), requests);
    let served = outcomes["Profile 200"];
    assert!(served > requests / 2, "{outcomes:?}");
    let mut line = format!("{requests} mixed requests of {USERS} users, {AT_A_TIME} at a time, in ");
    writeln!(
        line,
        "{:.1} s: {served} profiles, each of its own user; {outcomes:?}",
        begin.elapsed().as_secs_f64()
    )
    .unwrap();
    // Past the test runner, which keeps the output of tests that pass to itself.
    std::io::stderr().write_all(line.as_bytes()).unwrap();
}

impl Function {
    /// With the environment of a stack, whose emulator has signed all the people in.
    async fn start(stack: &Stack) -> Self {
        let visitor = Visitor::at(&stack.addresses().page).await.unwrap();
        let mut people = Vec::new();
        for number in 1..=USERS {
            let name = format!("user{number:06}@lakeside.example");
            let token = visitor.sign_in(&name).await.unwrap().access_token;
            people.push(Person { name, employee_id: format!("C-{number}"), token });
        }
        let time = Time::with_clock(Arc::new(stack.clock().clone()));
        let api = Api::start(stack.environment(), time).await.unwrap();
        Self { router: profile_api::router(api), people: Arc::new(people) }
    }

    /// The request of this number and the status that came of it, after a look at whose answer it is.
    async fn call(&self, number: usize) -> (Kind, u16) {
        let drawn = scatter(number);
        let leaver = drawn.is_multiple_of(25);
        let (range, offset) = if leaver { (LEAVERS, 0) } else { (USERS - LEAVERS, LEAVERS) };
        let person = &self.people[offset + (drawn / 25) % range];
        let other = &self.people[(drawn / 7) % USERS];
        let kind = match (drawn / 1000) % 20 {
            0 | 1 if other.name != person.name => Kind::ForeignSignature,
            2 if other.name != person.name => Kind::TwoHeaders,
            3 | 4 => Kind::BackgroundAccess,
            5 if leaver => Kind::End,
            _ => Kind::Profile,
        };
        let (method, path) = match kind {
            Kind::BackgroundAccess => ("GET", "/api/background-access"),
            Kind::End => ("DELETE", "/api/background-access"),
            _ => ("GET", "/api/profile"),
        };
        let mut request = Request::builder().method(method).uri(path);
        request = match kind {
            Kind::ForeignSignature => {
                let (claims, _) = person.token.rsplit_once('.').unwrap();
                let (_, signature) = other.token.rsplit_once('.').unwrap();
                request.header(AUTHORIZATION, format!("Bearer {claims}.{signature}"))
            }
            Kind::TwoHeaders => request
                .header(AUTHORIZATION, format!("Bearer {}", person.token))
                .header(AUTHORIZATION, format!("Bearer {}", other.token)),
            _ => request.header(AUTHORIZATION, format!("Bearer {}", person.token)),
        };
        let answer = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        self.examine(number, kind, person, status, std::str::from_utf8(&body).unwrap());
        (kind, status)
    }

    fn examine(&self, number: usize, kind: Kind, person: &Person, status: u16, text: &str) {
        let what = || format!("request {number}, {kind:?} of {}: {status} {text}", person.name);
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        match kind {
            // A machine with much else to do: the answer is late, and says so.
            _ if matches!(status, 503 | 504) => {}
            Kind::Profile if status == 200 => {
                assert_eq!(body["userPrincipalName"], person.name.as_str(), "{}", what());
                assert_eq!(body["employeeId"], person.employee_id.as_str(), "{}", what());
            }
            // Ended while tokens were on their way: nothing is served and nothing kept.
            Kind::Profile => assert_eq!(body["code"], "background_access_ended", "{}", what()),
            Kind::BackgroundAccess => assert_eq!(status, 200, "{}", what()),
            Kind::End => assert_eq!(status, 204, "{}", what()),
            Kind::ForeignSignature => assert_eq!(body["code"], "bad_signature", "{}", what()),
            Kind::TwoHeaders => assert_eq!(body["code"], "duplicate_header", "{}", what()),
        }
        for other in self.people.iter().filter(|other| other.name != person.name) {
            assert!(!text.contains(&other.name), "{}", what());
        }
    }
}

/// A number for a number, the same in each run (the finaliser of `SplitMix64`).
fn scatter(number: usize) -> usize {
    let mut bits = (number as u64).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((bits ^ (bits >> 31)) >> 1).unwrap()
}
