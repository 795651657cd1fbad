//! Microsoft Graph's `/me`, as a script.

use crate::script::Script;
use async_trait::async_trait;
use domain::error::GraphError;
use domain::ports::{FetchedProfile, ProfileReader, RequestPriority};
use domain::token::AccessToken;

/// What was asked of Graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileCall {
    pub access_token: String,
    pub priority: RequestPriority,
}

/// Answers from a queue, then by a rule; panics when it has neither. Records every call.
pub struct ScriptedProfileReader(Script<ProfileCall, Result<FetchedProfile, GraphError>>);

impl Default for ScriptedProfileReader {
    fn default() -> Self {
        Self(Script::new("the profile reader"))
    }
}

impl ScriptedProfileReader {
    /// The next unanswered call gets this.
    pub fn push(&self, answer: Result<FetchedProfile, GraphError>) {
        self.0.push(answer);
    }

    /// Calls beyond the queue are answered by `rule`.
    pub fn respond_with(
        &self,
        rule: impl Fn(&ProfileCall) -> Result<FetchedProfile, GraphError> + Send + Sync + 'static,
    ) {
        self.0.respond_with(rule);
    }

    pub fn calls(&self) -> Vec<ProfileCall> {
        self.0.calls()
    }

    /// Makes callers wait from now on, each until one [`Self::release_one`].
    pub fn hold(&self) {
        self.0.hold();
    }

    pub fn release_one(&self) {
        self.0.release_one();
    }

    /// Returns when this many calls have come in, waiting ones included.
    pub async fn until_called(&self, times: usize) {
        self.0.until_called(times).await;
    }
}

#[async_trait]
impl ProfileReader for ScriptedProfileReader {
    async fn me(&self, token: &AccessToken, priority: RequestPriority) -> Result<FetchedProfile, GraphError> {
        self.0.answer(ProfileCall { access_token: token.expose().to_owned(), priority }).await
    }
}
