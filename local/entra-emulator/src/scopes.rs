//! The `scope` parameter: which resource a token is for and what it may do there.
//! <https://learn.microsoft.com/entra/identity-platform/scopes-oidc>

use uuid::{Uuid, uuid};

use crate::directory::Application;
use crate::emulator::Shared;
use crate::entra_error::EntraError;
use crate::identifiers::ClientId;

/// Microsoft Graph's application id.
pub(crate) const GRAPH_ID: &str = "00000003-0000-0000-c000-000000000000";
/// Microsoft Graph's App ID URI.
pub(crate) const GRAPH_URI: &str = "https://graph.microsoft.com";

/// Delegated Graph permissions that may be asked for, with the ids that app registrations call them by.
/// <https://learn.microsoft.com/graph/permissions-reference>
const GRAPH_SCOPES: [(&str, Uuid); 12] = [
    ("User.Read", uuid!("e1fe6dd8-ba31-4d61-89e7-88639da4683d")),
    ("User.ReadWrite", uuid!("b4e74841-8e56-480b-be8b-910348b18b4c")),
    ("User.ReadBasic.All", uuid!("b340eb25-3456-403f-be2f-af7a0d370277")),
    ("User.Read.All", uuid!("a154be20-db9c-4678-8ab7-66f6cc099a59")),
    ("Mail.Read", uuid!("570282fd-fa5c-430d-a7fd-fc8dc98a9dca")),
    ("Calendars.Read", uuid!("465a38f9-76ea-45b9-9f34-9e8b0d4b0b42")),
    ("Files.Read", uuid!("10465720-29dd-4523-a11a-6a75c743c9d9")),
    ("People.Read", uuid!("ba47897c-39ec-4d83-8086-ee8256fa737d")),
    ("Sites.Read.All", uuid!("205e70e5-aba6-4c52-a976-6d2d46c48043")),
    ("Application.Read.All", uuid!("c79f8feb-a9db-4090-85f9-90d820caa0eb")),
    ("Application.ReadWrite.All", uuid!("bdfbf15f-ee85-4955-8675-146e8e5296b5")),
    ("DelegatedPermissionGrant.ReadWrite.All", uuid!("41ce6ca6-6826-4807-84f1-1c82854f7ee5")),
];

/// The OpenID Connect scopes, which registrations list as permissions of Graph.
const OPENID_SCOPES: [(&str, Uuid); 4] = [
    ("openid", uuid!("37f7f235-527c-4136-accd-4a02d197296e")),
    ("profile", uuid!("14dad69e-099b-42c9-810b-d002981feec1")),
    ("email", uuid!("64a6cdd6-aab1-4aaf-94b8-3cc8405e90d0")),
    ("offline_access", uuid!("7427e0e9-2fba-42fe-b0c0-848c9e6a8182")),
];

/// The name of the Graph permission with this id; not of those of OpenID Connect, which `.default` leaves out.
pub(crate) fn graph_scope(id: Uuid) -> Option<&'static str> {
    GRAPH_SCOPES.iter().find(|(_, own)| *own == id).map(|(name, _)| *name)
}

/// The id of a Graph permission.
pub(crate) fn graph_scope_id(name: &str) -> Option<Uuid> {
    GRAPH_SCOPES.iter().find(|(own, _)| *own == name).map(|(_, id)| *id)
}

/// Every delegated permission that Graph offers here.
pub(crate) fn all_graph_scopes() -> impl Iterator<Item = (&'static str, Uuid)> {
    GRAPH_SCOPES.into_iter().chain(OPENID_SCOPES)
}

/// The one resource an access token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resource {
    /// `audience` is the GUID for the short form (`User.Read`), the URI for the long form, as Entra ID does.
    Graph { audience: &'static str },
    /// An application of the directory; `uri` as the client wrote it.
    Application { id: ClientId, uri: String },
}

impl Resource {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Graph { .. }, Self::Graph { .. }) => true,
            (Self::Application { id, .. }, Self::Application { id: other, .. }) => id == other,
            _ => false,
        }
    }

    fn prefix(&self) -> String {
        match self {
            Self::Graph { audience: GRAPH_ID } => String::new(),
            Self::Graph { audience } => format!("{audience}/"),
            Self::Application { uri, .. } => format!("{uri}/"),
        }
    }

    /// What AADSTS messages call it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Graph { .. } => GRAPH_ID.into(),
            Self::Application { id, .. } => id.to_string(),
        }
    }
}

/// A parsed and granted `scope` parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the four OpenID Connect scopes are independent of each other"
)]
pub(crate) struct Scopes {
    pub(crate) openid: bool,
    pub(crate) profile: bool,
    pub(crate) email: bool,
    pub(crate) offline_access: bool,
    pub(crate) resource: Resource,
    /// Permission names as in `scp`, without the resource.
    pub(crate) names: Vec<String>,
    /// `.default` was asked for.
    pub(crate) default: bool,
}

impl Scopes {
    /// Parses what `client` asks for.
    pub(crate) fn parse(shared: &Shared, client: &Application, text: &str) -> Result<Self, EntraError> {
        let mut scopes = Self {
            openid: false,
            profile: false,
            email: false,
            offline_access: false,
            resource: Resource::Graph { audience: GRAPH_ID },
            names: Vec::new(),
            default: false,
        };
        let mut resource: Option<Resource> = None;
        let mut nothing = true;
        for item in text.split_whitespace() {
            nothing = false;
            match item.to_ascii_lowercase().as_str() {
                "openid" => scopes.openid = true,
                "profile" => scopes.profile = true,
                "email" => scopes.email = true,
                "offline_access" => scopes.offline_access = true,
                _ => {
                    let (asked, name) = split(shared, item)?;
                    match &resource {
                        Some(first) if !first.is_same(&asked) => return Err(several_resources(text)),
                        Some(_) => {}
                        None => resource = Some(asked.clone()),
                    }
                    scopes.add(shared, client, &asked, name, text)?;
                }
            }
        }
        if nothing {
            return Err(EntraError::missing_parameter("scope"));
        }
        if let Some(resource) = resource {
            scopes.resource = resource;
        }
        Ok(scopes)
    }

    fn add(
        &mut self,
        shared: &Shared,
        client: &Application,
        resource: &Resource,
        name: &str,
        text: &str,
    ) -> Result<(), EntraError> {
        if name == ".default" {
            if !self.names.is_empty() {
                return Err(mixed_default(text));
            }
            self.default = true;
            return Ok(());
        }
        if self.default {
            return Err(mixed_default(text));
        }
        let own: Vec<String> = match resource {
            Resource::Graph { .. } => GRAPH_SCOPES.iter().map(|(name, _)| (*name).to_owned()).collect(),
            Resource::Application { id, .. } => {
                shared.application(*id).map(|api| api.exposed_scopes.clone()).unwrap_or_default()
            }
        };
        let Some(known) = own.into_iter().find(|known| known.eq_ignore_ascii_case(name)) else {
            return Err(invalid_scope(
                text,
                &format!("'{name}' is not a permission of the resource that '{}' may ask for.", client.name),
            ));
        };
        if !self.names.contains(&known) {
            self.names.push(known);
        }
        Ok(())
    }

    /// The delegated permissions to put into `scp`: those asked for, or the client's configured ones for `.default`.
    pub(crate) fn granted(&self, client: &Application) -> Vec<String> {
        let mut granted = if self.default { self.configured(client) } else { self.names.clone() };
        if matches!(self.resource, Resource::Graph { .. }) {
            for (asked, name) in [(self.email, "email"), (self.openid, "openid"), (self.profile, "profile")] {
                if asked {
                    granted.push(name.into());
                }
            }
        }
        granted
    }

    fn configured(&self, client: &Application) -> Vec<String> {
        let wanted = match &self.resource {
            Resource::Graph { .. } => None,
            Resource::Application { id, .. } => Some(*id),
        };
        client
            .permissions
            .iter()
            .filter(|permission| permission.resource == wanted)
            .flat_map(|permission| permission.scopes.iter().cloned())
            .collect()
    }

    /// The `scope` member of the answer: resource scopes in the form asked for, `.default` itself included, and
    /// `offline_access` left out, as Entra ID does.
    pub(crate) fn answered(&self, client: &Application) -> String {
        let prefix = self.resource.prefix();
        let names = if self.default { self.configured(client) } else { self.names.clone() };
        let mut answered: Vec<String> = names.iter().map(|name| format!("{prefix}{name}")).collect();
        if self.default {
            answered.push(format!("{prefix}.default"));
        }
        for (asked, name) in [(self.openid, "openid"), (self.profile, "profile"), (self.email, "email")] {
            if asked {
                answered.push(name.into());
            }
        }
        answered.join(" ")
    }
}

/// Resource and permission name of one entry; without a resource it is Graph's.
fn split<'a>(shared: &Shared, item: &'a str) -> Result<(Resource, &'a str), EntraError> {
    let Some((uri, name)) = item.rsplit_once('/') else {
        return Ok((Resource::Graph { audience: GRAPH_ID }, item));
    };
    let uri = uri.trim_end_matches('/');
    if uri.eq_ignore_ascii_case(GRAPH_URI) {
        return Ok((Resource::Graph { audience: GRAPH_URI }, name));
    }
    if uri.eq_ignore_ascii_case(GRAPH_ID) {
        return Ok((Resource::Graph { audience: GRAPH_ID }, name));
    }
    // An API without a service principal is not in the tenant.
    match shared.application_by_uri(uri).filter(|api| api.service_principal_id.is_some()) {
        Some(api) => Ok((Resource::Application { id: api.client_id, uri: uri.to_owned() }, name)),
        None => Err(EntraError::new(
            "invalid_resource",
            500_011,
            format!(
                "The resource principal named {uri} was not found in the tenant. This can happen if the application \
                 has not been installed by the administrator of the tenant or consented to by any user in the tenant."
            ),
        )),
    }
}

pub(crate) fn invalid_scope(text: &str, reason: &str) -> EntraError {
    EntraError::new(
        "invalid_scope",
        70_011,
        format!(
            "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope {text} is not valid. {reason}"
        ),
    )
}

fn mixed_default(text: &str) -> EntraError {
    invalid_scope(text, ".default scope can't be combined with resource-specific scopes.")
}

fn several_resources(text: &str) -> EntraError {
    EntraError::new(
        "invalid_request",
        28_000,
        format!(
            "Provided value for the input parameter scope is not valid because it contains more than one resource. \
             Scope {text} is not valid."
        ),
    )
}
