//! App registrations, their service principals and the consent given to them, as an administrator keeps them through
//! Microsoft Graph. What is registered here is what the sign-in service knows: there is no second list.

pub(crate) mod manifest;

use std::collections::HashMap;
use std::sync::Arc;

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::directory::{Application, Directory, Permission};
use crate::emulator::{Shared, lock};
use crate::identifiers::{ClientId, ObjectId, TenantId};
use crate::scopes::{GRAPH_ID, graph_scope};
use manifest::Manifest;

/// How long what was deleted can be restored.
const KEPT: Duration = Duration::days(30);

/// An app registration: Graph's `application`, in one tenant.
/// <https://learn.microsoft.com/graph/api/resources/application>
#[derive(Debug, Clone)]
pub(crate) struct Registration {
    pub(crate) id: ObjectId,
    pub(crate) app_id: ClientId,
    pub(crate) tenant: TenantId,
    pub(crate) unique_name: Option<String>,
    pub(crate) created_at: OffsetDateTime,
    /// When it went to the deleted items, from where it can be restored.
    pub(crate) deleted_at: Option<OffsetDateTime>,
    pub(crate) owners: Vec<ObjectId>,
    pub(crate) manifest: Manifest,
    /// What the emulator was started with, as long as nobody has changed the manifest.
    given: Option<Application>,
}

/// What an application is in a tenant. <https://learn.microsoft.com/graph/api/resources/serviceprincipal>
#[derive(Debug, Clone)]
pub(crate) struct Principal {
    pub(crate) id: ObjectId,
    pub(crate) app_id: ClientId,
    pub(crate) tenant: TenantId,
    pub(crate) deleted_at: Option<OffsetDateTime>,
    pub(crate) tags: Vec<String>,
    pub(crate) owners: Vec<ObjectId>,
}

/// Consent. <https://learn.microsoft.com/graph/api/resources/oauth2permissiongrant>
#[derive(Debug, Clone)]
pub(crate) struct Grant {
    pub(crate) id: String,
    pub(crate) tenant: TenantId,
    /// Service principal of the application that may ask.
    pub(crate) client: ObjectId,
    /// Service principal of the API.
    pub(crate) resource: ObjectId,
    /// The user it is for; `None` is everybody in the tenant.
    pub(crate) principal: Option<ObjectId>,
    /// Permissions, separated by spaces.
    pub(crate) scope: String,
}

/// Everything that is registered. After a change, [`Registry::settle`] makes it known to the sign-in service.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) registrations: Vec<Registration>,
    pub(crate) principals: Vec<Principal>,
    pub(crate) grants: Vec<Grant>,
    live: HashMap<ClientId, Arc<Application>>,
}

impl Registry {
    pub(crate) fn of(directory: &Directory, now: OffsetDateTime) -> Self {
        let mut registry = Self::default();
        for application in &directory.applications {
            registry.registrations.push(Registration {
                id: ObjectId(Uuid::new_v4()),
                app_id: application.client_id,
                tenant: application.home_tenant,
                unique_name: None,
                created_at: now,
                deleted_at: None,
                owners: Vec::new(),
                manifest: Manifest::of(application),
                given: Some(application.clone()),
            });
            if let Some(id) = application.service_principal_id {
                registry.principals.push(Principal::new(id, application.client_id, application.home_tenant));
            }
        }
        // Microsoft Graph is in every tenant.
        for tenant in &directory.tenants {
            registry.principals.push(Principal::new(ObjectId(Uuid::new_v4()), graph_id(), tenant.id));
        }
        registry.settle();
        registry
    }

    /// Adds a registration with this manifest.
    pub(crate) fn register(
        &mut self,
        manifest: Manifest,
        unique_name: Option<String>,
        tenant: TenantId,
        now: OffsetDateTime,
    ) -> &mut Registration {
        self.registrations.push(Registration {
            id: ObjectId(Uuid::new_v4()),
            app_id: ClientId(Uuid::new_v4()),
            tenant,
            unique_name,
            created_at: now,
            deleted_at: None,
            owners: Vec::new(),
            manifest,
            given: None,
        });
        self.registrations.last_mut().expect("it was just added")
    }

    /// The registration of an application that is not deleted, in whatever tenant.
    pub(crate) fn by_app_id(&self, app_id: ClientId) -> Option<&Registration> {
        self.registrations.iter().find(|one| one.app_id == app_id && one.deleted_at.is_none())
    }

    /// The service principal of an application in a tenant, unless it is deleted.
    pub(crate) fn principal(&self, app_id: ClientId, tenant: TenantId) -> Option<&Principal> {
        let mut all = self.principals.iter();
        all.find(|one| one.app_id == app_id && one.tenant == tenant && one.deleted_at.is_none())
    }

    /// Makes what was changed known to the sign-in service.
    pub(crate) fn settle(&mut self) {
        let live = self.registrations.iter().filter(|one| one.deleted_at.is_none());
        let live = live.map(|one| (one.app_id, Arc::new(self.application(one)))).collect();
        self.live = live;
    }

    fn application(&self, registration: &Registration) -> Application {
        let application = registration.given.clone();
        let application = application.unwrap_or_else(|| {
            let manifest = &registration.manifest;
            let permissions = manifest.required_resource_access.iter().filter_map(|required| {
                let resource = ClientId(required.resource_app_id);
                let ids = required.resource_access.iter().map(|access| access.id);
                if resource == graph_id() {
                    let scopes = ids.filter_map(graph_scope).map(str::to_owned).collect();
                    return Some(Permission { resource: None, scopes });
                }
                let scopes = &self.by_app_id(resource)?.manifest.api.oauth2_permission_scopes;
                let named = |id| scopes.iter().find(|scope| scope.id == id).map(|scope| scope.value.clone());
                Some(Permission { resource: Some(resource), scopes: ids.filter_map(named).collect() })
            });
            manifest.application(registration.app_id, registration.tenant, permissions.collect())
        });
        let principal = self.principal(registration.app_id, registration.tenant).map(|one| one.id);
        Application { service_principal_id: principal, ..application }
    }
}

impl Registration {
    /// Replaces the manifest.
    pub(crate) fn change(&mut self, manifest: Manifest) {
        if self.manifest != manifest {
            self.manifest = manifest;
            self.given = None;
        }
    }
}

impl Principal {
    pub(crate) fn new(id: ObjectId, app_id: ClientId, tenant: TenantId) -> Self {
        Self { id, app_id, tenant, deleted_at: None, tags: Vec::new(), owners: Vec::new() }
    }
}

/// Microsoft Graph as an application.
pub(crate) fn graph_id() -> ClientId {
    GRAPH_ID.parse().expect("a well-formed constant")
}

impl Shared {
    /// Removes for good what was deleted longer ago than it is kept.
    pub(crate) fn expire_deleted_items(&self) {
        let now = self.clock.now();
        let is_over =
            |deleted_at: Option<OffsetDateTime>| deleted_at.is_some_and(|deleted| deleted + KEPT <= now);
        let mut registry = lock(&self.registry);
        for gone in registry.registrations.extract_if(.., |one| is_over(one.deleted_at)) {
            lock(&self.credentials).remove(&gone.app_id);
        }
        registry.principals.retain(|one| !is_over(one.deleted_at));
    }

    /// The application with this id, unless it is deleted.
    pub(crate) fn application(&self, id: ClientId) -> Option<Arc<Application>> {
        lock(&self.registry).live.get(&id).cloned()
    }

    /// Every application that is not deleted, in the order they were registered.
    pub(crate) fn applications(&self) -> Vec<Arc<Application>> {
        let registry = lock(&self.registry);
        registry.registrations.iter().filter_map(|one| registry.live.get(&one.app_id).cloned()).collect()
    }

    /// The API with this App ID URI or client id.
    pub(crate) fn application_by_uri(&self, uri: &str) -> Option<Arc<Application>> {
        let uri = uri.trim_end_matches('/');
        let registry = lock(&self.registry);
        let mut live = registry.live.values();
        live.find(|application| {
            application.app_id_uri.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(uri))
                || application.client_id.to_string().eq_ignore_ascii_case(uri)
        })
        .cloned()
    }
}
