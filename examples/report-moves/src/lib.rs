//! Tells another system when a user's department or job title has changed while the user was away.
//!
//! Licences, mailing lists and access reviews hang on these two. The delegated permission `User.Read` is enough.
//! `docs/add-a-job.md` walks through this file.

use async_trait::async_trait;
use domain::background_job::{BackgroundJob, JobError, JobOutcome, Turn};
use domain::identity::HomeAccountId;
use domain::ports::{AccountStore, Clock, ProfileReader};
use domain::profile::{Profile, ProfileSnapshot};
use domain::services::Services;
use domain::stage::Stage;
use outbound_http::NoAnswer;
use serde::Serialize;
use std::sync::Arc;
use url::Url;
use wiring::Environment;

/// The properties of a Graph user that make a move.
const WATCHED: [&str; 2] = ["department", "jobTitle"];

/// The longest wait for the receiver: 3 seconds. A turn that is under way when Lambda's time runs out has 15 in all.
const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(3);

/// The most that is read of a refusal; nothing in it is looked at.
const MAX_BODY_BYTES: usize = 16 * 1024;

/// The job. It takes the place of the shipped one, so it also keeps the profile snapshot, with which it compares.
pub struct ReportMoves {
    pub profiles: Arc<dyn ProfileReader>,
    pub store: Arc<dyn AccountStore>,
    pub clock: Arc<dyn Clock>,
    pub receiver: Receiver,
}

impl ReportMoves {
    /// On the ports of a sweep that is already put together.
    pub fn new(services: &Services, receiver: Receiver) -> Self {
        let Services { profiles, store, clock, .. } = services;
        Self { profiles: profiles.clone(), store: store.clone(), clock: clock.clone(), receiver }
    }
}

#[async_trait]
impl BackgroundJob for ReportMoves {
    async fn run(&self, turn: &Turn<'_>) -> Result<JobOutcome, JobError> {
        let me = self.profiles.me(turn.token, turn.requester());
        let fetched = turn.metrics.time(Stage::Graph, me).await?;
        let changed =
            turn.previous_profile.map_or_else(Vec::new, |old| moves(&old.profile, &fetched.profile));
        // First tell, then remember: a worker that is killed in between tells again, under the same key. The other way
        // round the move would be lost.
        if !changed.is_empty() {
            self.receiver.tell(turn, &changed).await?;
        }
        let now = self.clock.now();
        let is_kept = turn.previous_profile.is_some_and(|old| {
            // In the second half of its life a snapshot is written anew, so that it lives as long as the account.
            old.profile == fetched.profile && now - old.refreshed_at < (turn.expires_at - now) / 2_i32
        });
        if !is_kept {
            let snapshot =
                ProfileSnapshot { profile: fetched.profile, etag: fetched.etag, refreshed_at: now };
            self.store.put_profile(&turn.account, &snapshot, turn.expires_at).await?;
        }
        Ok(if changed.is_empty() { JobOutcome::Unchanged } else { JobOutcome::Acted })
    }
}

fn moves(old: &Profile, new: &Profile) -> Vec<&'static str> {
    old.changed_fields(new).into_iter().filter(|field| WATCHED.contains(field)).collect()
}

/// Who is told of moves: an HTTP endpoint that takes `POST` with `{"account": "<home account id>", "changed": [...]}`.
///
/// Names of properties, never values. `Idempotency-Key` is the same whenever one move is told twice
/// (draft-ietf-httpapi-idempotency-key-header). Any 2xx means "taken", anything else is told again in a later turn.
pub struct Receiver {
    client: reqwest::Client,
    url: Url,
}

#[derive(Serialize)]
struct Move<'a> {
    account: HomeAccountId,
    changed: &'a [&'static str],
}

impl Receiver {
    /// Reads `MOVES_URL`, the receiver's address; it may hold a secret, as webhook addresses do, and is never logged.
    /// `client` must not follow redirects.
    pub fn from_environment(environment: &Environment, client: reqwest::Client) -> Result<Self, NoReceiver> {
        let url = environment.get("MOVES_URL").and_then(|text| Url::parse(text).ok());
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https")).ok_or(NoReceiver)?;
        Ok(Self { client, url })
    }

    async fn tell(&self, turn: &Turn<'_>, changed: &[&'static str]) -> Result<(), JobError> {
        let request = self.client.post(self.url.clone()).timeout(TIMEOUT);
        let request = request.header("idempotency-key", format!("\"{}\"", turn.idempotency_key));
        let answer = request.json(&Move { account: turn.account, changed }).send().await;
        let answer = answer.map_err(|error| not_told(None, Some(error.into())))?;
        if answer.status().is_success() {
            return Ok(());
        }
        let refusal = outbound_http::read(answer, MAX_BODY_BYTES).await;
        let refusal = refusal.map_err(|error| not_told(None, Some(error)))?;
        Err(not_told(refusal.retry_after, None))
    }
}

/// `MOVES_URL` is missing or no address. The value is left out: it may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "MOVES_URL: expected the http(s) address to which moves are posted, got none; set it on the function"
)]
pub struct NoReceiver;

/// Makes the turn one that is tried again, after a pause that the receiver may ask for.
fn not_told(retry_after: Option<time::Duration>, source: Option<NoAnswer>) -> JobError {
    JobError::Other {
        reason: "the receiver of moves did not take one".to_owned(),
        retry_after,
        source: source.map(|source| Box::new(source) as _),
    }
}
