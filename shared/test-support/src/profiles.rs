//! Microsoft Graph's `/me`, as a script.

use crate::script::Script;
use async_trait::async_trait;
use domain::error::GraphError;
use domain::ports::{FetchedProfile, ProfileReader, Requester};
use domain::token::AccessToken;

/// What was asked of Graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileCall {
    pub access_token: String,
    /// The key of the turn that asked; `None` when a user did.
    pub idempotency_key: Option<String>,
}

pub type ScriptedProfileReader = Script<ProfileCall, Result<FetchedProfile, GraphError>>;

#[async_trait]
impl ProfileReader for ScriptedProfileReader {
    async fn me(&self, token: &AccessToken, requester: Requester<'_>) -> Result<FetchedProfile, GraphError> {
        let idempotency_key = match requester {
            Requester::User => None,
            Requester::Turn { idempotency_key } => Some(idempotency_key.to_owned()),
        };
        self.answer(ProfileCall { access_token: token.expose().to_owned(), idempotency_key }).await
    }
}
