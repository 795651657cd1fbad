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

pub type ScriptedProfileReader = Script<ProfileCall, Result<FetchedProfile, GraphError>>;

#[async_trait]
impl ProfileReader for ScriptedProfileReader {
    async fn me(&self, token: &AccessToken, priority: RequestPriority) -> Result<FetchedProfile, GraphError> {
        self.answer(ProfileCall { access_token: token.expose().to_owned(), priority }).await
    }
}
