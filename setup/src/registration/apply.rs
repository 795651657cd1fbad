//! Makes the changes of a plan, one request after the other. Any of them may be the last: what is left out is planned anew the
//! next time.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

use super::credential::{Trust, Wish, with_certificate};
use super::files::FileError;
use super::graph::{Ask, Doing, Graph, GraphError, Needs};
use super::output::{Output, Sign};
use super::plan::{Change, Request};
use super::resources::{Application, Principal, secret};
use super::state::{Name, Registered, Role, State, principal};
use super::wanted::{Ids, Property, merge};

/// The tag that makes a service principal visible among the portal's enterprise applications.
const PORTAL_TAG: &str = "WindowsAzureActiveDirectoryIntegratedApp";

/// A change could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    #[error(transparent)]
    Graph(#[from] GraphError),
    #[error(transparent)]
    File(#[from] FileError),
}

/// Changes on their way.
pub(crate) struct Applying<'a> {
    pub(crate) request: &'a Request,
    pub(crate) graph: &'a Graph,
    pub(crate) output: &'a Output,
    /// As far as it is known by now.
    pub(crate) state: State,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewSecret {
    #[serde(deserialize_with = "secret")]
    secret_text: SecretString,
}

impl Applying<'_> {
    pub(crate) async fn make(&mut self, change: &Change) -> Result<(), ApplyError> {
        match change {
            Change::Create(role) => self.create(*role).await?,
            Change::Restore(role) => self.restore(*role).await?,
            Change::Update(role, properties) => self.update(*role, properties).await?,
            Change::CreatePrincipal(role) => self.create_principal(*role).await?,
            Change::AddOwner(role) => self.add_owner(*role).await?,
            Change::AddTrust(trust) => self.trust(trust).await?,
            Change::AddCertificate => self.add_certificate().await?,
            Change::RemoveSecret { key_id } => self.remove_secret(*key_id).await?,
            Change::AddSecret { until } => self.add_secret(*until).await?,
            Change::GiveConsent(consent) => consent.give(self.graph, &mut self.state).await?,
            Change::WriteFile { path, .. } => {
                let edits = self.request.targets.edits(&self.request.settings(&self.state))?;
                for edit in edits.iter().filter(|edit| edit.path == *path) {
                    edit.write()?;
                }
            }
        }
        Ok(())
    }

    fn name(&self) -> &Name {
        self.request.name()
    }

    fn doing(&self, what: &str, role: Role) -> Doing {
        Doing { what: format!("{what} {}", self.name().unique_name(role)), needs: Needs::Registering }
    }

    fn application(&self, role: Role) -> Result<&Application, GraphError> {
        let found = self.state.role(role).map(|one| &one.application);
        found.ok_or_else(|| GraphError::NotFound {
            what: format!("find the application {}", self.name().unique_name(role)),
            message: "it was there a moment ago; run the same command again".into(),
        })
    }

    fn path(&self, role: Role, rest: &str) -> Result<String, GraphError> {
        Ok(format!("/applications/{}{rest}", self.application(role)?.id))
    }

    fn registered(&mut self, role: Role) -> Option<&mut Registered> {
        self.state.role_mut(role).as_mut()
    }

    /// By its unique name, so that a request that was sent twice makes one application.
    async fn create(&mut self, role: Role) -> Result<(), GraphError> {
        let path = format!("/applications(uniqueName='{}')", self.name().unique_name(role));
        let api = self.state.role(Role::Api).map(|one| one.application.clone());
        let body = self.request.wanted.creation(role, api.as_ref());
        let doing = self.doing("create the application", role);
        let answer = self.graph.send(Ask::patch(&path, body, doing.clone()).or_create()).await;
        let answer = answer.map_err(|error| name_is_taken(error, self.name()))?;
        // Without a body it was there after all: an earlier try got through.
        let application = if answer.is_empty() {
            self.graph.send(Ask::get(path, doing).fresh()).await?.json()?
        } else {
            answer.json()?
        };
        *self.state.role_mut(role) = Some(Registered::new(application));
        Ok(())
    }

    async fn restore(&mut self, role: Role) -> Result<(), GraphError> {
        let unique_name = self.name().unique_name(role);
        let Some(deleted) = self.state.deleted.application(&unique_name).cloned() else {
            return self.create(role).await;
        };
        let doing = self.doing("restore the application", role);
        let path = format!("/directory/deletedItems/{}/restore", deleted.id);
        self.graph.send(Ask::post(path, json!({}), doing.clone())).await?;
        let path = format!("/applications/{}", deleted.id);
        let application: Application = self.graph.send(Ask::get(path, doing).fresh()).await?.json()?;
        let principal = principal(self.graph, application.app_id).await?;
        *self.state.role_mut(role) = Some(Registered { principal, ..Registered::new(application) });
        Ok(())
    }

    async fn update(&mut self, role: Role, properties: &[Property]) -> Result<(), GraphError> {
        let ids = Ids { api: self.state.app_id(Role::Api), page: self.state.app_id(Role::Page) };
        let api = self.state.role(Role::Api).map(|one| one.application.clone());
        let application = self.application(role)?;
        let mut body = json!({});
        for property in properties {
            let wanted = &self.request.wanted;
            if let Some(change) = wanted.lacking(*property, role, application, api.as_ref(), ids) {
                merge(&mut body, change);
            }
        }
        let ask = Ask::patch(self.path(role, "")?, body, self.doing("change the application", role));
        self.graph.send(ask.fresh()).await?;
        Ok(())
    }

    async fn create_principal(&mut self, role: Role) -> Result<(), GraphError> {
        let app_id = self.application(role)?.app_id;
        if self.state.role(role).is_some_and(|one| one.principal.is_some()) {
            // A restored application brought it along.
            return Ok(());
        }
        let body = json!({ "appId": app_id, "tags": [self.name().tag(), PORTAL_TAG] });
        let doing = self.doing("create the service principal of", role);
        let made: Principal =
            match self.graph.send(Ask::post("/servicePrincipals", body, doing).fresh()).await {
                Ok(answer) => answer.json()?,
                Err(error @ GraphError::Refused { status: 409, .. }) => {
                    principal(self.graph, app_id).await?.ok_or(error)?
                }
                Err(error) => return Err(error),
            };
        if let Some(registered) = self.registered(role) {
            registered.principal = Some(made);
        }
        Ok(())
    }

    async fn add_owner(&mut self, role: Role) -> Result<(), GraphError> {
        let Some(user) = self.state.user.as_ref().map(|user| user.id) else { return Ok(()) };
        let body = json!({ "@odata.id": format!("{}/directoryObjects/{user}", self.graph.base) });
        let ask =
            Ask::post(self.path(role, "/owners/$ref")?, body, self.doing("add you as an owner of", role));
        match self.graph.send(ask.fresh()).await {
            // Whoever registers an application may be its owner already.
            Ok(_) => Ok(()),
            Err(GraphError::Refused { status: 400, message, .. }) if message.contains("already exist") => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn trust(&self, trust: &Trust) -> Result<(), GraphError> {
        let path = self.path(Role::Api, "/federatedIdentityCredentials")?;
        let doing = self.doing("write a federated credential of", Role::Api);
        let ask = match &trust.id {
            None => Ask::post(path, trust.body(), doing),
            Some(id) => {
                let mut body = trust.body();
                // Its name is for life.
                if let Some(body) = body.as_object_mut() {
                    body.remove("name");
                }
                Ask::patch(format!("{path}/{id}"), body, doing)
            }
        };
        self.graph.send(ask.fresh()).await?;
        Ok(())
    }

    async fn add_certificate(&self) -> Result<(), GraphError> {
        let Wish::Certificate { der, .. } = &self.request.wish else { return Ok(()) };
        let doing = self.doing("register the certificate of", Role::Api);
        let path = self.path(Role::Api, "")?;
        let ask = Ask::get(format!("{path}?$select=id,keyCredentials"), doing.clone());
        // Graph takes the list as a whole: those that are there must be sent along.
        let present: Application = self.graph.send(ask.fresh()).await?.json()?;
        let body = with_certificate(&present.key_credentials, der);
        self.graph.send(Ask::patch(path, body, doing).fresh()).await?;
        Ok(())
    }

    async fn remove_secret(&self, key_id: Uuid) -> Result<(), GraphError> {
        let doing = self.doing("remove a lost secret of", Role::Api);
        let path = self.path(Role::Api, "/removePassword")?;
        match self.graph.send(Ask::post(path, json!({ "keyId": key_id }), doing)).await {
            Ok(_) => Ok(()),
            Err(GraphError::Refused { status: 400, message, .. }) if message.contains("keyId") => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn add_secret(&self, until: OffsetDateTime) -> Result<(), ApplyError> {
        // A secret's text is told once. If it gets lost on its way, its name says that it is ours to remove.
        self.request.targets.announce_secret(&self.request.secret_name)?;
        let until = until.format(&Rfc3339).unwrap_or_default();
        let body = json!({
            "passwordCredential": { "displayName": self.request.secret_name, "endDateTime": until },
        });
        let doing = self.doing("add a client secret to", Role::Api);
        let ask = Ask::post(self.path(Role::Api, "/addPassword")?, body, doing);
        let new: NewSecret = self.graph.send(ask.fresh()).await?.json()?;
        self.request.targets.keep_secret(&new.secret_text)?;
        if self.request.show_secret {
            self.output.fact("client secret", new.secret_text.expose_secret());
        } else {
            let path = self.request.targets.env.display();
            self.output.step(Sign::Done, format_args!("the secret is in {path}, and nowhere else"));
        }
        Ok(())
    }
}

/// A deleted application keeps its unique name, and whoever may not see deleted items cannot know.
fn name_is_taken(error: GraphError, name: &Name) -> GraphError {
    match error {
        GraphError::Refused { what, status, code, message } if message.contains("uniqueName") => {
            let message = format!(
                "{message} A deleted application has it for 30 days: have an administrator restore or remove it, or choose \
                 another --name than {name}"
            );
            GraphError::Refused { what, status, code, message }
        }
        error => error,
    }
}
