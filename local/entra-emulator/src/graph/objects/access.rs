//! Who may do what with app registrations: the token's permissions, and the user's own role and ownership.

use axum::http::StatusCode;

use crate::emulator::Shared;
use crate::graph::bearer::Caller;
use crate::graph::error::GraphError;
use crate::identifiers::{ObjectId, TenantId};

/// Permissions of which one is needed to read registrations.
pub(super) const READ: [&str; 2] = ["Application.Read.All", "Application.ReadWrite.All"];
/// The permission to change registrations and service principals.
pub(super) const WRITE: [&str; 1] = ["Application.ReadWrite.All"];
/// The permission to see and give consent.
pub(super) const CONSENT: [&str; 1] = ["DelegatedPermissionGrant.ReadWrite.All"];

/// The caller with the rights that they have of their own.
pub(super) struct Access<'a> {
    caller: Caller<'a>,
    administrator: bool,
}

impl<'a> Access<'a> {
    /// An application's own token is good for nothing here: no application permissions are given out.
    pub(super) fn of(shared: &Shared, caller: Result<Caller<'a>, GraphError>) -> Result<Self, GraphError> {
        let caller =
            caller.map_err(|error| if error.status == StatusCode::BAD_REQUEST { denied() } else { error })?;
        let administrator = shared.directory.directory.administrators.contains(&caller.user.object_id);
        Ok(Self { caller, administrator })
    }

    pub(super) fn tenant(&self) -> TenantId {
        self.caller.user.tenant
    }

    /// The caller as owner of what they make; administrators are not made owners.
    pub(super) fn first_owners(&self) -> Vec<ObjectId> {
        if self.administrator { Vec::new() } else { vec![self.caller.user.object_id] }
    }

    pub(super) fn need(&self, scopes: &[&str]) -> Result<(), GraphError> {
        if self.caller.has_scope(scopes) { Ok(()) } else { Err(denied()) }
    }

    /// Members may register applications, as a tenant allows unless it is told otherwise; guests may not.
    pub(super) fn may_register(&self) -> Result<(), GraphError> {
        self.need(&WRITE)?;
        if self.administrator || !self.caller.user.is_guest() { Ok(()) } else { Err(denied()) }
    }

    /// Members may change what they own.
    pub(super) fn may_change(&self, owners: &[ObjectId]) -> Result<(), GraphError> {
        self.need(&WRITE)?;
        let own = owners.contains(&self.caller.user.object_id);
        if self.administrator || own { Ok(()) } else { Err(denied()) }
    }

    /// Only administrators give consent through Graph.
    pub(super) fn may_consent(&self) -> Result<(), GraphError> {
        self.need(&CONSENT)?;
        if self.administrator { Ok(()) } else { Err(denied()) }
    }
}

fn denied() -> GraphError {
    GraphError::new(
        StatusCode::FORBIDDEN,
        "Authorization_RequestDenied",
        "Insufficient privileges to complete the operation.",
    )
}
