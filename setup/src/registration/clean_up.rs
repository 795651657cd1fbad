//! Removes what `register` made, and nothing else: applications and service principals that carry the deployment's tag, and
//! the settings that name them.

use uuid::Uuid;

use super::apply::ApplyError;
use super::files::{Edit, FileError, Targets};
use super::graph::{Ask, Doing, Graph, GraphError, Needs};
use super::output::{Output, Sign};
use super::state::{Name, Role, State};

/// Everything that goes, in the order in which it goes: the settings first, because only the applications tell which they are.
pub(crate) struct Removal {
    edits: Vec<Edit>,
    applications: Vec<(Uuid, String)>,
    /// Deleted items to remove for good, those that are still to be deleted included.
    purged: Vec<Purge>,
}

struct Purge {
    id: Uuid,
    text: String,
    /// It is deleted by this very run, and so not among the deleted items everywhere at once.
    is_new: bool,
}

impl Removal {
    /// `restorable` leaves applications among the deleted items, from where they come back for 30 days.
    pub(crate) fn plan(
        state: &State,
        name: &Name,
        targets: &Targets,
        restorable: bool,
    ) -> Result<Self, FileError> {
        let tag = name.tag();
        let mut applications = Vec::new();
        let mut purged = Vec::new();
        for role in Role::BOTH {
            let Some(one) = state.role(role).filter(|one| one.application.tags.contains(&tag)) else {
                continue;
            };
            let text = format!("application {} ({})", name.unique_name(role), one.application.app_id);
            applications.push((one.application.id, text.clone()));
            purged.push(Purge { id: one.application.id, text, is_new: true });
            if let Some(principal) = one.principal.as_ref().filter(|one| one.tags.contains(&tag)) {
                // It may go with its application; what stays is found by its tag the next time.
                let text = format!("service principal of {}", name.unique_name(role));
                purged.push(Purge::of(principal.id, text));
            }
        }
        let deleted = state.deleted.applications.iter();
        purged.extend(
            deleted.map(|one| Purge::of(one.id, format!("deleted application {}", one.display_name))),
        );
        let deleted = state.deleted.principals.iter();
        purged.extend(
            deleted.map(|one| Purge::of(one.id, format!("deleted service principal of {}", one.app_id))),
        );
        if restorable {
            purged.clear();
        }
        // Of one that carries another tag nothing is ours, the files that name it neither.
        let id = |role| {
            let live = state.role(role).map(|one| &one.application);
            let application = live.or_else(|| state.deleted.application(&name.unique_name(role)))?;
            application.tags.contains(&name.tag()).then_some(application.app_id)
        };
        let edits = targets.removals(id(Role::Api), id(Role::Page))?;
        Ok(Self { edits, applications, purged })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.applications.is_empty() && self.purged.is_empty()
    }

    pub(crate) fn tell(&self, output: &Output) {
        for edit in &self.edits {
            let path = edit.path.display();
            if edit.removes_file() {
                output.step(Sign::Removes, format_args!("{path}, which says nothing else"));
            } else {
                output.step(Sign::Changes, format_args!("{path}: without {}", edit.names.join(", ")));
            }
        }
        for (_, text) in &self.applications {
            output.step(
                Sign::Removes,
                format_args!("{text}, with its credentials and the consent given to it"),
            );
        }
        for Purge { text, .. } in &self.purged {
            output.step(Sign::Removes, format_args!("{text}: from the deleted items too, for good"));
        }
    }

    pub(crate) async fn make(&self, graph: &Graph, output: &Output) -> Result<(), ApplyError> {
        for edit in &self.edits {
            edit.write()?;
            output.step(Sign::Done, edit.path.display());
        }
        for (id, text) in &self.applications {
            let doing = Doing { what: format!("delete the {text}"), needs: Needs::Registering };
            graph.delete(Ask::delete(format!("/applications/{id}"), doing)).await?;
            output.step(Sign::Done, format_args!("{text} deleted"));
        }
        for one in &self.purged {
            one.make(graph).await?;
            let text = &one.text;
            output.step(Sign::Done, format_args!("{text} removed for good"));
        }
        Ok(())
    }
}

impl Purge {
    fn of(id: Uuid, text: String) -> Self {
        Self { id, text, is_new: false }
    }

    async fn make(&self, graph: &Graph) -> Result<(), GraphError> {
        let doing = Doing { what: format!("remove the {} for good", self.text), needs: Needs::Registering };
        let ask = Ask::delete(format!("/directory/deletedItems/{}", self.id), doing);
        graph.delete(if self.is_new { ask.fresh() } else { ask }).await
    }
}
