//! The one HTTP client of a function.

use crate::certificates::system_certificates;
use reqwest::Certificate;
use std::time::Duration;

/// The longest wait for a connection: TLS to a Microsoft endpoint takes a tenth of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Below the idle timeout of the load balancers in front of Entra ID and Graph, so that a kept connection is a live one.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// The longest that a request may take whose adapter sets no time of its own. Adapters set less.
const TIMEOUT: Duration = Duration::from_secs(15);

/// Redirects are off: a token endpoint or Graph that redirects would get our secret or the user's token sent elsewhere.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    let certificates: Result<Vec<_>, _> = system_certificates().iter().map(Certificate::from_der).collect();
    reqwest::Client::builder()
        .tls_certs_only(certificates?)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .user_agent(concat!("shared-token-cache/", env!("CARGO_PKG_VERSION")))
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::StatusCode;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        let request = client().unwrap().post(&url).body("client_secret=of-ours").send();
        let serve = async {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut received = vec![0; 4096];
            let read = connection.read(&mut received).await.unwrap();
            assert!(read > 0);
            let elsewhere = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nlocation: {url}/elsewhere\r\ncontent-length: 0\r\n\r\n"
            );
            connection.write_all(elsewhere.as_bytes()).await.unwrap();
        };
        // Whoever followed it would wait for an answer that does not come.
        let (answer, ()) = tokio::join!(request, serve);
        let answer = answer.unwrap();
        assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(answer.url().path(), "/token");
    }

    #[test]
    fn nothing_is_waited_for_for_ever() {
        let settings = format!("{:?}", client().unwrap());
        assert!(settings.contains("15s"), "{settings}");
    }
}
