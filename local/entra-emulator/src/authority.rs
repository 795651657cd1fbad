//! The `{tenant}` part of an address: a GUID, a domain name, `organizations` or `common`.

use std::sync::Arc;

use crate::directory::{Application, User};
use crate::emulator::Shared;
use crate::entra_error::EntraError;
use crate::identifiers::{ClientId, TenantId};

/// Who an address speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authority {
    /// One tenant.
    Tenant(TenantId),
    /// `organizations` or `common`: the user's home tenant decides.
    Any,
}

impl Authority {
    pub(crate) fn resolve(shared: &Shared, segment: &str) -> Result<Self, EntraError> {
        if segment.eq_ignore_ascii_case("common") || segment.eq_ignore_ascii_case("organizations") {
            return Ok(Self::Any);
        }
        let tenant = match segment.parse::<TenantId>() {
            Ok(id) => shared.directory.tenant(id),
            Err(_) => shared.directory.tenant_by_domain(segment),
        };
        tenant.map(|tenant| Self::Tenant(tenant.id)).ok_or_else(|| EntraError::unknown_tenant(segment))
    }

    pub(crate) fn tenant(self) -> Option<TenantId> {
        match self {
            Self::Tenant(id) => Some(id),
            Self::Any => None,
        }
    }

    /// Whether tokens for `user` may be issued here.
    pub(crate) fn covers(self, user: &User) -> bool {
        match self {
            Self::Tenant(id) => user.tenant == id,
            Self::Any => !user.is_guest(),
        }
    }
}

/// The application with this id, if it may be used at this authority.
pub(crate) fn application(
    shared: &Shared,
    authority: Authority,
    client_id: &str,
) -> Result<Arc<Application>, EntraError> {
    let found = client_id.parse::<ClientId>().ok().and_then(|id| shared.application(id));
    let usable = found.filter(|application| {
        application.multi_tenant || authority.tenant().is_none_or(|tenant| tenant == application.home_tenant)
    });
    usable.ok_or_else(|| {
        let shown: String = client_id.chars().take(64).collect();
        let directory = authority.tenant().and_then(|id| shared.directory.tenant(id));
        EntraError::unknown_application(&shown, directory.map_or("common", |tenant| tenant.name.as_str()))
    })
}

impl Shared {
    /// Issuer of v2.0 tokens.
    pub(crate) fn issuer_v2(&self, tenant: impl std::fmt::Display) -> String {
        format!("{}/{tenant}/v2.0", self.base)
    }

    /// Issuer of v1.0 tokens; stands for `https://sts.windows.net/{tenant}/`.
    pub(crate) fn issuer_v1(&self, tenant: impl std::fmt::Display) -> String {
        format!("{}/sts/{tenant}/", self.base)
    }
}
