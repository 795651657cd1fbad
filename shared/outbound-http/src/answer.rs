//! Reading an HTTP answer within limits: time, size, and what `Retry-After` may ask for.

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use time::format_description::well_known::Rfc2822;
use time::{Duration, OffsetDateTime};

/// The longest pause that `Retry-After` can ask for: an hour, as in MSAL.
const MAX_RETRY_AFTER: Duration = Duration::hours(1);

/// A whole answer, read within its limit.
pub struct Answer {
    pub status: StatusCode,
    pub retry_after: Option<Duration>,
    pub body: Vec<u8>,
}

/// Why there is no answer to look at.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
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
pub async fn read(mut response: Response, limit: usize) -> Result<Answer, NoAnswer> {
    let status = response.status();
    let retry_after = retry_after(response.headers());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > limit {
            return Err(NoAnswer::TooLarge { limit });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Answer { status, retry_after, body })
}

/// `Retry-After` in either form (RFC 9110 §10.2.3), between nothing and an hour. A date counts from the `Date` of the same
/// answer, so that no two clocks need agree. Nonsense counts as absent.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name)?.to_str().ok().map(str::trim);
    let date = |text: &str| OffsetDateTime::parse(text, &Rfc2822).ok();
    let asked = text(RETRY_AFTER)?;
    let pause = if !asked.is_empty() && asked.bytes().all(|byte| byte.is_ascii_digit()) {
        asked.parse().map_or(MAX_RETRY_AFTER, Duration::seconds)
    } else {
        date(asked)? - date(text(DATE)?)?
    };
    Some(pause.clamp(Duration::ZERO, MAX_RETRY_AFTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn pause(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_str(value).unwrap());
        headers.insert(DATE, HeaderValue::from_static("Sun, 22 Nov 2026 12:00:00 GMT"));
        retry_after(&headers)
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
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn a_date_without_the_date_of_the_answer_counts_as_absent() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("Sun, 22 Nov 2026 12:00:30 GMT"));
        assert_eq!(retry_after(&headers), None);
    }
}
