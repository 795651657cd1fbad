//! What a registration should look like: the properties of both applications, and what each lacks.

use serde_json::{Map, Value, json};
use uuid::{Uuid, uuid};

use super::resources::{
    Application, GRAPH, OptionalClaim, OptionalClaims, RequiredAccess, RequiredResource, Scope,
};
use super::state::{Name, Role};

/// The permissions that the API offers. Their ids are the same in every registration, so that one that was begun twice is no
/// different; a registration that has others keeps them.
const SCOPES: [(&str, Uuid, &str, &str); 2] = [
    (
        "Profile.Read",
        uuid!("6d0f1a52-8c3e-4b17-9a64-2f5e7c8b9d01"),
        "Read your profile",
        "Lets the app read your profile and see what the service does for you while you are away.",
    ),
    (
        "Profile.ReadWrite",
        uuid!("6d0f1a52-8c3e-4b17-9a64-2f5e7c8b9d02"),
        "Read your profile and end background access",
        "Lets the app read your profile, see what the service does for you while you are away, and end that.",
    ),
];

/// Delegated permissions of Graph, with the ids that are the same in every tenant.
/// <https://learn.microsoft.com/graph/permissions-reference>
const USER_READ: Uuid = uuid!("e1fe6dd8-ba31-4d61-89e7-88639da4683d");
const OPENID: Uuid = uuid!("37f7f235-527c-4136-accd-4a02d197296e");
const PROFILE: Uuid = uuid!("14dad69e-099b-42c9-810b-d002981feec1");
const OFFLINE_ACCESS: Uuid = uuid!("7427e0e9-2fba-42fe-b0c0-848c9e6a8182");

/// A property of an application that this program looks after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Property {
    Tags,
    IdentifierUri,
    TokenVersion,
    Scopes,
    OptionalClaims,
    Permissions,
    KnownClients,
    RedirectUris,
}

/// What both applications should have. Nothing else of them is touched, and nothing that somebody added is taken away.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) name: Name,
    /// Origins that the page is served from, without a slash at the end.
    pub(crate) origins: Vec<String>,
}

/// Where `cargo local` serves the page.
const LOCAL_ORIGIN: &str = "http://localhost:3000";

/// Client ids that are known by now. Where one is not, what depends on it is lacking.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ids {
    pub(crate) api: Option<Uuid>,
    pub(crate) page: Option<Uuid>,
}

impl Property {
    /// In words, for the plan.
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Tags => "its tag",
            Self::IdentifierUri => "its App ID URI",
            Self::TokenVersion => "access tokens of version 2",
            Self::Scopes => "the scopes Profile.Read and Profile.ReadWrite",
            Self::OptionalClaims => "the optional claim idtyp",
            Self::Permissions => "its permissions",
            Self::KnownClients => "the page as a known client",
            Self::RedirectUris => "redirect URIs",
        }
    }

    /// Those of a role, in the order in which they can be set.
    pub(crate) fn of(role: Role) -> &'static [Self] {
        match role {
            Role::Api => &[
                Self::Tags,
                Self::TokenVersion,
                Self::Scopes,
                Self::OptionalClaims,
                Self::Permissions,
                Self::IdentifierUri,
                Self::KnownClients,
            ],
            Role::Page => &[Self::Tags, Self::RedirectUris, Self::Permissions],
        }
    }

    /// Whether an application can have it from the start: not before its own id, or the page's, is known.
    fn is_there_from_the_start(self) -> bool {
        !matches!(self, Self::IdentifierUri | Self::KnownClients)
    }
}

impl Wanted {
    pub(crate) fn display_name(&self, role: Role) -> String {
        match role {
            Role::Api => format!("{} API", self.name),
            Role::Page => format!("{} page", self.name),
        }
    }

    /// The body that makes the application, with all that it can have from the start.
    pub(crate) fn creation(&self, role: Role, api: Option<&Application>) -> Value {
        let mut body = json!({
            "displayName": self.display_name(role),
            // Users of one tenant. Who wants more changes it; this program leaves it alone then.
            "signInAudience": "AzureADMyOrg",
        });
        let none = Application::default();
        for property in Property::of(role).iter().filter(|one| one.is_there_from_the_start()) {
            if let Some(change) = self.lacking(*property, role, &none, api, Ids::default()) {
                merge(&mut body, change);
            }
        }
        body
    }

    /// What is set by a request of its own after the application was made.
    pub(crate) fn after_creation(role: Role) -> Vec<Property> {
        Property::of(role).iter().copied().filter(|one| !one.is_there_from_the_start()).collect()
    }

    /// The change that gives `application` the property, or `None` if it has it. `api` is the API's application.
    pub(crate) fn lacking(
        &self,
        property: Property,
        role: Role,
        application: &Application,
        api: Option<&Application>,
        ids: Ids,
    ) -> Option<Value> {
        match property {
            Property::Tags => {
                let tags = with_all(&application.tags, &[self.name.tag()])?;
                Some(json!({ "tags": tags }))
            }
            Property::IdentifierUri => {
                let own = ids.api.map(|id| format!("api://{id}")).unwrap_or_default();
                let uris = with_all(&application.identifier_uris, &[own])?;
                Some(json!({ "identifierUris": uris }))
            }
            Property::TokenVersion => {
                let is_set = application.api.requested_access_token_version == Some(2);
                (!is_set).then(|| json!({ "api": { "requestedAccessTokenVersion": 2 } }))
            }
            Property::Scopes => {
                let mut scopes = application.api.oauth2_permission_scopes.clone();
                let missing =
                    SCOPES.iter().filter(|(value, ..)| !scopes.iter().any(|one| one.value == *value));
                let missing: Vec<Scope> = missing.map(new_scope).collect();
                scopes.extend(missing.iter().cloned());
                (!missing.is_empty()).then(|| json!({ "api": { "oauth2PermissionScopes": scopes } }))
            }
            Property::OptionalClaims => {
                let mut claims = application.optional_claims.clone();
                if claims.access_token.iter().any(|claim| claim.name == "idtyp") {
                    return None;
                }
                claims.access_token.push(OptionalClaim { name: "idtyp".into(), rest: Map::new() });
                let claims: OptionalClaims = claims;
                Some(json!({ "optionalClaims": claims }))
            }
            Property::Permissions => {
                let required = permissions(role, api);
                let all = with_permissions(&application.required_resource_access, &required);
                // An API that is yet to be made has ids that the page cannot have.
                let lacking = all.or_else(|| {
                    let waits = role == Role::Page && api.is_none();
                    waits.then(|| application.required_resource_access.clone())
                })?;
                Some(json!({ "requiredResourceAccess": lacking }))
            }
            Property::KnownClients => {
                let known =
                    with_all(&application.api.known_client_applications, &[ids.page.unwrap_or_default()])?;
                Some(json!({ "api": { "knownClientApplications": known } }))
            }
            Property::RedirectUris => {
                let wanted = self.redirect_uris(&application.spa.redirect_uris);
                let all = with_all(&application.spa.redirect_uris, &wanted)?;
                Some(json!({ "spa": { "redirectUris": all } }))
            }
        }
    }

    /// Sign-in ends at `redirect.html`, sign-out at the page itself. A page that is told nothing and has nothing is served from
    /// this machine.
    fn redirect_uris(&self, present: &[String]) -> Vec<String> {
        let both = |origin: &str| [format!("{origin}/redirect.html"), format!("{origin}/")];
        if self.origins.is_empty() && present.is_empty() {
            return both(LOCAL_ORIGIN).into();
        }
        self.origins.iter().flat_map(|origin| both(origin)).collect()
    }
}

/// The permissions that an application asks for: the API of Graph, on behalf of its caller; the page of the API.
fn permissions(role: Role, api: Option<&Application>) -> Vec<RequiredResource> {
    let resource = |id: Uuid, scopes: &[Uuid]| RequiredResource {
        resource_app_id: id,
        resource_access: scopes.iter().map(|id| RequiredAccess { id: *id, r#type: "Scope".into() }).collect(),
    };
    match role {
        Role::Api => vec![resource(GRAPH, &[USER_READ, OPENID, PROFILE, OFFLINE_ACCESS])],
        Role::Page => {
            let mut all = vec![resource(GRAPH, &[OPENID, PROFILE, OFFLINE_ACCESS])];
            if let Some(api) = api {
                let own = &api.api.oauth2_permission_scopes;
                let offered = own.iter().filter(|one| SCOPES.iter().any(|(value, ..)| one.value == *value));
                let ids: Vec<Uuid> = offered.map(|scope| scope.id).collect();
                all.push(resource(api.app_id, &ids));
            }
            all
        }
    }
}

fn new_scope(&(value, id, title, text): &(&str, Uuid, &str, &str)) -> Scope {
    let rest = json!({
        "type": "User",
        "isEnabled": true,
        "adminConsentDisplayName": title,
        "adminConsentDescription": text,
        "userConsentDisplayName": title,
        "userConsentDescription": text,
    });
    let rest = rest.as_object().cloned().unwrap_or_default();
    Scope { id, value: value.into(), rest }
}

/// `present` with what it lacks of `wanted`, or `None` if it lacks nothing.
fn with_all<T: Clone + PartialEq>(present: &[T], wanted: &[T]) -> Option<Vec<T>> {
    let missing: Vec<T> = wanted.iter().filter(|one| !present.contains(one)).cloned().collect();
    (!missing.is_empty()).then(|| present.iter().cloned().chain(missing).collect())
}

fn with_permissions(
    present: &[RequiredResource],
    wanted: &[RequiredResource],
) -> Option<Vec<RequiredResource>> {
    let mut all = present.to_vec();
    let mut changed = false;
    for resource in wanted {
        match all.iter_mut().find(|one| one.resource_app_id == resource.resource_app_id) {
            None => {
                all.push(resource.clone());
                changed = true;
            }
            Some(own) => {
                if let Some(access) = with_all(&own.resource_access, &resource.resource_access) {
                    own.resource_access = access;
                    changed = true;
                }
            }
        }
    }
    changed.then_some(all)
}

/// Adds the members of `change` to `body`; both sides' members of an object stay.
pub(crate) fn merge(body: &mut Value, change: Value) {
    match (body, change) {
        (Value::Object(body), Value::Object(change)) => {
            for (name, value) in change {
                merge(body.entry(name).or_insert(Value::Null), value);
            }
        }
        (body, change) => *body = change,
    }
}
