//! What one worker knows of Graph's refusals: until when it asks nothing more of a tenant. Each worker finds out by itself.

use std::collections::HashMap;

use super::clock::{Steps, seconds};

/// A brake that ends within this is waited for; accounts under a longer one are left to a later tick.
pub(super) const LONGEST_WAIT: Steps = seconds(10);

#[derive(Default)]
pub(super) struct Brakes {
    tenants: HashMap<u32, Steps>,
    /// When the last of them ends, so that nothing is looked up while there is none.
    last: Steps,
}

impl Brakes {
    /// Whether there is none to look for.
    pub(super) fn all_off(&self, now: Steps) -> bool {
        self.last <= now
    }

    /// Until when the brake of a tenant is on.
    pub(super) fn on(&mut self, tenant: u32, now: Steps) -> Option<Steps> {
        if self.all_off(now) {
            self.tenants.clear();
            return None;
        }
        self.tenants.get(&tenant).copied().filter(|until| *until > now)
    }

    pub(super) fn put_on(&mut self, tenant: u32, until: Steps) {
        self.tenants.insert(tenant, until);
        self.last = self.last.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_brake_holds_for_its_tenant_until_its_end() {
        let mut brakes = Brakes::default();
        brakes.put_on(2, 30);
        brakes.put_on(3, 40);
        assert_eq!([brakes.on(2, 29), brakes.on(2, 30), brakes.on(3, 30)], [Some(30), None, Some(40)]);
        assert_eq!(brakes.on(4, 0), None);
        assert_eq!(brakes.on(3, 40), None);
    }
}
