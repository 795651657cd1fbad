//! The writable part of an app registration, named as in Graph, with the rules that Graph keeps for it.

use serde::{Deserialize, Serialize};
use url::Url;
use uuid::Uuid;

use crate::directory::{Application, Permission, Platform, RedirectUri};
use crate::identifiers::{ClientId, TenantId};
use crate::scopes::{GRAPH_ID, graph_scope_id};

const AUDIENCES: [&str; 4] =
    ["AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount", "PersonalMicrosoftAccount"];

/// What can be written of an `application`, but for its credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) display_name: String,
    pub(crate) description: Option<String>,
    pub(crate) notes: Option<String>,
    pub(crate) sign_in_audience: String,
    pub(crate) tags: Vec<String>,
    pub(crate) identifier_uris: Vec<String>,
    pub(crate) api: Api,
    pub(crate) spa: Redirects,
    pub(crate) web: Web,
    pub(crate) public_client: Redirects,
    pub(crate) is_fallback_public_client: Option<bool>,
    pub(crate) required_resource_access: Vec<RequiredResource>,
    pub(crate) optional_claims: Option<OptionalClaims>,
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            display_name: String::new(),
            description: None,
            notes: None,
            // What Graph takes when nothing is said.
            sign_in_audience: "AzureADandPersonalMicrosoftAccount".into(),
            tags: Vec::new(),
            identifier_uris: Vec::new(),
            api: Api::default(),
            spa: Redirects::default(),
            web: Web::default(),
            public_client: Redirects::default(),
            is_fallback_public_client: None,
            required_resource_access: Vec::new(),
            optional_claims: None,
        }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Api {
    pub(crate) accept_mapped_claims: Option<bool>,
    pub(crate) known_client_applications: Vec<Uuid>,
    pub(crate) oauth2_permission_scopes: Vec<Scope>,
    pub(crate) pre_authorized_applications: Vec<PreAuthorized>,
    pub(crate) requested_access_token_version: Option<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Scope {
    #[serde(default)]
    pub(crate) admin_consent_description: Option<String>,
    #[serde(default)]
    pub(crate) admin_consent_display_name: Option<String>,
    pub(crate) id: Uuid,
    #[serde(default)]
    pub(crate) is_enabled: bool,
    #[serde(default = "user_consent")]
    pub(crate) r#type: String,
    #[serde(default)]
    pub(crate) user_consent_description: Option<String>,
    #[serde(default)]
    pub(crate) user_consent_display_name: Option<String>,
    pub(crate) value: String,
}

fn user_consent() -> String {
    "User".into()
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PreAuthorized {
    pub(crate) app_id: Uuid,
    #[serde(default)]
    pub(crate) delegated_permission_ids: Vec<Uuid>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Redirects {
    pub(crate) redirect_uris: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Web {
    pub(crate) home_page_url: Option<String>,
    pub(crate) logout_url: Option<String>,
    pub(crate) redirect_uris: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RequiredResource {
    pub(crate) resource_app_id: Uuid,
    pub(crate) resource_access: Vec<RequiredAccess>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RequiredAccess {
    pub(crate) id: Uuid,
    /// `Scope` or `Role`.
    pub(crate) r#type: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(clippy::struct_field_names, reason = "the names are Graph's")]
pub(crate) struct OptionalClaims {
    pub(crate) access_token: Vec<OptionalClaim>,
    pub(crate) id_token: Vec<OptionalClaim>,
    pub(crate) saml2_token: Vec<OptionalClaim>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct OptionalClaim {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) source: Option<String>,
    #[serde(default)]
    pub(crate) essential: bool,
    #[serde(default)]
    pub(crate) additional_properties: Vec<String>,
}

impl Manifest {
    /// That of an application which the emulator was started with.
    pub(super) fn of(application: &Application) -> Self {
        let redirects = |platform| {
            let all = application.redirect_uris.iter().filter(move |one| one.platform == platform);
            all.map(|one| one.uri.to_string()).collect::<Vec<_>>()
        };
        let scope = |value: &String| Scope {
            admin_consent_description: None,
            admin_consent_display_name: Some(value.clone()),
            id: Uuid::new_v4(),
            is_enabled: true,
            r#type: user_consent(),
            user_consent_description: None,
            user_consent_display_name: None,
            value: value.clone(),
        };
        let graph = application.permissions.iter().filter(|permission| permission.resource.is_none());
        let graph = graph.flat_map(|permission| &permission.scopes).filter_map(|name| graph_scope_id(name));
        let graph: Vec<_> = graph.map(|id| RequiredAccess { id, r#type: "Scope".into() }).collect();
        let claim = |name: &String| OptionalClaim {
            name: name.clone(),
            source: None,
            essential: false,
            additional_properties: Vec::new(),
        };
        Self {
            display_name: application.name.clone(),
            sign_in_audience: AUDIENCES[usize::from(application.multi_tenant)].into(),
            identifier_uris: application.app_id_uri.clone().into_iter().collect(),
            api: Api {
                oauth2_permission_scopes: application.exposed_scopes.iter().map(scope).collect(),
                requested_access_token_version: Some(application.access_token_version),
                ..Api::default()
            },
            spa: Redirects { redirect_uris: redirects(Platform::SinglePage) },
            web: Web { redirect_uris: redirects(Platform::Web), ..Web::default() },
            public_client: Redirects { redirect_uris: redirects(Platform::Native) },
            is_fallback_public_client: Some(application.public_client_flows),
            required_resource_access: vec![RequiredResource {
                resource_app_id: Uuid::try_parse(GRAPH_ID).expect("a well-formed constant"),
                resource_access: graph,
            }],
            optional_claims: Some(OptionalClaims {
                access_token: application.access_token_claims.iter().map(claim).collect(),
                ..OptionalClaims::default()
            }),
            ..Self::default()
        }
    }

    /// What the sign-in service makes of it. It has no credentials: those are kept apart.
    pub(super) fn application(
        &self,
        client_id: ClientId,
        tenant: TenantId,
        permissions: Vec<Permission>,
    ) -> Application {
        let platforms = [
            (Platform::SinglePage, &self.spa.redirect_uris),
            (Platform::Web, &self.web.redirect_uris),
            (Platform::Native, &self.public_client.redirect_uris),
        ];
        let redirect_uris = platforms.into_iter().flat_map(|(platform, uris)| {
            uris.iter().filter_map(move |uri| Some(RedirectUri { platform, uri: Url::parse(uri).ok()? }))
        });
        let scopes = self.api.oauth2_permission_scopes.iter().filter(|scope| scope.is_enabled);
        let claims = self.optional_claims.iter().flat_map(|claims| &claims.access_token);
        Application {
            client_id,
            service_principal_id: None,
            name: self.display_name.clone(),
            home_tenant: tenant,
            multi_tenant: self.sign_in_audience != AUDIENCES[0],
            app_id_uri: self.identifier_uris.first().cloned(),
            exposed_scopes: scopes.map(|scope| scope.value.clone()).collect(),
            access_token_version: self.api.requested_access_token_version.unwrap_or(1),
            access_token_claims: claims.map(|claim| claim.name.clone()).collect(),
            client_secrets: Vec::new(),
            federated_credentials: Vec::new(),
            confidential: !self.api.oauth2_permission_scopes.is_empty() || !self.web.redirect_uris.is_empty(),
            public_client_flows: self.is_fallback_public_client == Some(true),
            redirect_uris: redirect_uris.collect(),
            permissions,
        }
    }

    /// What Graph would object to, as its error message says it. `before` is the manifest that this one replaces.
    pub(crate) fn objection(&self, app_id: ClientId, before: Option<&Self>) -> Option<String> {
        if self.display_name.is_empty() || self.display_name.chars().count() > 256 {
            return Some(
                "Invalid value specified for property 'displayName' of resource 'Application'.".into(),
            );
        }
        if !AUDIENCES.contains(&self.sign_in_audience.as_str()) {
            return Some(
                "Invalid value specified for property 'signInAudience' of resource 'Application'.".into(),
            );
        }
        if !matches!(self.api.requested_access_token_version, None | Some(1 | 2)) {
            return Some("Property api.requestedAccessTokenVersion is invalid.".into());
        }
        self.uri_objection(app_id).or_else(|| self.scope_objection(before))
    }

    fn uri_objection(&self, app_id: ClientId) -> Option<String> {
        let own = format!("api://{app_id}");
        if let Some(uri) = self.identifier_uris.iter().find(|uri| !uri.eq_ignore_ascii_case(&own)) {
            return Some(format!(
                "Values of identifierUris property must use a verified domain of the organization or its subdomain: \
                 '{uri}'"
            ));
        }
        let redirects =
            [&self.spa.redirect_uris, &self.web.redirect_uris].into_iter().flatten().find(|text| {
                !Url::parse(text).is_ok_and(|uri| {
                    let local = matches!(uri.host_str(), Some("localhost" | "127.0.0.1"));
                    uri.fragment().is_none() && (uri.scheme() == "https" || (uri.scheme() == "http" && local))
                })
            });
        redirects.map(|uri| format!("The redirectUri '{uri}' is not valid: it must start with 'HTTPS'."))
    }

    /// Scopes have an id and a name of their own, and are switched off before they go or change.
    fn scope_objection(&self, before: Option<&Self>) -> Option<String> {
        let scopes = &self.api.oauth2_permission_scopes;
        for (position, scope) in scopes.iter().enumerate() {
            let earlier = &scopes[..position];
            if scope.id.is_nil() || earlier.iter().any(|one| one.id == scope.id || one.value == scope.value) {
                return Some(
                    "It contains duplicate value. Please provide unique value. (oauth2PermissionScopes)"
                        .into(),
                );
            }
        }
        let before = before.map(|manifest| &*manifest.api.oauth2_permission_scopes).unwrap_or_default();
        let enabled = before.iter().filter(|scope| scope.is_enabled);
        let lost = |old: &&Scope| {
            !scopes
                .iter()
                .any(|new| new.id == old.id && Scope { is_enabled: true, ..new.clone() } == Scope::clone(old))
        };
        if enabled.filter(lost).count() > 0 {
            return Some(
                "Permission (scope or role) cannot be deleted or updated unless disabled first.".into(),
            );
        }
        let offered = |id: &Uuid| scopes.iter().any(|scope| scope.id == *id);
        let trusted = &self.api.pre_authorized_applications;
        let unknown = trusted.iter().flat_map(|one| &one.delegated_permission_ids).find(|id| !offered(id));
        unknown.map(|id| {
            format!(
                "Property api.preAuthorizedApplications refers to the permission '{id}', which the application does not \
                 offer."
            )
        })
    }
}
