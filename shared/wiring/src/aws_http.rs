//! How the AWS SDK sends requests: its own connector, made once and from the certificates that the process has read already.
//!
//! The SDK's own client reads them once more, and makes a connector for each service only to see whether it can be made: two
//! fifths of what a start computed (`docs/performance.md`).

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// One connector, with its connections, for all clients whose connections and reads may take as long.
#[derive(Debug, Default)]
pub(crate) struct ConnectorsByTimeouts {
    connectors: Mutex<HashMap<Timeouts, SharedHttpConnector>>,
}

/// For a connection, and for each read.
type Timeouts = (Option<Duration>, Option<Duration>);

impl HttpClient for ConnectorsByTimeouts {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let timeouts = (settings.connect_timeout(), settings.read_timeout());
        let mut connectors = self.connectors.lock().unwrap_or_else(PoisonError::into_inner);
        connectors
            .entry(timeouts)
            .or_insert_with(|| SharedHttpConnector::new(connector(settings.clone(), components)))
            .clone()
    }
}

fn connector(settings: HttpConnectorSettings, components: &RuntimeComponents) -> Connector {
    let authorities = TrustStore::empty().with_pem_certificate(outbound_http::system_certificates().to_pem());
    let tls = TlsContext::builder().with_trust_store(authorities).build();
    let mut connector = Connector::builder()
        .connector_settings(settings)
        .proxy_config(ProxyConfig::from_env())
        .tls_provider(Provider::rustls(CryptoMode::AwsLc))
        .tls_context(tls.expect("certificates alone make a context"));
    connector.set_sleep_impl(components.sleep_impl());
    connector.build()
}
