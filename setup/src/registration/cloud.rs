//! Microsoft's clouds: where users sign in and where Graph is.
//! <https://learn.microsoft.com/graph/deployments>

use url::Url;

/// A cloud with its own directories.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Cloud {
    /// The global one
    #[default]
    Public,
    /// US Government L4 (GCC High)
    Usgov,
    /// US Government L5 (defence)
    UsgovDod,
    /// China, operated by 21Vianet
    China,
}

/// Where the services of a cloud are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hosts {
    /// `ENTRA_AUTHORITY_HOST`, without a slash at its end.
    pub(crate) authority: String,
    /// `GRAPH_BASE_URL`: with its version, without a slash at its end.
    pub(crate) graph: String,
}

/// An address that is not one of a sign-in service or of Graph.
#[derive(Debug, thiserror::Error)]
#[error("expected an https address such as {example}, got {got}; plain http is for this machine only")]
pub struct InvalidHost {
    got: String,
    example: &'static str,
}

impl Cloud {
    pub(crate) fn authority(self) -> &'static str {
        match self {
            Self::Public => "https://login.microsoftonline.com",
            Self::Usgov | Self::UsgovDod => "https://login.microsoftonline.us",
            Self::China => "https://login.partner.microsoftonline.cn",
        }
    }

    pub(crate) fn graph(self) -> &'static str {
        match self {
            Self::Public => "https://graph.microsoft.com/v1.0",
            Self::Usgov => "https://graph.microsoft.us/v1.0",
            Self::UsgovDod => "https://dod-graph.microsoft.us/v1.0",
            Self::China => "https://microsoftgraph.chinacloudapi.cn/v1.0",
        }
    }

    /// `aud` of tokens that prove an application by federation.
    pub(crate) fn federation_audience(self) -> &'static str {
        match self {
            Self::Public => "api://AzureADTokenExchange",
            Self::Usgov | Self::UsgovDod => "api://AzureADTokenExchangeUSGov",
            Self::China => "api://AzureADTokenExchangeChina",
        }
    }

    /// Microsoft's command-line tools for Graph, which a user signs in to where no application of their own is named. They
    /// are in every tenant, but not in China's: applications of the other clouds are not known there.
    /// <https://learn.microsoft.com/powershell/microsoftgraph/authentication-commands>
    pub(crate) fn client_id(self) -> Option<&'static str> {
        match self {
            Self::Public | Self::Usgov | Self::UsgovDod => Some("14d82eec-204b-4c2f-b7e8-296a70dab67e"),
            Self::China => None,
        }
    }
}

impl Hosts {
    /// Those of the cloud, where no others are given.
    pub(crate) fn new(
        cloud: Cloud,
        authority: Option<&str>,
        graph: Option<&str>,
    ) -> Result<Self, InvalidHost> {
        Ok(Self {
            authority: checked(authority.unwrap_or(cloud.authority()), Cloud::Public.authority())?,
            graph: checked(graph.unwrap_or(cloud.graph()), Cloud::Public.graph())?,
        })
    }
}

fn checked(text: &str, example: &'static str) -> Result<String, InvalidHost> {
    let text = text.trim().trim_end_matches('/');
    let safe = Url::parse(text).is_ok_and(|url| {
        let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
        url.query().is_none()
            && url.username().is_empty()
            && (url.scheme() == "https" || (url.scheme() == "http" && local))
    });
    if safe { Ok(text.to_owned()) } else { Err(InvalidHost { got: text.to_owned(), example }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_its_own_sign_in_and_graph() {
        let hosts = Hosts::new(Cloud::UsgovDod, None, None).unwrap();
        assert_eq!(hosts.authority, "https://login.microsoftonline.us");
        assert_eq!(hosts.graph, "https://dod-graph.microsoft.us/v1.0");
        assert_eq!(Cloud::China.client_id(), None);
    }

    #[test]
    fn tokens_go_to_https_or_stay_on_this_machine() {
        let local = Hosts::new(Cloud::Public, Some("http://localhost:3002/"), None).unwrap();
        assert_eq!(local.authority, "http://localhost:3002");
        for bad in [
            "http://login.example",
            "ftp://localhost",
            "login.microsoftonline.com",
            "https://me@host.example",
        ] {
            let error = Hosts::new(Cloud::Public, Some(bad), None).unwrap_err().to_string();
            assert!(error.contains(bad), "{error}");
        }
    }
}
