//! Users by the million for trying things at size. They are worked out from their number and never stored.

use std::fmt;

use uuid::Uuid;

use crate::directory::{HomeAccount, Profile, Tenant, User};
use crate::identifiers::{ObjectId, TenantId};

/// How many invented users there are besides those of [`Directory::users`](crate::Directory::users), and over how many
/// tenants they can be spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crowd {
    /// Numbers begin with 1.
    pub users: u32,
    /// The first is the directory's home tenant; the others are made for the crowd. At most 65,536.
    pub tenants: u32,
}

impl Crowd {
    /// Nobody.
    pub const NONE: Self = Self { users: 0, tenants: 0 };
}

/// One of the crowd: the same number in another tenant is another user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrowdMember {
    /// From 1 on.
    pub number: u32,
    /// Which of the crowd's tenants, from 0 on.
    pub tenant: u16,
}

/// The ids are told from all others by their beginning.
const FIRST_OBJECT_ID: u128 = 0x5eed_0000_0000_4000_8000_0000_0000_0000;
const FIRST_TENANT_ID: u128 = 0xc07d_0000_0000_4000_8000_0000_0000_0000;
/// Where the tenant stands in an object id.
const TENANT_SHIFT: u32 = 96;

const JOBS: [(&str, &str); 5] = [
    ("Analyst", "Finance"),
    ("Engineer", "Platform"),
    ("Nurse", "Care"),
    ("Planner", "Logistics"),
    ("Teacher", "Training"),
];
const CITIES: [(&str, &str, &str); 4] = [
    ("Bern", "Switzerland", "CH"),
    ("Lagos", "Nigeria", "NG"),
    ("Malmö", "Sweden", "SE"),
    ("Valparaíso", "Chile", "CL"),
];

impl CrowdMember {
    /// The object id: `5eed`, the tenant, the number.
    pub fn object_id(self) -> ObjectId {
        let tenant = u128::from(self.tenant) << TENANT_SHIFT;
        ObjectId(Uuid::from_u128(FIRST_OBJECT_ID | tenant | u128::from(self.number)))
    }

    /// The tenant's id; `home` is that of the directory's home tenant.
    pub fn tenant_id(self, home: TenantId) -> TenantId {
        tenant_id(self.tenant, home)
    }

    fn of_id(id: ObjectId) -> Option<Self> {
        let value = id.0.as_u128();
        let tenant = u16::try_from((value >> TENANT_SHIFT) & 0xffff).ok()?;
        let number = u32::try_from(value & 0xffff_ffff).ok()?;
        let member = Self { number, tenant };
        (member.object_id() == id).then_some(member)
    }
}

/// The part before the `@`.
impl fmt::Display for CrowdMember {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "user{:06}", self.number)
    }
}

fn tenant_id(number: u16, home: TenantId) -> TenantId {
    if number == 0 { home } else { TenantId(Uuid::from_u128(FIRST_TENANT_ID | u128::from(number))) }
}

fn domain_of(tenant: u16) -> String {
    format!("crowd{tenant:03}.example")
}

/// The crowd in a directory.
pub(crate) struct CrowdIndex {
    crowd: Crowd,
    home: Option<(TenantId, String)>,
    /// All but the home tenant.
    tenants: Vec<Tenant>,
}

impl CrowdIndex {
    pub(crate) fn new(crowd: Crowd, home: Option<&Tenant>) -> Self {
        let numbers = 1..u16::try_from(crowd.tenants).unwrap_or(u16::MAX);
        let tenants = home.into_iter().flat_map(|home| {
            numbers.clone().map(|number| Tenant {
                id: tenant_id(number, home.id),
                domain: domain_of(number),
                name: format!("Crowd {number:03}"),
            })
        });
        Self { crowd, tenants: tenants.collect(), home: home.map(|home| (home.id, home.domain.clone())) }
    }

    pub(crate) fn tenants(&self) -> &[Tenant] {
        &self.tenants
    }

    pub(crate) fn user(&self, id: ObjectId) -> Option<User> {
        self.make(CrowdMember::of_id(id)?)
    }

    /// By user principal name; letters' case does not matter.
    pub(crate) fn named(&self, name: &str) -> Option<User> {
        let name = name.to_lowercase();
        let (local, domain) = name.split_once('@')?;
        let number = local.strip_prefix("user")?.parse().ok()?;
        let (_, home_domain) = self.home.as_ref()?;
        let tenant = if home_domain.eq_ignore_ascii_case(domain) {
            0
        } else {
            domain
                .strip_prefix("crowd")?
                .strip_suffix(".example")?
                .parse()
                .ok()
                .filter(|number| *number > 0)?
        };
        let user = self.make(CrowdMember { number, tenant })?;
        (user.profile.user_principal_name.eq_ignore_ascii_case(&name)).then_some(user)
    }

    fn make(&self, member: CrowdMember) -> Option<User> {
        let CrowdMember { number, tenant } = member;
        if number == 0 || number > self.crowd.users || u32::from(tenant) >= self.crowd.tenants {
            return None;
        }
        let (home, home_domain) = self.home.as_ref()?;
        let domain = if tenant == 0 { home_domain.clone() } else { domain_of(tenant) };
        let address = format!("{member}@{domain}");
        let (tenant, object_id) = (member.tenant_id(*home), member.object_id());
        let index = number as usize;
        let (job, department) = JOBS[index % JOBS.len()];
        let (city, country, location) = CITIES[index % CITIES.len()];
        Some(User {
            tenant,
            object_id,
            home: HomeAccount { tenant, object_id },
            profile: Profile {
                display_name: Some(format!("User {number:06}")),
                given_name: Some("User".into()),
                surname: Some(format!("{number:06}")),
                user_principal_name: address.clone(),
                mail: Some(address),
                job_title: Some(job.into()),
                department: Some(department.into()),
                city: Some(city.into()),
                country: Some(country.into()),
                usage_location: Some(location.into()),
                employee_id: Some(format!("C-{number}")),
                employee_type: Some("Employee".into()),
                created_date_time: Some("2025-01-06T09:00:00Z".into()),
                ..Profile::default()
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> CrowdIndex {
        let home =
            Tenant { id: TenantId(Uuid::from_u128(7)), domain: "lakeside.example".into(), name: "L".into() };
        CrowdIndex::new(Crowd { users: 1_000_000, tenants: 3 }, Some(&home))
    }

    #[test]
    fn a_user_is_found_by_id_and_by_name_and_is_always_the_same() {
        let index = index();
        for (number, tenant, name) in
            [(1, 0, "user000001@lakeside.example"), (1_000_000, 2, "user1000000@crowd002.example")]
        {
            let member = CrowdMember { number, tenant };
            let user = index.user(member.object_id()).unwrap();
            assert_eq!(user.profile.user_principal_name, name);
            assert_eq!(index.named(&name.to_uppercase()).unwrap().object_id, user.object_id);
            assert_eq!(user.tenant, member.tenant_id(TenantId(Uuid::from_u128(7))));
            assert!(!user.is_guest());
        }
        assert_eq!(index.tenants().len(), 2);
    }

    #[test]
    fn nobody_else_is_found() {
        let index = index();
        for (number, tenant) in [(0, 0), (1_000_001, 0), (1, 3), (u32::MAX, u16::MAX)] {
            assert!(index.user(CrowdMember { number, tenant }.object_id()).is_none(), "{number} {tenant}");
        }
        for name in [
            "user1@lakeside.example",
            "user+00001@lakeside.example",
            "user0000001@lakeside.example",
            "user000001@crowd000.example",
            "user000001@crowd2.example",
            "user000001",
            "@lakeside.example",
            "",
        ] {
            assert!(index.named(name).is_none(), "{name}");
        }
        assert!(index.user(ObjectId(Uuid::from_u128(FIRST_OBJECT_ID | 1 << 40 | 1))).is_none());
        let nobody = CrowdIndex::new(Crowd::NONE, None);
        assert!(nobody.user(CrowdMember { number: 1, tenant: 0 }.object_id()).is_none());
    }
}
