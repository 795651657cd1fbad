//! Clients of AWS services, with the time they may take laid down.

use crate::aws_http::ConnectorsByTimeouts;
use crate::environment::Environment;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedHttpClient};
use std::time::Duration;

/// Clients for one deployment, sharing one connection pool and one set of credentials.
#[derive(Debug, Clone)]
pub struct AwsClients {
    pub dynamodb: aws_sdk_dynamodb::Client,
    pub eventbridge: aws_sdk_eventbridge::Client,
    pub kms: aws_sdk_kms::Client,
    pub secrets: aws_sdk_secretsmanager::Client,
    pub sts: aws_sdk_sts::Client,
}

/// An endpoint in `AWS_ENDPOINT_URL_<service>`, else in `AWS_ENDPOINT_URL`, as the SDK reads them, except that an empty
/// variable counts as unset.
macro_rules! client {
    ($sdk:ident, $config:expr, $environment:expr, $service_variable:literal) => {{
        let mut builder = $sdk::config::Builder::from($config);
        let endpoint = $environment.get($service_variable).or_else(|| $environment.get("AWS_ENDPOINT_URL"));
        if endpoint.is_some()
            || $environment.is_blank($service_variable)
            || $environment.is_blank("AWS_ENDPOINT_URL")
        {
            builder.set_endpoint_url(endpoint.map(str::to_owned));
        }
        $sdk::Client::from_conf(builder.build())
    }};
}

impl AwsClients {
    pub async fn new(environment: &Environment) -> Self {
        let config = load(environment).await;
        Self {
            dynamodb: client!(aws_sdk_dynamodb, &config, environment, "AWS_ENDPOINT_URL_DYNAMODB"),
            eventbridge: client!(aws_sdk_eventbridge, &config, environment, "AWS_ENDPOINT_URL_EVENTBRIDGE"),
            kms: client!(aws_sdk_kms, &config, environment, "AWS_ENDPOINT_URL_KMS"),
            secrets: client!(
                aws_sdk_secretsmanager,
                &config,
                environment,
                "AWS_ENDPOINT_URL_SECRETS_MANAGER"
            ),
            sts: client!(aws_sdk_sts, &config, environment, "AWS_ENDPOINT_URL_STS"),
        }
    }
}

async fn load(environment: &Environment) -> SdkConfig {
    let timeouts = aws_config::timeout::TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(3))
        .operation_timeout(Duration::from_secs(8))
        .build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(SharedHttpClient::new(ConnectorsByTimeouts::default()))
        .timeout_config(timeouts)
        // It watches over long downloads. All answers here are small, and the time of each attempt is limited.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .retry_config(aws_config::retry::RetryConfig::standard().with_max_attempts(3));
    if let Some(region) = environment.get("AWS_REGION").or_else(|| environment.get("AWS_DEFAULT_REGION")) {
        loader = loader.region(Region::new(region.to_owned()));
    }
    // Lambda hands a role's credentials over in these variables; taking them as they are spares the provider chain.
    if let (Some(key_id), Some(secret)) =
        (environment.get("AWS_ACCESS_KEY_ID"), environment.get("AWS_SECRET_ACCESS_KEY"))
    {
        let token = environment.get("AWS_SESSION_TOKEN").map(str::to_owned);
        loader = loader.credentials_provider(Credentials::new(key_id, secret, token, None, "environment"));
    }
    loader.load().await
}
