//! Names of one cloud: the hosts that mean the same, and the one under which its entries are cached.

/// Hosts of one cloud, the one that MSAL caches under (`preferred_cache`) first; as in MSAL.NET's
/// `KnownMetadataProvider`.
const ALIASES: [&[&str]; 3] = [
    &["login.windows.net", "login.microsoftonline.com", "login.microsoft.com", "sts.windows.net"],
    &["login.microsoftonline.us", "login.usgovcloudapi.net"],
    &["login.partner.microsoftonline.cn", "login.chinacloudapi.cn"],
];

/// The name to cache under; a host that is not known stands for itself.
pub(crate) fn cached_as(host: &str) -> &str {
    let knows = |aliases: &&&[&str]| aliases.iter().any(|alias| alias.eq_ignore_ascii_case(host));
    ALIASES.iter().find(knows).and_then(|aliases| aliases.first()).copied().unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::cached_as;

    #[test]
    fn all_names_of_a_cloud_are_cached_as_one() {
        for (host, cached) in [
            ("login.microsoftonline.com", "login.windows.net"),
            ("Login.Microsoft.com", "login.windows.net"),
            ("sts.windows.net", "login.windows.net"),
            ("login.windows.net", "login.windows.net"),
            ("login.usgovcloudapi.net", "login.microsoftonline.us"),
            ("login.chinacloudapi.cn", "login.partner.microsoftonline.cn"),
            ("login-us.microsoftonline.com", "login-us.microsoftonline.com"),
            ("localhost:3002", "localhost:3002"),
            ("", ""),
        ] {
            assert_eq!(cached_as(host), cached, "{host}");
        }
    }
}
