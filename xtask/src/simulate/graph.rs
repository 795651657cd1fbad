//! Graph's published limits, of which the sweep has half. Every request of a turn (`GET /me`) is one resource unit.
//!
//! Source: Microsoft Graph service-specific throttling limits, "Identity and access service limits" and the global limit,
//! <https://learn.microsoft.com/graph/throttling-limits>.

use super::clock::{Steps, seconds};

/// Of each limit, the part that is kept for users: one in this many.
const KEPT_FOR_USERS: u32 = 2;

/// One application in one tenant, by the tenant's size in users.
const TENANT_SMALL: Limit = Limit::per(3_500, 10);
const TENANT_MIDDLE: Limit = Limit::per(5_000, 10);
const TENANT_LARGE: Limit = Limit::per(8_000, 10);
/// One application in all tenants: resource units of this service.
const APPLICATION: Limit = Limit::per(150_000, 20);
/// One application in all tenants: requests to Graph as a whole.
const REQUESTS: Limit = Limit::per(130_000, 10);

/// So many in so long.
#[derive(Debug, Clone, Copy)]
struct Limit {
    most: u32,
    window: Steps,
}

impl Limit {
    const fn per(units: u32, window: u32) -> Self {
        Self { most: units / KEPT_FOR_USERS, window: seconds(window) }
    }

    fn per_second(self) -> f64 {
        f64::from(self.most) / super::clock::in_seconds(self.window)
    }
}

/// What was taken of a limit in the current window. Windows follow one another without a gap, from the beginning on.
#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    window: u32,
    units: u32,
}

impl Taken {
    /// When the window ends, if it is used up.
    fn used_up(&mut self, limit: Limit, now: Steps) -> Option<Steps> {
        let window = now / limit.window;
        if self.window != window {
            *self = Self { window, units: 0 };
        }
        (self.units >= limit.most).then(|| (window + 1) * limit.window)
    }
}

/// The limits of one application and how far they are used up.
pub(super) struct Graph {
    tenant_limit: Limit,
    tenants: Vec<Taken>,
    application: Taken,
    requests: Taken,
}

impl Graph {
    /// `users` is how many each tenant has.
    pub(super) fn new(tenants: u32, users: u32) -> Self {
        Self {
            tenant_limit: tenant_limit(users),
            tenants: vec![Taken::default(); tenants as usize],
            application: Taken::default(),
            requests: Taken::default(),
        }
    }

    /// Takes one request, or refuses it (429) until the moment it names. Users are served first and are taken to use what
    /// is kept for them, so that the sweep, whose priority is low, never gets more than its part.
    pub(super) fn ask(&mut self, tenant: u32, now: Steps) -> Result<(), Steps> {
        let taken = &mut self.tenants[tenant as usize];
        let limits = [
            (&mut *taken, self.tenant_limit),
            (&mut self.application, APPLICATION),
            (&mut self.requests, REQUESTS),
        ];
        for (taken, limit) in limits {
            if let Some(until) = taken.used_up(limit, now) {
                return Err(until);
            }
        }
        taken.units += 1;
        self.application.units += 1;
        self.requests.units += 1;
        Ok(())
    }
}

fn tenant_limit(users: u32) -> Limit {
    match users {
        0..50 => TENANT_SMALL,
        50..=500 => TENANT_MIDDLE,
        _ => TENANT_LARGE,
    }
}

/// Turns per second that the limits leave to the sweep, where all tenants have the same number of users.
pub(super) fn most_per_second(tenants: u32, users: u32) -> f64 {
    (f64::from(tenants) * tenant_limit(users).per_second())
        .min(APPLICATION.per_second())
        .min(REQUESTS.per_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-9
    }

    #[test]
    fn the_sweep_has_half_of_what_a_tenant_of_its_size_is_given() {
        for (users, allowed) in [(49, 1_750), (50, 2_500), (500, 2_500), (501, 4_000)] {
            let mut graph = Graph::new(1, users);
            let taken = (0..10_000).filter(|_| graph.ask(0, 7).is_ok()).count();
            assert_eq!(taken, allowed, "{users} users");
            assert_eq!(
                graph.ask(0, seconds(10) - 1),
                Err(seconds(10)),
                "Retry-After is the rest of the window"
            );
            assert_eq!(graph.ask(0, seconds(10)), Ok(()));
        }
    }

    #[test]
    fn many_tenants_share_the_limit_of_the_application() {
        let mut graph = Graph::new(100, 1_000);
        let taken = (0..100_000_u32).filter(|request| graph.ask(request % 100, 0).is_ok()).count();
        assert_eq!(taken, 65_000, "half of 130,000 requests in 10 s");
        let taken = (0..100_000_u32).filter(|request| graph.ask(request % 100, seconds(10)).is_ok()).count();
        assert_eq!(taken, 10_000, "which leaves the rest of half of 150,000 units in 20 s");
        assert_eq!(graph.ask(0, seconds(19)), Err(seconds(20)));
    }

    #[test]
    fn the_rate_is_that_of_the_narrowest_limit() {
        assert!(close(most_per_second(1, 1_000_000), 400.0));
        assert!(close(most_per_second(4, 1_000_000), 1_600.0));
        assert!(close(most_per_second(100_000, 1_000), 3_750.0));
    }
}
