//! The page of accounts: who is there, what the sweep last did for them and when it will act next, and buttons to sweep
//! one of them or all that are due. Bound to this machine only; works without scripts.

mod html;
mod run;

use crate::accounts::{Accounts, PageStart};
use crate::sweeper::Sweeper;
use axum::Json;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, RawQuery, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use run::Run;
use serde_json::{Value, json};
use std::collections::HashMap;

/// Accounts on one page.
const PAGE: usize = 50;
const MAX_BODY_BYTES: usize = 16 * 1024;

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src data:; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// What the page shows and acts on.
#[derive(Clone)]
pub(crate) struct AccountsPages {
    accounts: Accounts,
    sweeper: Sweeper,
    run: Run,
    /// What browsers may call it.
    hosts: [String; 3],
}

impl AccountsPages {
    /// `url` is where it will be served: `http://localhost:<port>`.
    pub(crate) fn new(accounts: Accounts, sweeper: Sweeper, url: &str) -> Self {
        let port = url.rsplit(':').next().unwrap_or_default();
        let hosts = ["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{port}"));
        Self { accounts, sweeper, run: Run::default(), hosts }
    }

    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/", get(list))
            .route("/sweep", post(sweep))
            .route("/progress", get(progress))
            .route("/style.css", get(async || asset("text/css; charset=utf-8", html::STYLE)))
            .route("/progress.js", get(async || asset("text/javascript; charset=utf-8", html::SCRIPT)))
            .fallback(async || refused(StatusCode::NOT_FOUND, "There is nothing here."))
            .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
            .layer(from_fn_with_state(self.clone(), only_own_pages))
            .layer(from_fn(headers))
            .with_state(self)
    }
}

/// Any page in a browser of this machine can send requests here, and a name of somebody else's can be made to lead here; only
/// this page's own requests count.
async fn only_own_pages(State(pages): State<AccountsPages>, request: Request, next: Next) -> Response {
    let text = |headers: &HeaderMap, name| {
        headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default().to_owned())
    };
    let host = text(request.headers(), HOST).unwrap_or_default();
    if !pages.hosts.contains(&host) {
        return refused(StatusCode::FORBIDDEN, "This page answers under this machine's own names only.");
    }
    let origin = text(request.headers(), ORIGIN);
    if request.method() != Method::GET && origin.is_some_and(|origin| origin != format!("http://{host}")) {
        return refused(StatusCode::FORBIDDEN, "This was sent by another page, and nothing was done.");
    }
    next.run(request).await
}

async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        // Not `no-referrer`: with that, browsers send `Origin: null` with a form.
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// GET `/?from=<place>` or `/?find=<name or id>`
async fn list(State(pages): State<AccountsPages>, RawQuery(query): RawQuery) -> Response {
    let query = fields(query.unwrap_or_default().as_bytes());
    let find = query.get("find").map(|find| find.trim()).filter(|find| !find.is_empty());
    let from = match query.get("from").map(|from| PageStart::read(from)) {
        Some(None) => return refused(StatusCode::BAD_REQUEST, "That is no place in the table."),
        from => from.flatten(),
    };
    let found = match find {
        Some(find) => pages.accounts.find(find).await.map(|accounts| (accounts, None)),
        None => pages.accounts.page(from.as_ref(), PAGE).await.map(|page| (page.accounts, page.next)),
    };
    let (accounts, next) = match found {
        Ok(found) => found,
        Err(error) => return refused(StatusCode::BAD_GATEWAY, &error.to_string()),
    };
    let listing = html::Listing {
        accounts: &accounts,
        now: pages.sweeper.services().clock.now(),
        find,
        from: from.as_ref(),
        next: next.as_ref(),
        run: &pages.run.shown(),
    };
    Html(listing.to_html()).into_response()
}

/// POST `/sweep`, with `account` for one, else all that is due; then back to the list.
async fn sweep(State(pages): State<AccountsPages>, body: Bytes) -> Response {
    let form = fields(&body);
    match form.get("account") {
        Some(account) => {
            let event = json!({ "account": account });
            let shown = form.get("name").unwrap_or(account);
            match pages.sweeper.invoke(event).await {
                Ok(answer) => pages.run.tell(html::told(shown, &answer.into_summary())),
                Err(error) => return refused(StatusCode::BAD_GATEWAY, &error.to_string()),
            }
        }
        None => pages.run.start(pages.sweeper.clone()),
    }
    let mut back = url::form_urlencoded::Serializer::new(String::new());
    for name in ["find", "from"] {
        if let Some(value) = form.get(name).filter(|value| !value.is_empty()) {
            back.append_pair(name, value);
        }
    }
    Redirect::to(&format!("/?{}", back.finish())).into_response()
}

/// GET `/progress`: what the page says of the sweep that was started on it.
async fn progress(State(pages): State<AccountsPages>) -> Json<Value> {
    let shown = pages.run.shown();
    Json(json!({ "running": shown.running, "done": shown.done, "text": shown.text() }))
}

fn asset(media_type: &'static str, text: &'static str) -> Response {
    ([(CONTENT_TYPE, media_type)], text).into_response()
}

fn refused(status: StatusCode, text: &str) -> Response {
    (status, Html(html::refusal(text))).into_response()
}

fn fields(encoded: &[u8]) -> HashMap<String, String> {
    url::form_urlencoded::parse(encoded).into_owned().collect()
}
