//! Reading an HTTP answer within limits: time, size, and what `Retry-After` may ask for.

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use time::format_description::well_known::Rfc2822;
use time::{Duration, OffsetDateTime};

/// The longest pause that `Retry-After` can ask for: an hour, as in MSAL.
const MAX_RETRY_AFTER: Duration = Duration::hours(1);

/// A whole answer, read within its limit.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer to look at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoAnswer {
    #[error("no answer in time")]
    TimedOut(#[source] reqwest::Error),
    #[error("the connection failed")]
    Unreachable(#[source] reqwest::Error),
    #[error("the answer has more than {limit} bytes")]
    TooLarge { limit: usize },
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        if error.is_timeout() { Self::TimedOut(error) } else { Self::Unreachable(error) }
    }
}

/// Reads `response` to its end, or gives up once it has more than `limit` bytes.
pub(crate) async fn read(
    mut response: Response,
    limit: usize,
    now: OffsetDateTime,
) -> Result<Answer, NoAnswer> {
    let status = response.status();
    let retry_after = retry_after(response.headers(), now);
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(NoAnswer::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, retry_after, body })
}

/// `Retry-After` in either form (RFC 9110 §10.2.3), between nothing and an hour. Nonsense counts as absent.
fn retry_after(headers: &HeaderMap, now: OffsetDateTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_or(MAX_RETRY_AFTER, Duration::seconds)
    } else {
        OffsetDateTime::parse(text, &Rfc2822).ok()? - now
    };
    Some(pause.clamp(Duration::ZERO, MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;
    use time::macros::datetime;

    fn pause(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        retry_after(&headers, datetime!(2026-11-22 12:00:00 UTC))
    }

    #[test]
    fn retry_after_is_read_in_seconds_and_as_a_date() {
        assert_eq!(pause("17"), Some(Duration::seconds(17)));
        assert_eq!(pause("Sun, 22 Nov 2026 12:00:30 GMT"), Some(Duration::seconds(30)));
    }

    #[test]
    fn retry_after_stays_between_nothing_and_an_hour() {
        assert_eq!(pause("86400"), Some(MAX_RETRY_AFTER));
        assert_eq!(pause("99999999999999999999999999"), Some(MAX_RETRY_AFTER));
        assert_eq!(pause("Sun, 22 Nov 2026 11:00:00 GMT"), Some(Duration::ZERO));
        assert_eq!(pause("Tue, 01 Jan 2030 00:00:00 GMT"), Some(MAX_RETRY_AFTER));
    }

    #[test]
    fn a_retry_after_that_is_neither_counts_as_absent() {
        for value in ["soon", "", "-5", "1.5", "Sun, 99 Nov 2026"] {
            assert_eq!(pause(value), None, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), datetime!(2026-11-22 12:00:00 UTC)), None);
    }
}
