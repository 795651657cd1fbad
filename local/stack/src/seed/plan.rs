//! Which accounts there are to be, worked out from their number and a seed: a second run plans the same.

use domain::identity::{HomeAccountId, ObjectId, TenantId};
use entra_emulator::CrowdMember;

/// How the accounts are laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) home_tenant: TenantId,
    /// At least 1.
    pub(super) tenants: u16,
    pub(super) due_within_seconds: u32,
    pub(super) revoked_percent: u8,
    pub(super) seed: u64,
}

/// An account that is to be.
#[derive(Debug, Clone)]
pub(super) struct Planned {
    pub(super) account: HomeAccountId,
    pub(super) user_principal_name: String,
    pub(super) display_name: String,
    /// Seconds from now.
    pub(super) due_in: u32,
    pub(super) revoked: bool,
}

/// What a number drawn for an account is used for.
#[derive(Clone, Copy)]
enum Draw {
    Due = 1,
    Revoked = 2,
}

impl Plan {
    /// The account with this number, from 1 on.
    pub(super) fn account(&self, number: u32) -> Planned {
        let tenant = u16::try_from((number - 1) % u32::from(self.tenants)).unwrap_or_default();
        let member = CrowdMember { number, tenant };
        let object_id = ObjectId::from_uuid(member.object_id().0);
        let domain =
            if tenant == 0 { "lakeside.example".to_owned() } else { format!("crowd{tenant:03}.example") };
        let tenant_id = self.tenant_id(member);
        Planned {
            account: HomeAccountId::new(object_id, tenant_id),
            user_principal_name: format!("{member}@{domain}"),
            display_name: format!("User {number:06}"),
            due_in: u32::try_from(self.draw(number, Draw::Due) % (u64::from(self.due_within_seconds) + 1))
                .unwrap_or_default(),
            revoked: self.draw(number, Draw::Revoked) % 100 < u64::from(self.revoked_percent),
        }
    }

    fn tenant_id(&self, member: CrowdMember) -> TenantId {
        if member.tenant == 0 {
            return self.home_tenant;
        }
        // The home tenant's id matters for the first tenant only.
        TenantId::from_uuid(member.tenant_id(entra_emulator::TenantId(uuid::Uuid::nil())).0)
    }

    /// A number that is always the same for the same seed (`SplitMix64`).
    fn draw(&self, number: u32, what: Draw) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15_u64;
        let mut mixed = self
            .seed
            .wrapping_mul(step)
            .wrapping_add(u64::from(number) << 8)
            .wrapping_add(what as u64)
            .wrapping_mul(step);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn plan(tenants: u16, seed: u64) -> Plan {
        Plan {
            home_tenant: entra_emulator::TENANT_ID.parse().unwrap(),
            tenants,
            due_within_seconds: 600,
            revoked_percent: 10,
            seed,
        }
    }

    #[test]
    fn accounts_are_all_different_and_spread_over_tenants() {
        let plan = plan(7, 1);
        let accounts: Vec<_> = (1..=700).map(|number| plan.account(number)).collect();
        assert_eq!(accounts.iter().map(|one| one.account).collect::<HashSet<_>>().len(), 700);
        let mut tenants = std::collections::BTreeMap::new();
        for one in &accounts {
            *tenants.entry(one.account.tenant_id.to_string()).or_insert(0) += 1;
        }
        assert!(tenants.len() == 7 && tenants.values().all(|count| *count == 100), "{tenants:?}");
        assert_eq!(accounts[0].user_principal_name, "user000001@lakeside.example");
        assert_eq!(accounts[8].user_principal_name, "user000009@crowd001.example");
    }

    #[test]
    fn a_seed_fixes_who_is_revoked_and_when_each_is_due() {
        let chosen = |seed| {
            let plan = plan(1, seed);
            let accounts = (1..=10_000).map(|number| plan.account(number));
            let drawn: Vec<_> = accounts.map(|one| (one.revoked, one.due_in)).collect();
            drawn
        };
        assert_eq!(chosen(1), chosen(1));
        assert_ne!(chosen(1), chosen(2));
        let revoked = chosen(1).iter().filter(|(revoked, _)| *revoked).count();
        assert!((900..1_100).contains(&revoked), "{revoked}");
        let due: Vec<u32> = chosen(1).iter().map(|(_, due_in)| *due_in).collect();
        assert!(due.iter().all(|due_in| *due_in <= 600));
        let early = due.iter().filter(|due_in| **due_in < 300).count();
        assert!((4_700..5_300).contains(&early), "{early}");
    }
}
