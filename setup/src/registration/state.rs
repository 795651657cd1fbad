//! What is registered now, as Graph tells it.

use serde::de::DeserializeOwned;
use uuid::Uuid;

use super::graph::{Ask, Doing, Graph, GraphError, Needs};
use super::resources::{
    Application, DirectoryObject, Federated, GRAPH, Grant, Organization, Principal, User,
};

/// The two applications of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The HTTP API, whose credential the functions hold.
    Api,
    /// The single-page app, which users sign in to.
    Page,
}

/// A deployment's name in the tenant, from which every name there is made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

/// A name that cannot be used in addresses.
#[derive(Debug, thiserror::Error)]
#[error("expected 1 to 40 lower-case letters, digits and hyphens, such as token-cache")]
pub(crate) struct InvalidName;

/// Everything that one deployment's registration consists of, and who looks at it.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) tenant: Organization,
    /// `None` when an application is signed in, not a user.
    pub(crate) user: Option<User>,
    pub(crate) api: Option<Registered>,
    pub(crate) page: Option<Registered>,
    /// Applications and service principals of this deployment in the deleted items.
    pub(crate) deleted: Deleted,
    /// Microsoft Graph's service principal here.
    pub(crate) graph: Option<Principal>,
    /// Consent given for everybody, to these applications.
    pub(crate) grants: Vec<Grant>,
    /// What the user may not see, in words. It is taken for not there.
    pub(crate) hidden: Vec<&'static str>,
}

/// An application with what belongs to it.
#[derive(Debug, Clone)]
pub(crate) struct Registered {
    pub(crate) application: Application,
    pub(crate) principal: Option<Principal>,
    pub(crate) owners: Vec<Uuid>,
    pub(crate) federated: Vec<Federated>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Deleted {
    pub(crate) applications: Vec<Application>,
    pub(crate) principals: Vec<Principal>,
}

impl Role {
    pub(crate) const BOTH: [Self; 2] = [Self::Api, Self::Page];

    pub(crate) fn noun(self) -> &'static str {
        match self {
            Self::Api => "API",
            Self::Page => "page",
        }
    }
}

impl std::str::FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let fits = (1..=40).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidName) }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Name {
    /// On everything that is made for this deployment; nothing without it is touched.
    pub(crate) fn tag(&self) -> String {
        format!("shared-token-cache:{}", self.0)
    }

    /// The alternate key of an application: no tenant has two with the same.
    pub(crate) fn unique_name(&self, role: Role) -> String {
        match role {
            Role::Api => format!("{}-api", self.0),
            Role::Page => format!("{}-page", self.0),
        }
    }
}

impl State {
    /// Reads everything that has the deployment's name.
    pub(crate) async fn read(graph: &Graph, name: &Name) -> Result<Self, GraphError> {
        let doing = |what: &str| Doing { what: what.to_owned(), needs: Needs::SignIn };
        let tenants: Vec<Organization> =
            graph.list(Ask::get("/organization?$select=id,displayName", doing("read the tenant"))).await?;
        let unreadable = || GraphError::Unreadable { what: "read the tenant".into() };
        let tenant = tenants.into_iter().next().ok_or_else(unreadable)?;
        let user =
            match graph.send(Ask::get("/me?$select=id,userPrincipalName", doing("see who you are"))).await {
                Ok(answer) => Some(answer.json()?),
                // There is no user behind an application's own token.
                Err(GraphError::Refused { status: 400, .. }) => None,
                Err(error) => return Err(error),
            };
        let api = Registered::read(graph, name, Role::Api).await?;
        let page = Registered::read(graph, name, Role::Page).await?;
        let graph_principal = principal(graph, GRAPH).await?;
        let grants = consent(graph, [api.as_ref(), page.as_ref()]).await?;
        let deleted = Deleted::read(graph, name).await?;
        let hidden =
            [(grants.is_none(), "consent given for everybody"), (deleted.is_none(), "deleted items")];
        let hidden = hidden.into_iter().filter_map(|(is_hidden, what)| is_hidden.then_some(what)).collect();
        let (grants, deleted) = (grants.unwrap_or_default(), deleted.unwrap_or_default());
        Ok(Self { tenant, user, api, page, deleted, graph: graph_principal, grants, hidden })
    }

    pub(crate) fn role(&self, role: Role) -> Option<&Registered> {
        match role {
            Role::Api => self.api.as_ref(),
            Role::Page => self.page.as_ref(),
        }
    }

    pub(crate) fn role_mut(&mut self, role: Role) -> &mut Option<Registered> {
        match role {
            Role::Api => &mut self.api,
            Role::Page => &mut self.page,
        }
    }

    /// The client id of an application.
    pub(crate) fn app_id(&self, role: Role) -> Option<Uuid> {
        self.role(role).map(|one| one.application.app_id)
    }

    /// A live one that carries the deployment's unique name but not its tag: somebody else's.
    pub(crate) fn stranger(&self, name: &Name) -> Option<&Application> {
        let mut live = [&self.api, &self.page].into_iter().flatten();
        live.find(|one| !one.application.tags.contains(&name.tag())).map(|one| &one.application)
    }
}

impl Registered {
    pub(crate) fn new(application: Application) -> Self {
        Self { application, principal: None, owners: Vec::new(), federated: Vec::new() }
    }

    async fn read(graph: &Graph, name: &Name, role: Role) -> Result<Option<Self>, GraphError> {
        let unique_name = name.unique_name(role);
        let doing = |what: &str| Doing { what: format!("{what} {unique_name}"), needs: Needs::Registering };
        let path = format!("/applications(uniqueName='{unique_name}')");
        let Some(application) =
            graph.find::<Application>(Ask::get(path, doing("read the application"))).await?
        else {
            return Ok(None);
        };
        let path = format!("/applications/{}", application.id);
        let owners: Vec<DirectoryObject> =
            graph.list(Ask::get(format!("{path}/owners?$select=id"), doing("read the owners of"))).await?;
        let federated = match role {
            Role::Api => {
                let path = format!("{path}/federatedIdentityCredentials");
                graph.list(Ask::get(path, doing("read the federated credentials of"))).await?
            }
            Role::Page => Vec::new(),
        };
        let principal = principal(graph, application.app_id).await?;
        let owners = owners.into_iter().map(|owner| owner.id).collect();
        Ok(Some(Self { application, principal, owners, federated }))
    }
}

/// The service principal of an application.
pub(crate) async fn principal(graph: &Graph, app_id: Uuid) -> Result<Option<Principal>, GraphError> {
    let doing = Doing { what: format!("read the service principal of {app_id}"), needs: Needs::Registering };
    graph.find(Ask::get(format!("/servicePrincipals(appId='{app_id}')"), doing)).await
}

/// The consent for everybody that the deployment's applications have. Seeing it takes the permission to give it.
async fn consent(graph: &Graph, clients: [Option<&Registered>; 2]) -> Result<Option<Vec<Grant>>, GraphError> {
    let mut grants = Vec::new();
    for client in clients.into_iter().flatten().filter_map(|one| Some(one.principal.as_ref()?.id)) {
        let path = format!("/oauth2PermissionGrants?$filter=clientId eq '{client}'");
        let doing = Doing { what: "read the consent given".into(), needs: Needs::Consenting };
        let Some(all) = graph.list_if_allowed::<Grant>(Ask::get(path, doing)).await? else {
            return Ok(None);
        };
        grants.extend(all.into_iter().filter(|grant| grant.consent_type == "AllPrincipals"));
    }
    Ok(Some(grants))
}

impl Deleted {
    /// Some tenants show them to administrators only.
    async fn read(graph: &Graph, name: &Name) -> Result<Option<Self>, GraphError> {
        let tag = name.tag();
        let applications = deleted::<Application>(graph, "application").await?;
        let principals = deleted::<Principal>(graph, "servicePrincipal").await?;
        let (Some(mut applications), Some(mut principals)) = (applications, principals) else {
            return Ok(None);
        };
        applications.retain(|one| one.tags.contains(&tag));
        principals.retain(|one| one.tags.contains(&tag));
        Ok(Some(Self { applications, principals }))
    }

    /// The deleted application with this unique name; there is one at the most.
    pub(crate) fn application(&self, unique_name: &str) -> Option<&Application> {
        self.applications.iter().find(|one| one.unique_name.as_deref() == Some(unique_name))
    }
}

async fn deleted<T: DeserializeOwned>(graph: &Graph, kind: &str) -> Result<Option<Vec<T>>, GraphError> {
    let doing = Doing { what: format!("list deleted items ({kind})"), needs: Needs::Registering };
    graph.list_if_allowed(Ask::get(format!("/directory/deletedItems/microsoft.graph.{kind}"), doing)).await
}
