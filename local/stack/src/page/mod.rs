//! The single-page app, served as a static site with a generated `/config.json`.

pub(crate) mod build;
mod config_json;
mod files;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

pub(crate) use config_json::PageConfig;

/// What the page's address shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageContent {
    /// The built app in this folder.
    Built(PathBuf),
    /// It is being built just now.
    Building,
    /// There is none, for this reason.
    Absent(String),
}

/// The page of a running stack; clones share the content.
#[derive(Clone)]
pub(crate) struct Page {
    content: Arc<RwLock<PageContent>>,
    config: Arc<PageConfig>,
    policy: HeaderValue,
}

impl Page {
    pub(crate) fn new(content: PageContent, config: PageConfig) -> Self {
        let policy = HeaderValue::from_str(&config.content_security_policy())
            .unwrap_or_else(|_| HeaderValue::from_static("default-src 'self'"));
        Self { content: Arc::new(RwLock::new(content)), config: Arc::new(config), policy }
    }

    pub(crate) fn show(&self, content: PageContent) {
        *self.content.write().unwrap_or_else(PoisonError::into_inner) = content;
    }

    fn content(&self) -> PageContent {
        self.content.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/config.json", get(config))
            .fallback(file)
            .layer(from_fn_with_state(self.clone(), headers))
            .with_state(self.clone())
    }
}

async fn config(State(page): State<Page>) -> Response {
    ([(CACHE_CONTROL, "no-cache")], axum::Json(page.config.json())).into_response()
}

async fn file(State(page): State<Page>, method: Method, uri: Uri) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    match page.content() {
        PageContent::Built(folder) => files::answer(folder, uri.path().to_owned()).await,
        PageContent::Building => {
            let body = explanation(
                "The page is being built",
                "The terminal shows how far it is; this page looks again by itself. The API, the emulator and the \
                 sweep work already.",
                r#"<meta http-equiv="refresh" content="3">"#,
            );
            (StatusCode::SERVICE_UNAVAILABLE, [(CACHE_CONTROL, "no-store")], Html(body)).into_response()
        }
        PageContent::Absent(reason) => {
            let body = explanation("The page is not there", &escape(&reason), "");
            (StatusCode::SERVICE_UNAVAILABLE, [(CACHE_CONTROL, "no-store")], Html(body)).into_response()
        }
    }
}

async fn headers(State(page): State<Page>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, page.policy.clone());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    response
}

fn explanation(title: &str, text: &str, head: &str) -> String {
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">{head}<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title}</title><style>body{{font:1.05rem/1.6 system-ui,sans-serif;max-width:38rem;margin:15vh auto 0;\
         padding:0 1.5rem}}p{{white-space:pre-line}}</style></head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>"
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
