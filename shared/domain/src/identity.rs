//! Who is who: a type for each identifier that could be swapped for another.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// Text that is not the identifier it should be. The text itself is left out: it may name a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, got {length} characters of something else")]
pub struct InvalidIdentifier {
    pub expected: &'static str,
    pub length: usize,
}

macro_rules! guid {
    ($(#[$doc:meta])* $name:ident, $expected:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(formatter)
            }
        }

        impl FromStr for $name {
            type Err = InvalidIdentifier;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                // Only the hyphenated form: Entra writes no other, and one spelling keeps keys unique.
                if text.len() != 36 {
                    return Err(InvalidIdentifier { expected: $expected, length: text.len() });
                }
                Uuid::parse_str(text)
                    .map(Self)
                    .map_err(|_| InvalidIdentifier { expected: $expected, length: text.len() })
            }
        }
    };
}

guid!(
    /// A Microsoft Entra tenant (`tid`).
    TenantId,
    "a tenant id (GUID)"
);
guid!(
    /// A user object in one tenant (`oid`).
    ObjectId,
    "an object id (GUID)"
);
guid!(
    /// An application registration (`appid`, `azp`, `client_id`). Entra also accepts an App ID URI as `client_id`, but then
    /// the refresh token cannot be redeemed (`docs/troubleshooting.md`).
    ClientId,
    "a client id (GUID)"
);

/// A user wherever they sign in: `<object id>.<tenant id>` of their home tenant, as MSAL builds it from `client_info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HomeAccountId {
    pub object_id: ObjectId,
    pub tenant_id: TenantId,
}

impl HomeAccountId {
    pub const fn new(object_id: ObjectId, tenant_id: TenantId) -> Self {
        Self { object_id, tenant_id }
    }
}

impl fmt::Display for HomeAccountId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.object_id, self.tenant_id)
    }
}

impl FromStr for HomeAccountId {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid =
            || InvalidIdentifier { expected: "a home account id (<oid>.<tid>)", length: text.len() };
        let (object_id, tenant_id) = text.split_once('.').ok_or_else(invalid)?;
        Ok(Self {
            object_id: object_id.parse().map_err(|_| invalid())?,
            tenant_id: tenant_id.parse().map_err(|_| invalid())?,
        })
    }
}

impl Serialize for HomeAccountId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HomeAccountId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A sign-in name such as `ana@lakeside.example`, lower-cased because Entra compares it without regard to case.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserPrincipalName(String);

impl UserPrincipalName {
    pub fn new(name: &str) -> Self {
        Self(name.trim().to_lowercase())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A person's name: kept out of `Debug`, so that it does not reach a log by accident.
impl fmt::Debug for UserPrincipalName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("UserPrincipalName(…)")
    }
}

/// Names accounts in logs and metrics: the same account gets the same name within a deployment, and nobody can tell which
/// user it is without the salt.
#[derive(Clone)]
pub struct Pseudonyms {
    salt: Vec<u8>,
}

impl Pseudonyms {
    /// `salt` must be the same in all functions of one deployment, so that their lines can be put together.
    pub fn new(salt: impl Into<Vec<u8>>) -> Self {
        Self { salt: salt.into() }
    }

    /// 16 hexadecimal digits.
    pub fn of(&self, account: &HomeAccountId) -> String {
        let mut hash = Sha256::new();
        hash.update(&self.salt);
        hash.update(account.to_string().as_bytes());
        hash.finalize().iter().take(8).fold(String::with_capacity(16), |mut text, byte| {
            use fmt::Write as _;
            write!(text, "{byte:02x}").expect("writing to a String does not fail");
            text
        })
    }
}
