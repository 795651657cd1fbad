//! One pause for all: when Entra asks one environment to slow down, the others need not find out for themselves.
//!
//! A brake holds for a tenant and our application. It is put on only where Entra spoke of the application as a whole (HTTP
//! 429, AADSTS90055); what concerns one user, such as a request loop or a 5xx, stays with that user.

use crate::counters::Count;
use crate::error::TokenError;
use crate::identity::TenantId;
use crate::metrics::Metric;
use crate::services::Services;
use crate::tenant_paces::TenantPaces;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use time::{Duration, OffsetDateTime};

/// For how long one look at the table is enough. Each environment looks at most this often, and only before a token request.
const LOOK_AGAIN: Duration = Duration::seconds(5);

/// AADSTS50196: one user's requests go round in a loop.
const REQUEST_LOOP: u32 = 50_196;

/// The pause when Entra names none, as in MSAL.
const DEFAULT_PAUSE: Duration = Duration::seconds(60);

/// Likewise for Graph, whose limits are counted per 10 seconds.
const DEFAULT_GRAPH_PAUSE: Duration = Duration::seconds(10);

/// Tenants of which a look at the table is remembered; beyond it those without a brake are forgotten.
const MOST_TENANTS: usize = 10_000;

/// What this process knows of the brakes, and of how much each tenant bears.
#[derive(Default)]
pub struct Brakes {
    entra: Mutex<HashMap<TenantId, Known>>,
    /// Begun with the first turn. It outlives an invocation: the next one need not find out anew.
    paces: Mutex<Option<TenantPaces<TenantId>>>,
}

#[derive(Clone, Copy)]
struct Known {
    until: Option<OffsetDateTime>,
    looked_at: OffsetDateTime,
    /// Entra refused this process, not only others.
    own: bool,
}

impl Brakes {
    fn known(&self, tenant: TenantId) -> Option<Known> {
        self.entra.lock().unwrap_or_else(PoisonError::into_inner).get(&tenant).copied()
    }

    fn remember(&self, tenant: TenantId, known: Known) {
        let mut entra = self.entra.lock().unwrap_or_else(PoisonError::into_inner);
        if entra.len() >= MOST_TENANTS {
            entra.retain(|_, other| other.until.is_some_and(|until| until > known.looked_at));
        }
        entra.insert(tenant, known);
    }
}

/// Asks or tells the paces of this process.
pub(crate) fn with_paces<T>(services: &Services, with: impl FnOnce(&mut TenantPaces<TenantId>) -> T) -> T {
    let mut paces = services.brakes.paces.lock().unwrap_or_else(PoisonError::into_inner);
    with(paces.get_or_insert_with(|| TenantPaces::new(services.settings.sweep.concurrency)))
}

/// Until when this process knows of a brake of Entra's. Asks nobody.
pub(crate) fn of_entra(services: &Services, tenant: TenantId) -> Option<OffsetDateTime> {
    services.brakes.known(tenant).and_then(|known| known.until)
}

/// Whether this process keeps to a brake that others were told of; it says nothing of how much this process may ask for.
pub(crate) fn is_of_others(services: &Services, tenant: TenantId, now: OffsetDateTime) -> bool {
    let braking = |known: &Known| known.until.is_some_and(|until| until > now);
    services.brakes.known(tenant).filter(braking).is_some_and(|known| !known.own)
}

/// Graph throttles the sweep's low priority first: a pause for the sweep alone, and for this process alone, because each
/// worker is told the same.
pub(crate) fn heed_graph(services: &Services, tenant: TenantId, retry_after: Option<Duration>) {
    let pause = retry_after.unwrap_or(DEFAULT_GRAPH_PAUSE);
    services.metrics.count(Count::GraphBrakeOn);
    services.metrics.record_seconds(Metric::BrakeSeconds, pause);
    let now = services.clock.now();
    with_paces(services, |paces| paces.brake(tenant, now + pause, now));
}

/// Refuses, without asking Entra, while a brake is on. A table that cannot be read is no reason to hold anybody up.
pub(crate) async fn check(services: &Services, tenant: TenantId) -> Result<(), TokenError> {
    let now = services.clock.now();
    let known = match services.brakes.known(tenant) {
        Some(known) if now - known.looked_at < LOOK_AGAIN || known.until.is_some_and(|until| until > now) => {
            known
        }
        _ => {
            let until = services.store.brake(tenant).await.unwrap_or_else(|error| {
                tracing::warn!(event = "brake.unread", error = %error);
                None
            });
            let known = Known { until, looked_at: now, own: false };
            services.brakes.remember(tenant, known);
            known
        }
    };
    match known.until {
        Some(until) if until > now => {
            services.metrics.count(Count::BrakeHeld);
            Err(TokenError::Throttled { retry_after: Some(until - now), code: None })
        }
        _ => Ok(()),
    }
}

/// Whether Entra, asking to slow down with this number, means one user.
pub(crate) fn concerns_one_user(code: Option<u32>) -> bool {
    code == Some(REQUEST_LOOP)
}

/// Puts the brake on when Entra throttled the application.
pub(crate) async fn heed(services: &Services, tenant: TenantId, error: &TokenError) {
    let TokenError::Throttled { retry_after, code } = error else { return };
    if concerns_one_user(*code) {
        return;
    }
    let now = services.clock.now();
    let until = now + retry_after.unwrap_or(DEFAULT_PAUSE);
    services.brakes.remember(tenant, Known { until: Some(until), looked_at: now, own: true });
    services.metrics.count(Count::BrakeOn);
    services.metrics.record_seconds(Metric::BrakeSeconds, until - now);
    tracing::warn!(event = "brake.on", seconds = (until - now).whole_seconds());
    if let Err(error) = services.store.set_brake(tenant, until).await {
        tracing::warn!(event = "brake.unwritten", error = %error);
    }
}
