//! Requests to Microsoft Graph: patience with throttling and with a directory that is only eventually consistent, pages, and
//! typed errors.

mod error;

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::output::{Output, Sign};
use super::waiting::Waits;
pub(crate) use error::GraphError;
pub(crate) use error::{Doing, Needs};

/// So often a request is made that gets 429, or that gets no answer and may be made twice.
const MOST_TRIES: u32 = 6;
/// The longest pause that is kept when Graph asks for one.
const LONGEST_PAUSE: Duration = Duration::from_mins(2);
/// Pauses until an object that was just made is known everywhere, in seconds: a minute and a half in all.
const FRESH_PAUSES: [u64; 8] = [1, 2, 4, 8, 15, 20, 20, 20];
/// More pages than any tenant has of what is listed here; a server that never ends is broken.
const MOST_PAGES: usize = 1_000;

/// Graph as one signed-in user.
pub(crate) struct Graph {
    pub(crate) http: reqwest::Client,
    /// With its version, without a slash at its end.
    pub(crate) base: String,
    pub(crate) token: SecretString,
    pub(crate) waits: Arc<dyn Waits>,
    pub(crate) output: Arc<Output>,
}

/// One request.
#[derive(Clone)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    body: Option<Value>,
    doing: Doing,
    /// It concerns what was made just now, which not every server knows yet.
    fresh: bool,
    /// `Prefer: create-if-missing`.
    upsert: bool,
}

/// An answer that is no error.
pub(crate) struct Answer {
    body: Vec<u8>,
    what: String,
}

#[derive(Deserialize)]
struct Page<T> {
    value: Vec<T>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

#[derive(Deserialize, Default)]
struct ErrorBody {
    error: ErrorText,
}

#[derive(Deserialize, Default)]
struct ErrorText {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Ask {
    fn new(method: Method, path: impl Into<String>, doing: Doing) -> Self {
        Self { method, path: path.into(), body: None, doing, fresh: false, upsert: false }
    }

    pub(crate) fn get(path: impl Into<String>, doing: Doing) -> Self {
        Self::new(Method::GET, path, doing)
    }

    pub(crate) fn post(path: impl Into<String>, body: Value, doing: Doing) -> Self {
        Self { body: Some(body), ..Self::new(Method::POST, path, doing) }
    }

    pub(crate) fn patch(path: impl Into<String>, body: Value, doing: Doing) -> Self {
        Self { body: Some(body), ..Self::new(Method::PATCH, path, doing) }
    }

    pub(crate) fn delete(path: impl Into<String>, doing: Doing) -> Self {
        Self::new(Method::DELETE, path, doing)
    }

    /// Waits for objects that were made just now.
    pub(crate) fn fresh(self) -> Self {
        Self { fresh: true, ..self }
    }

    /// Makes the object when it is not there.
    pub(crate) fn or_create(self) -> Self {
        Self { upsert: true, ..self }
    }

    /// Whether a second time does no more than one.
    fn is_repeatable(&self) -> bool {
        self.method != Method::POST
    }
}

impl Answer {
    /// Whether there is a body: an update answers without one.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, GraphError> {
        serde_json::from_slice(&self.body).map_err(|_| GraphError::Unreadable { what: self.what.clone() })
    }
}

impl Graph {
    pub(crate) async fn send(&self, ask: Ask) -> Result<Answer, GraphError> {
        let mut fresh_pauses = FRESH_PAUSES.iter();
        let mut tries = 0;
        loop {
            tries += 1;
            let what = || ask.doing.what.clone();
            let response = match self.request(&ask).await {
                Ok(response) => response,
                Err(_) if tries < MOST_TRIES && ask.is_repeatable() => {
                    self.pause(backoff(tries), "no answer").await;
                    continue;
                }
                Err(source) => return Err(GraphError::NoAnswer { what: what(), source }),
            };
            let status = response.status();
            let wanted = retry_after(&response);
            let body = match response.bytes().await {
                Ok(body) => body.to_vec(),
                Err(_) if tries < MOST_TRIES && ask.is_repeatable() => {
                    self.pause(backoff(tries), "no answer").await;
                    continue;
                }
                Err(source) => return Err(GraphError::NoAnswer { what: what(), source }),
            };
            if status.is_success() {
                return Ok(Answer { body, what: what() });
            }
            let ErrorText { code, message } =
                serde_json::from_slice::<ErrorBody>(&body).unwrap_or_default().error;
            // 429 means that nothing was done; after 5xx something may have been.
            let again =
                status == StatusCode::TOO_MANY_REQUESTS || (status.is_server_error() && ask.is_repeatable());
            if again && tries < MOST_TRIES {
                let pause = wanted.unwrap_or_else(|| backoff(tries)).min(LONGEST_PAUSE);
                self.pause(pause, "Microsoft Graph asks for a pause").await;
                continue;
            }
            if ask.fresh
                && is_not_known_yet(status, &message)
                && let Some(seconds) = fresh_pauses.next()
            {
                self.pause(Duration::from_secs(*seconds), "not known everywhere yet").await;
                continue;
            }
            return Err(match status {
                StatusCode::TOO_MANY_REQUESTS => GraphError::Busy { what: what(), status: 429 },
                status if status.is_server_error() => {
                    GraphError::Busy { what: what(), status: status.as_u16() }
                }
                StatusCode::UNAUTHORIZED => GraphError::SignInOver { message },
                StatusCode::FORBIDDEN => {
                    GraphError::Denied { what: what(), needs: ask.doing.needs.to_string(), message }
                }
                StatusCode::NOT_FOUND => GraphError::NotFound { what: what(), message },
                _ => GraphError::Refused { what: what(), status: status.as_u16(), code, message },
            });
        }
    }

    /// One object, or `None` when Graph does not know it.
    pub(crate) async fn find<T: DeserializeOwned>(&self, ask: Ask) -> Result<Option<T>, GraphError> {
        match self.send(ask).await {
            Ok(answer) => answer.json().map(Some),
            Err(GraphError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects of a collection, page after page.
    pub(crate) async fn list<T: DeserializeOwned>(&self, ask: Ask) -> Result<Vec<T>, GraphError> {
        let mut all = Vec::new();
        let mut next = ask;
        for _ in 0..MOST_PAGES {
            let page: Page<T> = self.send(next.clone()).await?.json()?;
            all.extend(page.value);
            let Some(link) = page.next else { return Ok(all) };
            // The token goes to Graph only, wherever the link points.
            let path = link.strip_prefix(&self.base).filter(|path| path.starts_with('/'));
            let path = path.ok_or_else(|| GraphError::Unreadable { what: next.doing.what.clone() })?;
            next.path = path.to_owned();
        }
        Err(GraphError::Unreadable { what: next.doing.what })
    }

    /// As [`Graph::list`], or `None` when the user may not see them.
    pub(crate) async fn list_if_allowed<T: DeserializeOwned>(
        &self,
        ask: Ask,
    ) -> Result<Option<Vec<T>>, GraphError> {
        match self.list(ask).await {
            Ok(all) => Ok(Some(all)),
            Err(GraphError::Denied { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Deletes; what is gone already is as good as deleted.
    pub(crate) async fn delete(&self, ask: Ask) -> Result<(), GraphError> {
        match self.send(ask).await {
            Ok(_) | Err(GraphError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn request(&self, ask: &Ask) -> Result<reqwest::Response, reqwest::Error> {
        let url = format!("{}{}", self.base, ask.path);
        let mut request = self
            .http
            .request(ask.method.clone(), url)
            .bearer_auth(self.token.expose_secret())
            .header("client-request-id", Uuid::new_v4().to_string());
        if ask.upsert {
            request = request.header("Prefer", "create-if-missing");
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        request.send().await
    }

    async fn pause(&self, pause: Duration, why: &str) {
        self.output.step(Sign::Careful, format_args!("{why}: trying again in {} s", pause.as_secs()));
        self.waits.wait(pause).await;
    }
}

/// An object that was just made, or the application that something just made belongs to, is missing.
fn is_not_known_yet(status: StatusCode, message: &str) -> bool {
    status == StatusCode::NOT_FOUND
        || (status == StatusCode::BAD_REQUEST
            && message.contains("does not reference a valid application object"))
}

/// 1, 2, 4, … seconds.
fn backoff(tries: u32) -> Duration {
    Duration::from_secs(1 << tries.saturating_sub(1).min(6))
}

fn retry_after(response: &reqwest::Response) -> Option<Duration> {
    let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}
