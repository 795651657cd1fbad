//! Every call of an AWS service ends within the time that a request has.

#![cfg(test)]

use std::time::Duration;
use wiring::{AwsClients, Environment};

macro_rules! settings {
    ($client:expr) => {{
        let config = $client.config();
        (
            stringify!($client),
            config.timeout_config().unwrap().clone(),
            config.retry_config().unwrap().clone(),
        )
    }};
}

#[tokio::test]
async fn every_client_has_timeouts_and_few_tries() {
    let environment: Environment =
        [("AWS_REGION", "eu-north-1"), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]
            .into_iter()
            .collect();
    let aws = AwsClients::new(&environment).await;
    for (client, timeouts, retries) in [
        settings!(aws.dynamodb),
        settings!(aws.eventbridge),
        settings!(aws.kms),
        settings!(aws.secrets),
        settings!(aws.sts),
    ] {
        assert_eq!(timeouts.connect_timeout(), Some(Duration::from_secs(2)), "{client}");
        assert_eq!(timeouts.operation_attempt_timeout(), Some(Duration::from_secs(3)), "{client}");
        assert_eq!(timeouts.operation_timeout(), Some(Duration::from_secs(8)), "{client}");
        assert_eq!(retries.max_attempts(), 3, "{client}");
    }
}
