//! The one HTTP client of a function.

use std::time::Duration;

/// The longest wait for a connection: TLS to a Microsoft endpoint takes a tenth of it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Below the idle timeout of the load balancers in front of Entra ID and Graph, so that a kept connection is a live one.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(50);

/// Redirects are off: a token endpoint or Graph that redirects would get our secret or the user's token sent elsewhere.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_TIMEOUT)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .user_agent(concat!("shared-token-cache/", env!("CARGO_PKG_VERSION")))
        .build()
}
