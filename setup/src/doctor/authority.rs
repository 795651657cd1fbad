//! Entra ID from outside: does it answer, what time is it there, and which keys does it sign with.

use super::finding::Finding;
use super::http::{Answer, send};
use reqwest::header::DATE;
use serde_json::Value;
use time::format_description::well_known::Rfc2822;
use time::{Duration, OffsetDateTime};
use wiring::Probe;

const AUTHORITY: &str = "authority";
const CLOCK: &str = "clock";
const SIGNING_KEYS: &str = "signing-keys";

/// Tokens are refused from so much on that clocks differ: a minute (`entra::CLOCK_LEEWAY`).
const TOO_FAR: Duration = Duration::MINUTE;
/// More than a request takes and than a clock that is kept right strays.
const SUSPICIOUS: Duration = Duration::seconds(5);

const HOST: &str = "is ENTRA_AUTHORITY_HOST right, and may this machine reach it (DNS, proxy, firewall)?";
const TENANT: &str = "check ENTRA_TENANT_ID and ENTRA_AUTHORITY_HOST; national clouds have their own \
                      (docs/troubleshooting.md, AADSTS90002)";

/// One request for both: what the authority says of itself, and when it says so.
pub(super) async fn check(probe: &Probe) -> Vec<Finding> {
    let authority = &probe.config().authority;
    let (expected, url) = (authority.metadata_issuer(), authority.metadata_url());
    let before = probe.clock().now();
    let answer = match send(probe.http().get(url)).await {
        Ok(answer) => answer,
        Err(error) => {
            return vec![
                Finding::failed(AUTHORITY, error, HOST),
                Finding::skipped(CLOCK, "the authority did not answer"),
            ];
        }
    };
    let after = probe.clock().now();
    vec![metadata(&answer, &expected), clock(&answer, before, after)]
}

fn metadata(answer: &Answer, expected: &str) -> Finding {
    let body = answer.json();
    let text = |name: &str| body.as_ref().and_then(|body| body.get(name)?.as_str());
    if let Some(issuer) = text("issuer").filter(|_| answer.status.is_success()) {
        return if issuer == expected {
            Finding::ok(AUTHORITY, format!("answers, and signs as {issuer}"))
        } else {
            Finding::failed(AUTHORITY, format!("expected the issuer {expected}, got {issuer}"), TENANT)
        };
    }
    let status = answer.status.as_u16();
    match body.as_ref().and_then(first_code) {
        Some(code) => Finding::failed(AUTHORITY, format!("HTTP {status}, AADSTS{code}"), TENANT),
        None => Finding::failed(AUTHORITY, format!("expected OpenID metadata, got HTTP {status}"), HOST),
    }
}

fn first_code(body: &Value) -> Option<u64> {
    body.get("error_codes")?.as_array()?.first()?.as_u64()
}

/// The authority's `Date` has whole seconds, and is of some moment between question and answer.
fn clock(answer: &Answer, before: OffsetDateTime, after: OffsetDateTime) -> Finding {
    let date = answer.header(DATE.as_str()).and_then(|text| OffsetDateTime::parse(text, &Rfc2822).ok());
    let Some(date) = date else { return Finding::skipped(CLOCK, "the authority sent no usable Date") };
    let ahead = if date > after {
        after - date
    } else if date + Duration::SECOND < before {
        before - date - Duration::SECOND
    } else {
        Duration::ZERO
    };
    let detail = match ahead.whole_seconds() {
        0 => "agrees with the authority's".to_owned(),
        seconds if seconds > 0 => format!("this machine's is {seconds} s ahead of the authority's"),
        seconds => format!("this machine's is {} s behind the authority's", -seconds),
    };
    let fix = "let the system keep its time by NTP; tokens are refused from a minute on";
    if ahead.abs() >= TOO_FAR {
        Finding::failed(CLOCK, detail, fix)
    } else if ahead.abs() >= SUSPICIOUS {
        Finding::warning(CLOCK, detail, fix)
    } else {
        Finding::ok(CLOCK, detail)
    }
}

pub(super) async fn check_keys(probe: &Probe) -> Vec<Finding> {
    let answer = match send(probe.http().get(probe.config().authority.signing_keys_url())).await {
        Ok(answer) => answer,
        Err(error) => return vec![Finding::failed(SIGNING_KEYS, error, HOST)],
    };
    let document = probe.key_document(&answer.body).filter(|_| answer.status.is_success());
    vec![match document {
        None => {
            let got = answer.status.as_u16();
            Finding::failed(
                SIGNING_KEYS,
                format!("expected a key document, got HTTP {got} without one"),
                TENANT,
            )
        }
        Some(found) if found.signing_keys == 0 => Finding::failed(
            SIGNING_KEYS,
            "the key document has no RSA signing key",
            "is ENTRA_AUTHORITY_HOST Entra ID's?",
        ),
        Some(found) if found.for_tenant == 0 => Finding::failed(
            SIGNING_KEYS,
            format!("none of the {} keys is published for this tenant and cloud", found.signing_keys),
            TENANT,
        ),
        Some(found) => Finding::ok(
            SIGNING_KEYS,
            format!("{} published, {} of them for this tenant", found.signing_keys, found.for_tenant),
        ),
    }]
}
