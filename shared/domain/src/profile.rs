//! The user's profile as the product shows it.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// The properties of a Graph user that are read and shown; absent ones are `None`, as Graph sends `null`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Profile {
    pub display_name: Option<String>,
    pub given_name: Option<String>,
    pub surname: Option<String>,
    pub user_principal_name: Option<String>,
    pub job_title: Option<String>,
    pub department: Option<String>,
    pub city: Option<String>,
    pub country: Option<String>,
    pub employee_id: Option<String>,
}

impl Profile {
    /// What to name in `$select`: Graph leaves out department, city, country and employeeId otherwise.
    pub const PROPERTIES: [&'static str; 9] = [
        "displayName",
        "givenName",
        "surname",
        "userPrincipalName",
        "jobTitle",
        "department",
        "city",
        "country",
        "employeeId",
    ];

    /// Names, never values, of the properties in which two profiles differ.
    pub fn changed_fields(&self, other: &Self) -> Vec<&'static str> {
        self.values()
            .into_iter()
            .zip(other.values())
            .zip(Self::PROPERTIES)
            .filter_map(|((mine, theirs), name)| (mine != theirs).then_some(name))
            .collect()
    }

    fn values(&self) -> [&Option<String>; 9] {
        [
            &self.display_name,
            &self.given_name,
            &self.surname,
            &self.user_principal_name,
            &self.job_title,
            &self.department,
            &self.city,
            &self.country,
            &self.employee_id,
        ]
    }
}

/// Personal data: kept out of `Debug`.
impl std::fmt::Debug for Profile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Profile(…)")
    }
}

/// The profile as the sweep last found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileSnapshot {
    pub profile: Profile,
    /// Graph's entity tag of this state, where it sent one.
    pub etag: Option<String>,
    pub refreshed_at: OffsetDateTime,
}
