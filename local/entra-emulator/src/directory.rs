//! Tenants, applications and users: what a tenant's administrator would have set up.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::credentials::FederatedCredential;
use crate::crowd::{Crowd, CrowdIndex};
use crate::identifiers::{ClientId, ObjectId, TenantId};

/// Everything the emulator knows before anybody signs in. Start from [`Directory::sample`](Self::sample) and change it.
#[derive(Debug, Clone)]
pub struct Directory {
    /// The first one is the home tenant: bare names in the control API mean its users.
    pub tenants: Vec<Tenant>,
    /// Application registrations to begin with, usable in their home tenant, or in all when `multi_tenant`. More can be
    /// made through Graph while the emulator runs.
    pub applications: Vec<Application>,
    /// User objects; a guest has one here and one in its home tenant.
    pub users: Vec<User>,
    /// Users of [`Directory::users`] who administer their tenant's applications: they may change those of others and give
    /// consent for everybody.
    pub administrators: Vec<ObjectId>,
    /// Users without a story, for trying things at size.
    pub crowd: Crowd,
}

/// A directory that tokens can be issued for.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its GUID.
    pub id: TenantId,
    /// Its domain name, which may stand for the GUID in addresses.
    pub domain: String,
    /// What the sign-in page calls it.
    pub name: String,
}

/// An application registration with its service principal.
#[derive(Debug, Clone)]
pub struct Application {
    /// The application (client) id.
    pub client_id: ClientId,
    /// The object id of its service principal in its home tenant: `oid` and `sub` of app-only tokens. Without one, no
    /// tokens are issued for it.
    pub service_principal_id: Option<ObjectId>,
    /// Shown on the sign-in page.
    pub name: String,
    /// The tenant it was registered in.
    pub home_tenant: TenantId,
    /// Whether users of other tenants may sign in.
    pub multi_tenant: bool,
    /// `api://…`, when it is an API.
    pub app_id_uri: Option<String>,
    /// Delegated permissions it offers, for example `Profile.Read`.
    pub exposed_scopes: Vec<String>,
    /// `requestedAccessTokenVersion` of the manifest: 1 or 2.
    pub access_token_version: u8,
    /// Optional claims of access tokens for it; `idtyp` is the one that is known.
    pub access_token_claims: Vec<String>,
    /// Client secrets; without them, without federated credentials and without `confidential` it is a public client.
    pub client_secrets: Vec<ClientSecret>,
    /// Whose tokens prove it. Certificates are registered while the emulator runs:
    /// [`Emulator::register_certificate`](crate::Emulator::register_certificate).
    pub federated_credentials: Vec<FederatedCredential>,
    /// Whether it is a confidential client although it has no credentials yet.
    pub confidential: bool,
    /// "Allow public client flows": the device code grant.
    pub public_client_flows: bool,
    /// Where codes may be sent.
    pub redirect_uris: Vec<RedirectUri>,
    /// What `{resource}/.default` stands for; resource `None` is Microsoft Graph.
    pub permissions: Vec<Permission>,
}

impl Application {
    /// Whether it must prove itself at the token endpoint.
    pub fn is_confidential(&self) -> bool {
        self.confidential || !self.client_secrets.is_empty() || !self.federated_credentials.is_empty()
    }

    /// The registered redirect URI that `requested` matches. Scheme, host, path and query must be equal; the port
    /// of `localhost` and `127.0.0.1` is not compared (RFC 8252 §7.3, as Entra ID does).
    pub fn redirect_uri(&self, requested: &Url) -> Option<&RedirectUri> {
        self.redirect_uris.iter().find(|registered| same_redirect(&registered.uri, requested))
    }
}

fn same_redirect(registered: &Url, requested: &Url) -> bool {
    let loopback = matches!(requested.host_str(), Some("localhost" | "127.0.0.1"));
    registered.scheme() == requested.scheme()
        && registered.host_str() == requested.host_str()
        && registered.path() == requested.path()
        && registered.query() == requested.query()
        && requested.fragment().is_none()
        && requested.username().is_empty()
        && requested.password().is_none()
        && (loopback || registered.port_or_known_default() == requested.port_or_known_default())
}

/// A client secret; its text never shows in `Debug` output.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientSecret(String);

impl ClientSecret {
    /// Wraps the secret's text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Its first three characters, by which an administrator tells secrets apart.
    pub(crate) fn hint(&self) -> String {
        self.0.chars().take(3).collect()
    }

    /// Compares without telling by the time taken how much of `presented` was right.
    pub(crate) fn matches(&self, presented: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.0.as_bytes(), presented.as_bytes()).is_ok()
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ClientSecret(…)")
    }
}

/// A redirect URI and the platform it was registered under.
#[derive(Debug, Clone)]
pub struct RedirectUri {
    /// What its codes are bound to.
    pub platform: Platform,
    /// The registered address.
    pub uri: Url,
}

/// The platform of a redirect URI ("Authentication" in the app registration).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Codes need PKCE and a cross-origin redemption; refresh tokens live 24 hours.
    SinglePage,
    /// Codes need the client's credential.
    Web,
    /// Mobile and desktop: no credential.
    Native,
}

/// A statically configured permission.
#[derive(Debug, Clone)]
pub struct Permission {
    /// The API, or `None` for Microsoft Graph.
    pub resource: Option<ClientId>,
    /// Its delegated scopes.
    pub scopes: Vec<String>,
}

/// A user object in one tenant.
#[derive(Debug, Clone)]
pub struct User {
    /// The tenant this object lives in.
    pub tenant: TenantId,
    /// Its object id there.
    pub object_id: ObjectId,
    /// Where the user signs in; equal to `tenant` and `object_id` but for guests.
    pub home: HomeAccount,
    /// The Graph properties.
    pub profile: Profile,
}

impl User {
    /// Whether the user's home is another tenant.
    pub fn is_guest(&self) -> bool {
        self.home.tenant != self.tenant
    }

    /// The home account id as MSAL builds it: `<oid>.<tid>` of the home tenant.
    pub fn home_account_id(&self) -> String {
        format!("{}.{}", self.home.object_id, self.home.tenant)
    }
}

/// `uid` and `utid` of `client_info`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HomeAccount {
    /// Home tenant.
    pub tenant: TenantId,
    /// Object id in the home tenant.
    pub object_id: ObjectId,
}

/// The Graph `user` properties the emulator serves, named as Graph names them.
/// <https://learn.microsoft.com/graph/api/resources/user>
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are Graph's and are documented there")]
pub struct Profile {
    pub display_name: Option<String>,
    pub given_name: Option<String>,
    pub surname: Option<String>,
    pub user_principal_name: String,
    pub mail: Option<String>,
    pub job_title: Option<String>,
    pub department: Option<String>,
    pub company_name: Option<String>,
    pub employee_id: Option<String>,
    pub employee_type: Option<String>,
    pub office_location: Option<String>,
    pub street_address: Option<String>,
    pub city: Option<String>,
    pub state: Option<String>,
    pub postal_code: Option<String>,
    pub country: Option<String>,
    pub usage_location: Option<String>,
    pub preferred_language: Option<String>,
    pub mobile_phone: Option<String>,
    pub business_phones: Vec<String>,
    pub created_date_time: Option<String>,
}

impl Profile {
    /// What tokens carry as `preferred_username`: the mail address of guests, else the user principal name.
    pub(crate) fn sign_in_name(&self) -> &str {
        match &self.mail {
            Some(mail) if self.user_principal_name.contains("#EXT#") => mail,
            _ => &self.user_principal_name,
        }
    }

    pub(crate) fn shown_name(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.user_principal_name)
    }
}

/// The directory with the look-ups that every request needs; 100,000 users cost no scan.
pub(crate) struct DirectoryIndex {
    pub(crate) directory: Directory,
    crowd: CrowdIndex,
    users_by_id: HashMap<ObjectId, usize>,
    users_by_name: HashMap<String, usize>,
}

impl DirectoryIndex {
    pub(crate) fn new(directory: Directory) -> Self {
        let mut users_by_name = HashMap::new();
        for (position, user) in directory.users.iter().enumerate() {
            users_by_name.insert(user.profile.user_principal_name.to_lowercase(), position);
        }
        // A guest is also found by its mail address, unless a user principal name says the same.
        for (position, user) in directory.users.iter().enumerate() {
            users_by_name.entry(user.profile.sign_in_name().to_lowercase()).or_insert(position);
        }
        let users_by_id =
            directory.users.iter().enumerate().map(|(position, user)| (user.object_id, position)).collect();
        let crowd = CrowdIndex::new(directory.crowd, directory.tenants.first());
        Self { directory, crowd, users_by_id, users_by_name }
    }

    pub(crate) fn home_tenant(&self) -> Option<&Tenant> {
        self.directory.tenants.first()
    }

    pub(crate) fn tenant(&self, id: TenantId) -> Option<&Tenant> {
        self.tenants().find(|tenant| tenant.id == id)
    }

    pub(crate) fn tenant_by_domain(&self, domain: &str) -> Option<&Tenant> {
        self.tenants().find(|tenant| tenant.domain.eq_ignore_ascii_case(domain))
    }

    fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.directory.tenants.iter().chain(self.crowd.tenants())
    }

    pub(crate) fn user(&self, id: ObjectId) -> Option<Cow<'_, User>> {
        let listed =
            self.users_by_id.get(&id).map(|position| Cow::Borrowed(&self.directory.users[*position]));
        listed.or_else(|| self.crowd.user(id).map(Cow::Owned))
    }

    /// By object id, user principal name or guest mail address; letters' case does not matter.
    pub(crate) fn find_user(&self, name_or_id: &str) -> Option<Cow<'_, User>> {
        if let Ok(id) = name_or_id.parse::<ObjectId>() {
            return self.user(id);
        }
        let listed = self.users_by_name.get(&name_or_id.to_lowercase());
        let listed = listed.map(|position| Cow::Borrowed(&self.directory.users[*position]));
        listed.or_else(|| self.crowd.named(name_or_id).map(Cow::Owned))
    }

    /// The user who signs in as `name` in `tenant`, or at their home when the tenant is not fixed.
    pub(crate) fn find_sign_in(&self, name: &str, tenant: Option<TenantId>) -> Option<Cow<'_, User>> {
        let found = self.find_user(name)?;
        match tenant {
            Some(tenant) if found.tenant != tenant => {
                let mut users = self.directory.users.iter();
                users.find(|user| user.tenant == tenant && user.home == found.home).map(Cow::Borrowed)
            }
            None if found.is_guest() => self.user(found.home.object_id),
            _ => Some(found),
        }
    }
}
