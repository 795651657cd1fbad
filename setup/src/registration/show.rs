//! What is registered, for people.

use super::output::Output;
use super::state::{Name, Registered, Role, State};

/// Writes everything that has the deployment's name. Secrets are only named.
pub(crate) fn show(state: &State, name: &Name, output: &Output) {
    for role in Role::BOTH {
        let unique_name = name.unique_name(role);
        match state.role(role) {
            Some(registered) => {
                output.heading(format_args!("{} ({unique_name})", registered.application.display_name));
                show_one(registered, role, output);
            }
            None => output.heading(format_args!("{unique_name}: not registered")),
        }
    }
    let principals = [&state.api, &state.page].into_iter().flatten();
    let known =
        principals.filter_map(|one| Some((one.principal.as_ref()?.id, &one.application.display_name)));
    let known: Vec<_> = known.collect();
    for grant in &state.grants {
        let client =
            known.iter().find(|(id, _)| *id == grant.client_id).map_or("?", |(_, name)| name.as_str());
        output.fact("consent for everybody", format_args!("{client}: {}", grant.scope.trim()));
    }
    for application in &state.deleted.applications {
        output.fact("deleted", format_args!("{} ({})", application.display_name, application.app_id));
    }
}

fn show_one(registered: &Registered, role: Role, output: &Output) {
    let application = &registered.application;
    output.fact("client id", application.app_id);
    output.fact("object id", application.id);
    match &registered.principal {
        Some(principal) => output.fact("service principal", principal.id),
        None => output.fact("service principal", "none: nobody can sign in"),
    }
    output.fact("owners", registered.owners.len());
    if role == Role::Page {
        for uri in &application.spa.redirect_uris {
            output.fact("redirect URI", uri);
        }
        return;
    }
    for uri in &application.identifier_uris {
        output.fact("App ID URI", uri);
    }
    let scopes = application.api.oauth2_permission_scopes.iter().map(|scope| scope.value.as_str());
    output.fact("scopes", scopes.collect::<Vec<_>>().join(" "));
    let version = application.api.requested_access_token_version;
    output.fact("access tokens", format_args!("version {}", version.unwrap_or(1)));
    for client in &application.api.known_client_applications {
        output.fact("known client", client);
    }
    for secret in &application.password_credentials {
        let name = secret.display_name.as_deref().unwrap_or("unnamed");
        let until = secret.end_date_time.map_or("for ever".to_owned(), |end| format!("until {}", end.date()));
        let hint = secret.hint.as_deref().unwrap_or_default();
        output.fact("secret", format_args!("{name} ({hint}…) {until}"));
    }
    for certificate in &application.key_credentials {
        let text =
            |name: &str| certificate.get(name).and_then(|value| value.as_str()).unwrap_or("?").to_owned();
        output.fact(
            "certificate",
            format_args!("{} until {}", text("customKeyIdentifier"), text("endDateTime")),
        );
    }
    for trust in &registered.federated {
        output.fact(
            "federated credential",
            format_args!("{}: {} of {}", trust.name, trust.subject, trust.issuer),
        );
    }
}
