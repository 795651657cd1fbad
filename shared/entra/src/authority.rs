//! Where the authority's endpoints are and which issuers it signs as, worked out without asking it.

use domain::identity::{InvalidIdentifier, TenantId};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use url::{Host, Url};

/// Whose users sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantSetting {
    /// The users of one tenant.
    Single(TenantId),
    /// Users of any work or school tenant; which of them may call is the access policy's question.
    Organizations,
}

impl FromStr for TenantSetting {
    type Err = InvalidIdentifier;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "organizations" {
            return Ok(Self::Organizations);
        }
        text.parse().map(Self::Single).map_err(|_| InvalidIdentifier {
            expected: "a tenant id (GUID) or `organizations`",
            length: text.len(),
        })
    }
}

impl fmt::Display for TenantSetting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Single(tenant) => tenant.fmt(formatter),
            Self::Organizations => formatter.write_str("organizations"),
        }
    }
}

/// The shape of an access token (`ver`), set by `requestedAccessTokenVersion` in the API's registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenVersion {
    V1,
    V2,
}

/// One Microsoft cloud: the hosts that mean it, and the names that it signs and that caches use.
#[derive(Debug)]
struct Cloud {
    aliases: &'static [&'static str],
    /// Host of v2 issuers.
    issuer_host: &'static str,
    /// Root of v1 issuers, with the slash.
    v1_issuer_root: &'static str,
    /// `environment` in caches (MSAL's `preferred_cache`).
    cache_environment: &'static str,
    /// `cloud_instance_name` of the signing keys.
    instance_name: &'static str,
    /// `aud` of tokens that prove an application by federation.
    federation_audience: &'static str,
}

const PUBLIC_FEDERATION_AUDIENCE: &str = "api://AzureADTokenExchange";

/// As in MSAL.NET's `KnownMetadataProvider` and Entra's national-clouds page.
const CLOUDS: [Cloud; 3] = [
    Cloud {
        aliases: &[
            "login.microsoftonline.com",
            "login.windows.net",
            "login.microsoft.com",
            "sts.windows.net",
        ],
        issuer_host: "login.microsoftonline.com",
        v1_issuer_root: "https://sts.windows.net/",
        cache_environment: "login.windows.net",
        instance_name: "microsoftonline.com",
        federation_audience: PUBLIC_FEDERATION_AUDIENCE,
    },
    Cloud {
        aliases: &["login.microsoftonline.us", "login.usgovcloudapi.net"],
        issuer_host: "login.microsoftonline.us",
        v1_issuer_root: "https://sts.windows.net/",
        cache_environment: "login.microsoftonline.us",
        instance_name: "microsoftonline.us",
        federation_audience: "api://AzureADTokenExchangeUSGov",
    },
    Cloud {
        aliases: &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
        issuer_host: "login.partner.microsoftonline.cn",
        v1_issuer_root: "https://sts.chinacloudapi.cn/",
        cache_environment: "login.partner.microsoftonline.cn",
        instance_name: "partner.microsoftonline.cn",
        federation_audience: "api://AzureADTokenExchangeChina",
    },
];

/// The service that signs users in: a Microsoft cloud, or any host that speaks the same protocol.
///
/// A host that is not Microsoft's is taken as it is: its issuers are `{host}/{tid}/v2.0` and `{host}/{tid}/`.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Without a slash at the end.
    base: String,
    tenant: TenantSetting,
    cloud: Option<&'static Cloud>,
    cache_environment: String,
}

/// An authority host that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an authority host such as https://login.microsoftonline.com, {problem}")]
pub struct InvalidAuthority {
    problem: &'static str,
}

impl Authority {
    /// # Errors
    /// Anything but `https://host[:port][/path]`. Plain http is taken for hosts inside the machine or a private network
    /// only, because the client secret travels on it.
    pub fn new(host: &Url, tenant: TenantSetting) -> Result<Self, InvalidAuthority> {
        let invalid = |problem| Err(InvalidAuthority { problem });
        let Some(name) = host.host() else { return invalid("got a URL without a host") };
        match host.scheme() {
            "https" => {}
            "http" if is_private(&name) => {}
            "http" => return invalid("got plain http to a public host; use https"),
            _ => return invalid("got another scheme"),
        }
        if !host.username().is_empty() || host.password().is_some() {
            return invalid("got one with a user name in it");
        }
        if host.query().is_some() || host.fragment().is_some() {
            return invalid("got one with a query or fragment");
        }
        let name = name.to_string();
        let cloud = CLOUDS.iter().find(|cloud| cloud.aliases.contains(&name.as_str()));
        let cache_environment = match (cloud, host.port()) {
            (Some(cloud), _) => cloud.cache_environment.to_owned(),
            (None, Some(port)) => format!("{name}:{port}"),
            (None, None) => name,
        };
        Ok(Self { base: host.as_str().trim_end_matches('/').to_owned(), tenant, cloud, cache_environment })
    }

    pub fn tenant(&self) -> TenantSetting {
        self.tenant
    }

    /// The token endpoint of a tenant. On-Behalf-Of must use the tenant of the assertion.
    pub fn token_endpoint(&self, tenant: TenantId) -> String {
        format!("{}/{tenant}/oauth2/v2.0/token", self.base)
    }

    /// Where the signing keys are published. The v2 document also serves v1 tokens: both are signed with the same keys.
    pub fn signing_keys_url(&self) -> String {
        format!("{}/{}/discovery/v2.0/keys", self.base, self.tenant)
    }

    /// What the authority says of itself (OpenID Connect Discovery). Nothing here follows from it; an operator's check reads
    /// it.
    pub fn metadata_url(&self) -> String {
        format!("{}/{}/v2.0/.well-known/openid-configuration", self.base, self.tenant)
    }

    /// The issuer that the metadata names, with `{tenantid}` for the tenant where it is any.
    pub fn metadata_issuer(&self) -> String {
        let tenant = match self.tenant {
            TenantSetting::Single(tenant) => tenant.to_string(),
            TenantSetting::Organizations => "{tenantid}".to_owned(),
        };
        self.issuer_of(TokenVersion::V2, &tenant)
    }

    /// The one issuer that tokens of this version for this tenant must name.
    pub fn issuer(&self, version: TokenVersion, tenant: TenantId) -> String {
        self.issuer_of(version, &tenant.to_string())
    }

    fn issuer_of(&self, version: TokenVersion, tenant: &str) -> String {
        match (version, self.cloud) {
            (TokenVersion::V1, Some(cloud)) => format!("{}{tenant}/", cloud.v1_issuer_root),
            (TokenVersion::V1, None) => format!("{}/{tenant}/", self.base),
            (TokenVersion::V2, Some(cloud)) => format!("https://{}/{tenant}/v2.0", cloud.issuer_host),
            (TokenVersion::V2, None) => format!("{}/{tenant}/v2.0", self.base),
        }
    }

    /// `environment` of cache entries: MSAL's preferred cache name of the cloud, or the host as it is.
    pub fn cache_environment(&self) -> &str {
        &self.cache_environment
    }

    /// What a federated credential's token must be for; that of the public cloud for hosts that are not Microsoft's.
    pub fn federation_audience(&self) -> &'static str {
        self.cloud.map_or(PUBLIC_FEDERATION_AUDIENCE, |cloud| cloud.federation_audience)
    }

    /// What the signing keys of this cloud carry as `cloud_instance_name`; unknown for other hosts.
    pub(crate) fn cloud_instance_name(&self) -> Option<&'static str> {
        self.cloud.map(|cloud| cloud.instance_name)
    }
}

/// Whether traffic to this host stays on the machine or in a private network.
fn is_private(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback() || address.is_private(),
        Host::Ipv6(address) => {
            address.is_loopback() || address.is_unique_local() || {
                let mapped = IpAddr::V6(*address).to_canonical();
                matches!(mapped, IpAddr::V4(v4) if v4.is_loopback() || v4.is_private())
            }
        }
        // A name without a dot is resolved locally; `.internal` is reserved for private use (host.docker.internal).
        Host::Domain(name) => {
            !name.contains('.') || name.ends_with(".localhost") || name.ends_with(".internal")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "7f3a9c12-4d5e-4b6a-9c8d-0e1f2a3b4c5d";

    fn authority(host: &str) -> Authority {
        try_authority(host).expect("a good host")
    }

    fn try_authority(host: &str) -> Result<Authority, InvalidAuthority> {
        Authority::new(&host.parse().expect("a URL"), TENANT.parse().expect("a tenant"))
    }

    #[test]
    fn every_alias_of_a_cloud_has_that_clouds_issuers_and_cache_environment() {
        let tenant: TenantId = TENANT.parse().unwrap();
        for (hosts, v2, v1, environment, federation) in [
            (
                ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]
                    .as_slice(),
                "https://login.microsoftonline.com/",
                "https://sts.windows.net/",
                "login.windows.net",
                "api://AzureADTokenExchange",
            ),
            (
                ["login.microsoftonline.us", "login.usgovcloudapi.net"].as_slice(),
                "https://login.microsoftonline.us/",
                "https://sts.windows.net/",
                "login.microsoftonline.us",
                "api://AzureADTokenExchangeUSGov",
            ),
            (
                ["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"].as_slice(),
                "https://login.partner.microsoftonline.cn/",
                "https://sts.chinacloudapi.cn/",
                "login.partner.microsoftonline.cn",
                "api://AzureADTokenExchangeChina",
            ),
        ] {
            for host in hosts {
                let authority = authority(&format!("https://{host}"));
                assert_eq!(authority.issuer(TokenVersion::V2, tenant), format!("{v2}{TENANT}/v2.0"));
                assert_eq!(authority.issuer(TokenVersion::V1, tenant), format!("{v1}{TENANT}/"));
                assert_eq!(authority.cache_environment(), environment);
                assert_eq!(authority.federation_audience(), federation);
                // Requests go to the host that was configured, not to the cloud's preferred one.
                assert_eq!(
                    authority.token_endpoint(tenant),
                    format!("https://{host}/{TENANT}/oauth2/v2.0/token")
                );
                assert_eq!(
                    authority.signing_keys_url(),
                    format!("https://{host}/{TENANT}/discovery/v2.0/keys")
                );
            }
        }
    }

    #[test]
    fn another_host_is_taken_as_it_is() {
        let tenant: TenantId = TENANT.parse().unwrap();
        for host in ["http://localhost:3002", "http://localhost:3002/"] {
            let authority = authority(host);
            assert_eq!(
                authority.issuer(TokenVersion::V2, tenant),
                format!("http://localhost:3002/{TENANT}/v2.0")
            );
            assert_eq!(
                authority.issuer(TokenVersion::V1, tenant),
                format!("http://localhost:3002/{TENANT}/")
            );
            assert_eq!(authority.cache_environment(), "localhost:3002");
        }
        let own = authority("https://sts.lakeside.example");
        assert_eq!(own.cache_environment(), "sts.lakeside.example");
        assert_eq!(own.federation_audience(), "api://AzureADTokenExchange");
    }

    #[test]
    fn organizations_has_its_own_key_document_and_no_token_endpoint_of_its_own() {
        let host = "https://login.microsoftonline.com".parse().unwrap();
        let authority = Authority::new(&host, "organizations".parse().unwrap()).unwrap();
        assert_eq!(
            authority.signing_keys_url(),
            "https://login.microsoftonline.com/organizations/discovery/v2.0/keys"
        );
    }

    #[test]
    fn a_host_that_would_leak_or_mislead_is_refused() {
        for host in [
            "http://login.microsoftonline.com",
            "http://203.0.113.9:3002",
            "ftp://localhost",
            "https://user@login.microsoftonline.com",
            "https://login.microsoftonline.com/?x=1",
            "https://login.microsoftonline.com/#x",
            "unix:/tmp/socket",
        ] {
            assert!(try_authority(host).is_err(), "{host}");
        }
        for host in
            ["http://127.0.0.1:1", "http://[::1]:1", "http://host.docker.internal:1", "http://emulator:1"]
        {
            assert!(try_authority(host).is_ok(), "{host}");
        }
    }

    #[test]
    fn a_tenant_is_a_guid_or_organizations() {
        for text in ["common", "consumers", "lakeside.example", "", "Organizations"] {
            assert!(text.parse::<TenantSetting>().is_err(), "{text}");
        }
        assert_eq!("organizations".parse(), Ok(TenantSetting::Organizations));
    }
}
