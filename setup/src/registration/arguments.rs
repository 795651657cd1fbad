//! The command line of `register`, `show` and `clean-up`.

use std::path::PathBuf;

use clap::Args;

use super::cloud::Cloud;
use super::credential::Kind;
use super::state::Name;

/// What is done about the app registrations.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Registers the API and the page in a tenant, or completes what is there
    #[command(after_help = REGISTER_EXAMPLES)]
    Register(Box<RegisterArguments>),
    /// Shows what is registered
    Show(ShowArguments),
    /// Removes what `register` made, and nothing else
    #[command(after_help = CLEAN_UP_EXAMPLES)]
    CleanUp(CleanUpArguments),
}

const REGISTER_EXAMPLES: &str = "\
Examples:
  register                                         a page on this machine, a client secret in .env
  register --dry-run                               what would be done
  register --origin https://app.example --admin-consent
  register --credential federated --issuer https://….tokens.sts.global.api.aws \\
           --subject arn:aws:iam::123456789012:role/api --subject arn:aws:iam::123456789012:role/sweep
  register --credential certificate --certificate api.pem
  register --cloud usgov --tenant contoso.onmicrosoft.us

A second run changes nothing; one after a failure goes on where that stopped.";

const CLEAN_UP_EXAMPLES: &str = "\
Applications and service principals go for good, unless --restorable is given: then Entra ID keeps them among the deleted
items for 30 days, and `register` brings them back. Objects without the deployment's tag are left alone.";

/// Where, and as whom.
#[derive(Debug, Clone, Args)]
pub(crate) struct TenantArguments {
    /// The deployment's name in the tenant
    #[arg(long, value_name = "NAME", default_value = "token-cache")]
    pub(crate) name: Name,
    /// The tenant (GUID or domain); otherwise that of the user who signs in
    #[arg(long, value_name = "TENANT", default_value = "organizations")]
    pub(crate) tenant: String,
    /// The national cloud
    #[arg(long, value_enum, default_value_t)]
    pub(crate) cloud: Cloud,
    /// Another sign-in service than the cloud's
    #[arg(long, value_name = "URL", env = "ENTRA_AUTHORITY_HOST")]
    pub(crate) authority_host: Option<String>,
    /// Another Graph than the cloud's, with its version
    #[arg(long, value_name = "URL", env = "GRAPH_BASE_URL")]
    pub(crate) graph_base_url: Option<String>,
    /// The application to sign in to; otherwise Microsoft Graph Command Line Tools
    #[arg(long, value_name = "GUID")]
    pub(crate) client_id: Option<String>,
    /// A file with an access token for Graph, instead of a sign-in
    #[arg(long, value_name = "FILE")]
    pub(crate) access_token_file: Option<PathBuf>,
    /// An access token for Graph, instead of a sign-in
    #[arg(long, value_name = "TOKEN", env = "GRAPH_ACCESS_TOKEN", hide_env_values = true, hide = true)]
    pub(crate) access_token: Option<secrecy::SecretString>,
}

/// The files that hold the registration.
#[derive(Debug, Clone, Args)]
pub(crate) struct FileArguments {
    /// The settings file; made when it is not there, readable by its owner only
    #[arg(long, value_name = "FILE", default_value = ".env")]
    pub(crate) env_file: PathBuf,
    /// SAM's settings; left alone when they are not there
    #[arg(long, value_name = "FILE", default_value = "samconfig.toml")]
    pub(crate) sam_config: PathBuf,
    /// The environment in SAM's settings
    #[arg(long, value_name = "NAME", default_value = "prod")]
    pub(crate) sam_environment: String,
    /// The page's settings; made when their folder is there
    #[arg(long, value_name = "FILE", default_value = "spa/public/config.json")]
    pub(crate) page_config: PathBuf,
}

/// `register`
#[derive(Debug, Clone, Args)]
pub struct RegisterArguments {
    #[command(flatten)]
    pub(crate) tenant: TenantArguments,
    #[command(flatten)]
    pub(crate) files: FileArguments,
    /// Where the page is served from; may be given several times, and is added to what is registered; where `cargo local` serves it
    /// for a page that has none yet
    #[arg(long = "origin", value_name = "ORIGIN", value_parser = origin)]
    pub(crate) origins: Vec<String>,
    /// How the API proves itself; otherwise as the settings file says, or with a secret
    #[arg(long, value_enum)]
    pub(crate) credential: Option<Kind>,
    /// With `secret`: days until a new one ends
    #[arg(long, value_name = "DAYS", default_value_t = 180, value_parser = clap::value_parser!(u16).range(31..=730))]
    pub(crate) secret_days: u16,
    /// With `secret`: also writes a new one to the terminal
    #[arg(long)]
    pub(crate) show_secret: bool,
    /// With `federated`: the issuer of the roles' tokens (`aws iam get-outbound-web-identity-federation-info`)
    #[arg(long, value_name = "URL", required_if_eq("credential", "federated"))]
    pub(crate) issuer: Option<String>,
    /// With `federated`: ARN of a function's role; may be given several times
    #[arg(long = "subject", value_name = "ARN", required_if_eq("credential", "federated"))]
    pub(crate) subjects: Vec<String>,
    /// With `certificate`: PEM file with the certificate; a key beside it stays there
    #[arg(long, value_name = "FILE", required_if_eq("credential", "certificate"))]
    pub(crate) certificate: Option<PathBuf>,
    /// Consents for everybody in the tenant, which takes an administrator
    #[arg(long)]
    pub(crate) admin_consent: bool,
    /// Shows what would be done and does nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// `show`
#[derive(Debug, Clone, Args)]
pub struct ShowArguments {
    #[command(flatten)]
    pub(crate) tenant: TenantArguments,
}

/// `clean-up`
#[derive(Debug, Clone, Args)]
pub struct CleanUpArguments {
    #[command(flatten)]
    pub(crate) tenant: TenantArguments,
    #[command(flatten)]
    pub(crate) files: FileArguments,
    /// Leaves the applications among the deleted items, from where they can be restored for 30 days
    #[arg(long)]
    pub(crate) restorable: bool,
    /// Does not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Shows what would be done and does nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// An origin without a slash at its end.
fn origin(text: &str) -> Result<String, String> {
    let expected = || format!("expected https://host[:port], or http on this machine, got {text}");
    let url = url::Url::parse(text).map_err(|_| expected())?;
    let local = matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
    let bare =
        url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if bare && (url.scheme() == "https" || (url.scheme() == "http" && local)) {
        Ok(url.origin().ascii_serialization())
    } else {
        Err(expected())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_https_or_on_this_machine() {
        assert_eq!(origin("https://app.example/").unwrap(), "https://app.example");
        assert_eq!(origin("http://localhost:3000").unwrap(), "http://localhost:3000");
        for bad in ["http://app.example", "https://app.example/page", "app.example", "https://app.example/?a"]
        {
            assert!(origin(bad).unwrap_err().contains(bad), "{bad}");
        }
    }
}
