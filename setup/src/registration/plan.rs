//! From what is registered to what should be: the changes, in the order in which they can be made. A dry run shows them,
//! applying makes them, and none left means that the registration is whole, however it came to be.

use std::path::PathBuf;

use time::OffsetDateTime;
use uuid::Uuid;

use super::consent::Consent;
use super::credential::{Secrets, Trust, Wish, has_certificate, missing_trust};
use super::files::dot_env::LocalSecret;
use super::files::{FileError, Settings, Targets};
use super::output::{Output, Sign};
use super::state::{Name, Registered, Role, State};
use super::wanted::{Ids, Property, Wanted};
use crate::registration::cloud::Hosts;

/// One step. Ids that are not known yet are looked up when it is made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Change {
    Create(Role),
    /// Brings an application back from the deleted items, with its ids.
    Restore(Role),
    Update(Role, Vec<Property>),
    CreatePrincipal(Role),
    AddOwner(Role),
    AddTrust(Trust),
    AddCertificate,
    RemoveSecret {
        key_id: Uuid,
    },
    AddSecret {
        until: OffsetDateTime,
    },
    /// Delegated permissions for everybody: consent that is missing.
    GiveConsent(Consent),
    /// Settings in a file, by name.
    WriteFile {
        path: PathBuf,
        names: Vec<String>,
    },
}

/// What was asked for.
pub(crate) struct Request {
    pub(crate) wanted: Wanted,
    pub(crate) wish: Wish,
    pub(crate) admin_consent: bool,
    pub(crate) hosts: Hosts,
    pub(crate) targets: Targets,
    pub(crate) now: OffsetDateTime,
    /// What a new secret will be called.
    pub(crate) secret_name: String,
    /// Write a new secret to the output too.
    pub(crate) show_secret: bool,
}

impl Request {
    pub(crate) fn name(&self) -> &Name {
        &self.wanted.name
    }

    /// Everything that is missing.
    pub(crate) fn plan(&self, state: &State) -> Result<Vec<Change>, FileError> {
        let mut changes: Vec<Change> =
            Role::BOTH.iter().filter_map(|role| self.existence(state, *role)).collect();
        changes.extend(Role::BOTH.iter().filter_map(|role| self.properties(state, *role)));
        for role in Role::BOTH {
            let registered = state.role(role);
            if registered.is_none_or(|one| one.principal.is_none()) {
                changes.push(Change::CreatePrincipal(role));
            }
            if let Some(user) = &state.user
                && registered.is_none_or(|one| !one.owners.contains(&user.id))
            {
                changes.push(Change::AddOwner(role));
            }
        }
        let (local, _) = self.targets.local()?;
        let proof = self.credential(state.role(Role::Api), &local);
        if self.admin_consent {
            changes.extend(Consent::missing(state).into_iter().map(Change::GiveConsent));
        }
        // Files come before a secret, so that the settings say whose it is when it is lost on its way.
        let edits = self.targets.edits(&self.settings(state))?;
        changes
            .extend(edits.into_iter().map(|edit| Change::WriteFile { path: edit.path, names: edit.names }));
        changes.extend(proof);
        Ok(changes)
    }

    /// Applications that were deleted keep their unique name for 30 days, so they come back rather than be made anew.
    fn existence(&self, state: &State, role: Role) -> Option<Change> {
        if state.role(role).is_some() {
            return None;
        }
        let deleted = state.deleted.application(&self.name().unique_name(role));
        Some(if deleted.is_some() { Change::Restore(role) } else { Change::Create(role) })
    }

    fn properties(&self, state: &State, role: Role) -> Option<Change> {
        let deleted = state.deleted.application(&self.name().unique_name(role));
        let lacking = match state.role(role).map(|one| &one.application).or(deleted) {
            None => Wanted::after_creation(role),
            Some(application) => {
                let api = state.role(Role::Api).map(|one| &one.application);
                let api = api.or_else(|| state.deleted.application(&self.name().unique_name(Role::Api)));
                let ids = self.ids(state);
                let lacks = |property: &&Property| {
                    self.wanted.lacking(**property, role, application, api, ids).is_some()
                };
                Property::of(role).iter().filter(lacks).copied().collect()
            }
        };
        (!lacking.is_empty()).then_some(Change::Update(role, lacking))
    }

    /// Client ids that are known, those of deleted applications too: these come back with them.
    fn ids(&self, state: &State) -> Ids {
        let id = |role| {
            let deleted = state.deleted.application(&self.name().unique_name(role));
            state.app_id(role).or_else(|| deleted.map(|one| one.app_id))
        };
        Ids { api: id(Role::Api), page: id(Role::Page) }
    }

    fn credential(&self, api: Option<&Registered>, local: &LocalSecret) -> Vec<Change> {
        let passwords = api.map(|one| &*one.application.password_credentials).unwrap_or_default();
        match &self.wish {
            Wish::Keep(_) => Vec::new(),
            // Whether that one is good cannot be told from here, and those that are registered may be it.
            Wish::Secret { .. } if local.elsewhere => Vec::new(),
            Wish::Secret { lifetime } => {
                let secrets = Secrets { registered: passwords, local, now: self.now };
                let lost = secrets.lost().map(|one| Change::RemoveSecret { key_id: one.key_id });
                let new = (!secrets.is_good()).then(|| Change::AddSecret { until: self.now + *lifetime });
                lost.chain(new).collect()
            }
            Wish::Federated { issuer, subjects, audience } => {
                let present = api.map(|one| &*one.federated).unwrap_or_default();
                missing_trust(present, issuer, subjects, audience).into_iter().map(Change::AddTrust).collect()
            }
            Wish::Certificate { der, .. } if api.is_some_and(|api| has_certificate(api, der)) => Vec::new(),
            Wish::Certificate { .. } => vec![Change::AddCertificate],
        }
    }

    /// What the files should say. Ids that are not known yet are zero: they are other than what any file says.
    pub(crate) fn settings(&self, state: &State) -> Settings {
        let certificate_file = match &self.wish {
            Wish::Certificate { file, .. } => Some(file.clone()),
            _ => None,
        };
        let ids = self.ids(state);
        Settings {
            hosts: self.hosts.clone(),
            tenant_id: state.tenant.id,
            api: ids.api.unwrap_or_default(),
            page: ids.page.unwrap_or_default(),
            credential: self.wish.kind(),
            certificate_file,
        }
    }

    /// One line about a change.
    pub(crate) fn tell(&self, change: &Change, output: &Output) {
        let (sign, text) = self.told(change);
        output.step(sign, text);
    }

    pub(crate) fn told(&self, change: &Change) -> (Sign, String) {
        let unique = |role: &Role| self.name().unique_name(*role);
        match change {
            Change::Create(role) => {
                let shown = self.wanted.display_name(*role);
                (Sign::Adds, format!("application {} (\"{shown}\") for the {}", unique(role), role.noun()))
            }
            Change::Restore(role) => {
                (Sign::Adds, format!("application {} from the deleted items", unique(role)))
            }
            Change::Update(role, properties) => {
                let nouns: Vec<&str> = properties.iter().map(|one| one.noun()).collect();
                (Sign::Changes, format!("application {}: {}", unique(role), nouns.join(", ")))
            }
            Change::CreatePrincipal(role) => (Sign::Adds, format!("service principal of {}", unique(role))),
            Change::AddOwner(role) => {
                (Sign::Changes, format!("application {}: you as an owner", unique(role)))
            }
            Change::AddTrust(trust) => {
                let sign = if trust.id.is_some() { Sign::Changes } else { Sign::Adds };
                (
                    sign,
                    format!("federated credential {} for {} of {}", trust.name, trust.subject, trust.issuer),
                )
            }
            Change::AddCertificate => (Sign::Adds, format!("certificate of {}", unique(&Role::Api))),
            Change::RemoveSecret { key_id } => {
                (Sign::Removes, format!("client secret {key_id}, which was made but never written down"))
            }
            Change::AddSecret { until } => {
                (Sign::Adds, format!("client secret of {} until {}", unique(&Role::Api), until.date()))
            }
            Change::GiveConsent(consent) => (Sign::Adds, consent.to_string()),
            Change::WriteFile { path, names } => {
                (Sign::Changes, format!("{}: {}", path.display(), names.join(", ")))
            }
        }
    }
}
