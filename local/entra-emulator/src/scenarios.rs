//! Faults that can be switched on: throttling, failures, delays, nonsense.

mod rate;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;

pub use rate::Rate;

/// What is switched on. Nothing is, at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Scenarios {
    /// Faults of the sign-in service; they strike token and device-code requests unless `only` says otherwise.
    pub entra: Faults,
    /// Faults of Microsoft Graph.
    pub graph: Faults,
    /// A refresh token is good for one use. Off, as at Entra ID.
    pub strict_rotation: bool,
    /// Life of every access token; `None` is 3600, or 86400 for continuous-access tokens.
    pub access_token_lifetime_seconds: Option<u32>,
    /// Token requests are refused with AADSTS50196.
    pub loop_detected: Option<Counted>,
    /// Tokens are made as long as real ones, for measurements; `None` is as long as their claims need.
    pub token_sizes: Option<TokenSizes>,
}

/// How long tokens are at least, in characters; at most 16,384. One that is longer stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct TokenSizes {
    pub access_token: usize,
    pub refresh_token: usize,
    pub id_token: usize,
}

/// Faults of one service. A struck request is not processed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Faults {
    /// Answers 429 with `Retry-After`.
    pub throttle: Option<Throttle>,
    /// Answers 429 to what a tenant asks for beyond so many requests per second.
    pub rate: Option<Rate>,
    /// Answers with an error status.
    pub fail: Option<Fail>,
    /// Waits before anything else, in milliseconds; at most 120,000.
    pub delay_ms: u64,
    /// Answers 200 with a page of HTML.
    pub garbage: Option<Counted>,
    /// Kinds of request (or their beginnings) that are struck, for example `["keys", "token.refresh"]`.
    pub only: Vec<String>,
}

/// 429 with `Retry-After`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Throttle {
    /// The header's value; without it there is no header.
    pub retry_after_seconds: Option<u32>,
    /// How many requests are struck; `None` is until reset.
    pub count: Option<u32>,
}

/// An error status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fail {
    /// 500 to 599.
    pub status: u16,
    /// Sent as `Retry-After` when given.
    #[serde(default)]
    pub retry_after_seconds: Option<u32>,
    /// How many requests are struck; `None` is until reset.
    #[serde(default)]
    pub count: Option<u32>,
}

/// A fault without settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Counted {
    /// How many requests are struck; `None` is until reset.
    pub count: Option<u32>,
}

/// What strikes the request at hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strike {
    Throttle { retry_after_seconds: Option<u32> },
    Fail { status: u16, retry_after_seconds: Option<u32> },
    Garbage,
    LoopDetected,
}

/// Which service a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Entra,
    Graph,
}

/// The longest delay that can be set, in milliseconds.
const MAX_DELAY_MS: u64 = 120_000;

/// The longest that tokens can be made: as long as the headers of a request may be at most servers.
const MAX_TOKEN_SIZE: usize = 16_384;

impl Scenarios {
    /// The scenarios after a partial change: what `change` does not name stays, a fault it names is replaced as a
    /// whole, `null` switches it off.
    ///
    /// # Errors
    /// What is wrong with the change, in words.
    pub fn changed(&self, change: &Value) -> Result<Self, String> {
        let Value::Object(changes) = change else {
            return Err("expected a JSON object such as {\"graph\": {\"delayMs\": 500}}".into());
        };
        let mut current = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, value) in changes {
            match (name.as_str(), value) {
                ("entra" | "graph", Value::Object(faults)) => {
                    for (fault, setting) in faults {
                        current[name][fault] = or_default(fault, setting);
                    }
                }
                ("entra" | "graph", Value::Null) => {
                    current[name] = Value::Object(serde_json::Map::new());
                }
                _ => current[name] = or_default(name, value),
            }
        }
        let scenarios: Self = serde_json::from_value(current).map_err(|error| error.to_string())?;
        scenarios.check()?;
        Ok(scenarios)
    }

    fn check(&self) -> Result<(), String> {
        for (name, faults) in [("entra", &self.entra), ("graph", &self.graph)] {
            if let Some(fail) = faults.fail.as_ref().filter(|fail| !(500..=599).contains(&fail.status)) {
                return Err(format!("{name}.fail.status must be 500 to 599, not {}", fail.status));
            }
            if let Some(rate) = &faults.rate
                && !(1..=rate::MAX_PER_SECOND).contains(&rate.per_second)
            {
                return Err(format!(
                    "{name}.rate.perSecond must be 1 to {}, not {}",
                    rate::MAX_PER_SECOND,
                    rate.per_second
                ));
            }
            if faults.delay_ms > MAX_DELAY_MS {
                return Err(format!(
                    "{name}.delayMs must be at most {MAX_DELAY_MS}, not {}",
                    faults.delay_ms
                ));
            }
        }
        let sizes = self.token_sizes.unwrap_or_default();
        if [sizes.access_token, sizes.refresh_token, sizes.id_token].iter().any(|size| *size > MAX_TOKEN_SIZE)
        {
            return Err(format!("tokenSizes must be at most {MAX_TOKEN_SIZE}"));
        }
        match self.access_token_lifetime_seconds {
            Some(0) => Err("accessTokenLifetimeSeconds must be at least 1".into()),
            _ => Ok(()),
        }
    }

    /// How long the request waits, in milliseconds.
    pub(crate) fn delay_ms(&self, service: Service, kind: &str) -> u64 {
        let faults = self.faults(service);
        if faults.concerns(service, kind) { faults.delay_ms } else { 0 }
    }

    /// Whether anything is counted for each tenant.
    pub(crate) fn count_tenants(&self, service: Service) -> bool {
        self.faults(service).rate.is_some()
    }

    /// The fault that strikes this request, counted down. `tenant` is whose request it is, where that can be told.
    pub(crate) fn strike(
        &mut self,
        service: Service,
        kind: &str,
        tenant: &str,
        now: OffsetDateTime,
    ) -> Option<Strike> {
        if service == Service::Entra
            && kind.starts_with("token.")
            && take(&mut self.loop_detected, |it| &mut it.count).is_some()
        {
            return Some(Strike::LoopDetected);
        }
        let faults = match service {
            Service::Entra => &mut self.entra,
            Service::Graph => &mut self.graph,
        };
        if !faults.concerns(service, kind) {
            return None;
        }
        if let Some(throttle) = take(&mut faults.throttle, |it| &mut it.count) {
            return Some(Strike::Throttle { retry_after_seconds: throttle.retry_after_seconds });
        }
        if let Some(fail) = take(&mut faults.fail, |it| &mut it.count) {
            return Some(Strike::Fail { status: fail.status, retry_after_seconds: fail.retry_after_seconds });
        }
        if take(&mut faults.garbage, |it| &mut it.count).is_some() {
            return Some(Strike::Garbage);
        }
        let rate = faults.rate.as_mut()?;
        rate.refuses(tenant, now)
            .then_some(Strike::Throttle { retry_after_seconds: rate.retry_after_seconds })
    }

    fn faults(&self, service: Service) -> &Faults {
        match service {
            Service::Entra => &self.entra,
            Service::Graph => &self.graph,
        }
    }
}

impl Faults {
    fn concerns(&self, service: Service, kind: &str) -> bool {
        if !self.only.is_empty() {
            return self.only.iter().any(|prefix| kind.starts_with(prefix.as_str()));
        }
        match service {
            Service::Entra => kind.starts_with("token.") || kind == "device_code",
            Service::Graph => true,
        }
    }
}

/// Numbers, switches and lists cannot be `null` in the settings; to switch one off is to set it to its default.
fn or_default(name: &str, setting: &Value) -> Value {
    match (name, setting) {
        ("delayMs", Value::Null) => Value::from(0),
        ("strictRotation", Value::Null) => Value::from(false),
        ("only", Value::Null) => Value::Array(Vec::new()),
        _ => setting.clone(),
    }
}

/// Takes one use of a fault; the last one switches it off.
fn take<T: Clone>(fault: &mut Option<T>, count: impl Fn(&mut T) -> &mut Option<u32>) -> Option<T> {
    let active = fault.as_mut()?;
    let Some(left) = count(active) else { return fault.clone() };
    if *left == 0 {
        *fault = None;
        return None;
    }
    *left -= 1;
    let exhausted = *left == 0;
    let taken = fault.clone();
    if exhausted {
        *fault = None;
    }
    taken
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Scenarios, Service, Strike};
    use time::OffsetDateTime;

    fn strike(scenarios: &mut Scenarios, service: Service, kind: &str) -> Option<Strike> {
        scenarios.strike(service, kind, "lakeside", OffsetDateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_counted_fault_strikes_that_often_and_ends() {
        let mut scenarios = Scenarios::default()
            .changed(&json!({ "graph": { "throttle": { "retryAfterSeconds": 30, "count": 2 } } }))
            .unwrap();
        let throttled = Some(Strike::Throttle { retry_after_seconds: Some(30) });
        assert_eq!(strike(&mut scenarios, Service::Graph, "graph.me"), throttled);
        assert_eq!(strike(&mut scenarios, Service::Entra, "token.refresh"), None);
        assert_eq!(strike(&mut scenarios, Service::Graph, "graph.me"), throttled);
        assert_eq!(strike(&mut scenarios, Service::Graph, "graph.me"), None);
        assert_eq!(scenarios, Scenarios::default());
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        let scenarios = Scenarios::default()
            .changed(&json!({ "entra": { "delayMs": 5 }, "strictRotation": true }))
            .unwrap()
            .changed(&json!({ "entra": { "fail": { "status": 503 } } }))
            .unwrap();
        assert!(scenarios.strict_rotation);
        assert_eq!(scenarios.entra.delay_ms, 5);
        let calmed = scenarios.changed(&json!({ "entra": null, "strictRotation": null })).unwrap();
        assert_eq!(calmed, Scenarios::default());
    }

    #[test]
    fn keys_are_struck_only_when_named() {
        let mut scenarios =
            Scenarios::default().changed(&json!({ "entra": { "fail": { "status": 500 } } })).unwrap();
        assert_eq!(strike(&mut scenarios, Service::Entra, "keys"), None);
        assert!(strike(&mut scenarios, Service::Entra, "token.refresh").is_some());
        scenarios = scenarios.changed(&json!({ "entra": { "only": ["keys"] } })).unwrap();
        assert!(strike(&mut scenarios, Service::Entra, "keys").is_some());
        assert_eq!(strike(&mut scenarios, Service::Entra, "token.refresh"), None);
    }

    #[test]
    fn wrong_settings_are_refused_with_the_reason() {
        for (change, named) in [
            (json!({ "graph": { "fail": { "status": 200 } } }), "graph.fail.status"),
            (json!({ "graph": { "delayMs": 999_999_999 } }), "graph.delayMs"),
            (json!({ "entra": { "rate": { "perSecond": 0 } } }), "entra.rate.perSecond"),
            (json!({ "graph": { "rate": { "perSecond": 10_001 } } }), "graph.rate.perSecond"),
            (json!({ "graph": { "rate": { "retryAfterSeconds": 1 } } }), "perSecond"),
            (json!({ "graph": { "rate": { "perSecond": 20, "recent": {} } } }), "recent"),
            (json!({ "grpah": {} }), "grpah"),
            (json!({ "accessTokenLifetimeSeconds": 0 }), "accessTokenLifetimeSeconds"),
            (json!({ "tokenSizes": { "idToken": 1_000_000 } }), "tokenSizes"),
            (json!([]), "JSON object"),
        ] {
            let error = Scenarios::default().changed(&change).unwrap_err();
            assert!(error.contains(named), "{error}");
        }
    }
}
