//! The page of accounts, as a browser without scripts uses it.

use crate::program::{Running, Scratch, run, words};
use reqwest::header;
use serde_json::Value;
use std::collections::BTreeSet;

const USER: &str = "user000001@lakeside.example";

struct Page {
    http: reqwest::Client,
    url: String,
}

impl Page {
    fn of(stack: &Running) -> Self {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, url: stack.addresses.accounts.clone() }
    }

    async fn get(&self, path: &str) -> String {
        let answer = self.http.get(format!("{}{path}", self.url)).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        // With a stricter one browsers hide the origin of a form, and its button would be refused.
        assert_eq!(answer.headers()[header::REFERRER_POLICY], "same-origin");
        answer.text().await.unwrap()
    }

    /// Presses a button; gives the status and where it leads.
    async fn sweep(&self, origin: &str, form: &[(&str, &str)]) -> (u16, String) {
        let request = self.http.post(format!("{}/sweep", self.url)).header(header::ORIGIN, origin);
        let answer = request.form(form).send().await.unwrap();
        let to = answer.headers().get(header::LOCATION).map(|to| to.to_str().unwrap().to_owned());
        (answer.status().as_u16(), to.unwrap_or_default())
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect()
}

fn stack_with(scratch: &Scratch, seeding: &str) -> (Running, Page) {
    let stack = Running::start(scratch, "--tick 0");
    let mut arguments = words(seeding);
    arguments.extend(scratch.place());
    let seeded = run(&arguments, &[]);
    assert_eq!(seeded.status.code(), Some(0), "{}", String::from_utf8_lossy(&seeded.stderr));
    let page = Page::of(&stack);
    (stack, page)
}

#[tokio::test]
async fn every_account_is_on_one_page_and_can_be_found() {
    let scratch = Scratch::new();
    let (stack, page) = stack_with(&scratch, "seed --accounts 120 --due-within 100");
    assert!(stack.greeting.contains(&page.url), "{}", stack.greeting);
    let mut seen = BTreeSet::new();
    let mut path = "/".to_owned();
    let mut pages = 0;
    loop {
        let text = page.get(&path).await;
        let names = between(&text, "<span class=\"name\">", "</span>");
        assert!(names.len() <= 50, "{}", names.len());
        for name in names {
            assert!(seen.insert(name.to_owned()), "{name} twice");
        }
        pages += 1;
        let Some(next) = between(&text, "<a href=\"/?from=", "\"").first().copied() else { break };
        path = format!("/?from={next}");
    }
    assert_eq!((seen.len(), pages), (120, 3));

    let found = page.get(&format!("/?find={}", USER.to_uppercase())).await;
    assert_eq!(between(&found, "<span class=\"name\">", "</span>"), [USER]);
    assert!(found.contains("Active"), "{found}");
    let nobody = page.get("/?find=%3Cscript%3E").await;
    assert!(nobody.contains("Nobody of that name") && !nobody.contains("<script>"), "{nobody}");
    let senseless = page.http.get(format!("{}/?from=x", page.url)).send().await.unwrap();
    assert_eq!(senseless.status(), 400);
}

#[tokio::test]
async fn one_or_all_are_swept_on_a_click() {
    let scratch = Scratch::new();
    let (stack, page) = stack_with(&scratch, "seed --accounts 60 --revoked 20");
    let account =
        between(&page.get(&format!("/?find={USER}")).await, "name=\"account\" value=\"", "\"")[0].to_owned();
    let form = [("account", account.as_str()), ("name", USER), ("find", USER)];
    let (status, to) = page.sweep(&page.url, &form).await;
    assert_eq!((status, to.as_str()), (303, "/?find=user000001%40lakeside.example"));
    let text = page.get(&to).await;
    let told = between(&text, "role=\"status\"", "</p>")[0];
    assert!(told.contains(USER) && (told.contains("acted") || told.contains("need their user")), "{told}");

    let (status, to) = page.sweep(&page.url, &[]).await;
    assert_eq!((status, to.as_str()), (303, "/?"));
    let progress = loop {
        let state: Value = serde_json::from_str(&page.get("/progress").await).unwrap();
        if state["running"] == false {
            break state;
        }
    };
    assert_eq!(progress["done"], 59, "{progress}");
    let accounts = stack.accounts().await;
    assert!(accounts.iter().all(|state| state["lastSweep"].is_string()), "all have had a turn");
    let text = page.get("/").await;
    assert!(text.contains("Swept 59 accounts") && text.contains("AADSTS50173"), "{text}");
    page.sweep(&page.url, &[]).await;
}

#[tokio::test]
async fn other_pages_cannot_press_its_buttons_or_read_it() {
    let scratch = Scratch::new();
    let (stack, page) = stack_with(&scratch, "seed --accounts 3");
    for origin in
        ["https://evil.example", "null", &stack.addresses.page, &page.url.replace("localhost", "127.0.0.1")]
    {
        assert_eq!(page.sweep(origin, &[]).await.0, 403, "{origin}");
    }
    assert!(stack.accounts().await.iter().all(|state| state["lastSweep"].is_null()), "nothing was done");
    // A name that somebody else lets lead to this machine.
    let rebound = page.http.get(&page.url).header(header::HOST, "rebound.example").send().await.unwrap();
    assert_eq!(rebound.status(), 403);
    assert!(!rebound.text().await.unwrap().contains("user0"));
    assert_eq!(page.http.get(format!("{}/sweep", page.url)).send().await.unwrap().status(), 405);
}
