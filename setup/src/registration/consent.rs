//! Consent that an administrator gives for everybody in the tenant.

use std::fmt;

use serde_json::json;
use uuid::Uuid;

use super::graph::{Ask, Doing, Graph, GraphError, Needs};
use super::resources::Grant;
use super::state::{Role, State};

/// An API that permissions are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resource {
    Graph,
    Api,
}

/// Permissions of one application for one API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Consent {
    client: Role,
    resource: Resource,
    scopes: &'static [&'static str],
}

/// What the product asks for.
const ALL: [Consent; 3] = [
    Consent {
        client: Role::Api,
        resource: Resource::Graph,
        scopes: &["User.Read", "openid", "profile", "offline_access"],
    },
    Consent { client: Role::Page, resource: Resource::Api, scopes: &["Profile.Read", "Profile.ReadWrite"] },
    Consent {
        client: Role::Page,
        resource: Resource::Graph,
        scopes: &["openid", "profile", "offline_access"],
    },
];

impl fmt::Display for Consent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resource = match self.resource {
            Resource::Graph => "Microsoft Graph",
            Resource::Api => "the API",
        };
        let scopes = self.scopes.join(" ");
        write!(
            formatter,
            "consent for everybody: {} on behalf of users at {resource}: {scopes}",
            self.client.noun()
        )
    }
}

impl Consent {
    /// Those that the tenant has not given.
    pub(crate) fn missing(state: &State) -> Vec<Self> {
        let is_missing = |consent: &Self| {
            let given = consent.parties(state).and_then(|parties| given(state, parties));
            !consent.is_covered(given.map_or("", |grant| grant.scope.as_str()))
        };
        ALL.into_iter().filter(is_missing).collect()
    }

    /// Adds what is missing to what was given.
    pub(crate) async fn give(self, graph: &Graph, state: &mut State) -> Result<(), GraphError> {
        let doing = || Doing { what: format!("give {self}"), needs: Needs::Consenting };
        let unknown = || GraphError::NotFound {
            what: doing().what,
            message: "a service principal is missing; run the same command again".into(),
        };
        let parties = self.parties(state).ok_or_else(unknown)?;
        if let Some(given) = given(state, parties) {
            let others: Vec<&str> =
                given.scope.split_whitespace().filter(|one| !self.scopes.contains(one)).collect();
            let scope = [&others[..], self.scopes].concat().join(" ");
            let path = format!("/oauth2PermissionGrants/{}", given.id);
            graph.send(Ask::patch(path, json!({ "scope": scope }), doing())).await?;
            return Ok(());
        }
        let (client, resource) = parties;
        let body = json!({
            "clientId": client,
            "resourceId": resource,
            "consentType": "AllPrincipals",
            "scope": self.scopes.join(" "),
        });
        let answer = graph.send(Ask::post("/oauth2PermissionGrants", body, doing()).fresh()).await?;
        state.grants.push(answer.json()?);
        Ok(())
    }

    fn parties(&self, state: &State) -> Option<(Uuid, Uuid)> {
        let principal = |role| Some(state.role(role)?.principal.as_ref()?.id);
        let resource = match self.resource {
            Resource::Graph => state.graph.as_ref()?.id,
            Resource::Api => principal(Role::Api)?,
        };
        Some((principal(self.client)?, resource))
    }

    fn is_covered(&self, given: &str) -> bool {
        self.scopes.iter().all(|scope| given.split_whitespace().any(|one| one.eq_ignore_ascii_case(scope)))
    }
}

fn given(state: &State, (client, resource): (Uuid, Uuid)) -> Option<&Grant> {
    state.grants.iter().find(|grant| grant.client_id == client && grant.resource_id == resource)
}
