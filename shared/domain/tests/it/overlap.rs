//! What a request does at the same time.

use crate::fixture::Fixture;
use async_trait::async_trait;
use domain::error::GraphError;
use domain::ports::{FetchedProfile, ProfileReader, Requester};
use domain::read_profile::read_profile;
use domain::token::AccessToken;
use std::sync::Arc;
use test_support::{InMemoryAccountStore, StoreOperation, sample};

/// Graph that answers once the activity is written, and must be asked before.
struct AnswersAfterActivity(Arc<InMemoryAccountStore>);

/// Far more often than others need to be polled.
const MOST_POLLS: u32 = 10_000;

#[async_trait]
impl ProfileReader for AnswersAfterActivity {
    async fn me(&self, _: &AccessToken, _: Requester<'_>) -> Result<FetchedProfile, GraphError> {
        let written = || self.0.calls(StoreOperation::RecordActivity);
        assert_eq!(written(), 0, "Graph is asked before the activity is written");
        for _ in 0..MOST_POLLS {
            if written() > 0 {
                return Ok(sample::fetched_profile(1));
            }
            tokio::task::yield_now().await;
        }
        panic!("the activity waits for Graph's answer");
    }
}

#[tokio::test]
async fn activity_is_written_while_graph_answers() {
    let fixture = Fixture::new();
    let mut services = fixture.services.clone();
    services.profiles = Arc::new(AnswersAfterActivity(fixture.store.clone()));
    read_profile(&services, &fixture.caller(1), None).await.unwrap();
    assert_eq!(fixture.store.calls(StoreOperation::RecordActivity), 1);
}
