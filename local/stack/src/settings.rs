//! Which services a stack starts and which it is pointed at, and the variables that its functions get.

use crate::addresses::Addresses;
use crate::event_bus::LOCAL_BUS;
use entra_emulator::{API_CLIENT_ID, API_CLIENT_SECRET, SPA_CLIENT_ID, TENANT_ID};
use wiring::Environment;

/// The table of a stack whose database is its own.
pub(crate) const LOCAL_TABLE: &str = "shared-token-cache";

/// Any one of these says that sign-in is somebody else's: the emulator is not started.
const FOREIGN_AUTHORITY: [&str; 3] = ["ENTRA_AUTHORITY_HOST", "ENTRA_TENANT_ID", "ENTRA_CLIENT_ID"];

/// Who answers for Entra ID and Graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Authority {
    /// The emulator, started with the stack.
    Own,
    /// Whatever `ENTRA_*` and `GRAPH_BASE_URL` name.
    Foreign,
}

/// Who keeps the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Database {
    /// The embedded server, started with the stack.
    Own,
    /// The server at this address; it is not Amazon's, so the table may be made there.
    At(String),
    /// Amazon's DynamoDB, with the SDK's usual credentials.
    Amazon,
}

/// Who takes events and hands out the sweep's tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bus {
    /// One in this process, started with the stack if it is wanted.
    Own,
    /// The one that `EVENT_BUS_NAME` names.
    Foreign,
}

impl Bus {
    pub(crate) fn of(environment: &Environment) -> Self {
        let foreign = environment.get("EVENT_BUS_NAME").is_some();
        if foreign { Self::Foreign } else { Self::Own }
    }
}

impl Authority {
    pub(crate) fn of(environment: &Environment) -> Self {
        let foreign = FOREIGN_AUTHORITY.iter().any(|name| environment.get(name).is_some());
        if foreign { Self::Foreign } else { Self::Own }
    }
}

impl Database {
    /// An endpoint names a server; without one, a `TABLE_NAME` means a table at Amazon; with neither there is no database
    /// yet, and the stack brings its own.
    pub(crate) fn of(environment: &Environment) -> Self {
        let endpoint =
            environment.get("AWS_ENDPOINT_URL_DYNAMODB").or_else(|| environment.get("AWS_ENDPOINT_URL"));
        match endpoint {
            Some(url) if is_amazon(url) => Self::Amazon,
            Some(url) => Self::At(url.to_owned()),
            None if environment.get("TABLE_NAME").is_some() => Self::Amazon,
            None => Self::Own,
        }
    }
}

/// An endpoint of Amazon's, where nothing is deleted by a local command.
pub(crate) fn is_amazon(url: &str) -> bool {
    let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| {
        ["amazonaws.com", "amazonaws.com.cn", "api.aws"]
            .iter()
            .any(|domain| host == *domain || host.ends_with(&format!(".{domain}")))
    })
}

/// What the functions get: what is set, and local defaults for the rest.
pub(crate) fn for_functions(given: &Environment, addresses: &Addresses, sealing_key: &str) -> Environment {
    let mut environment = given.clone();
    if let Some(emulator) = &addresses.emulator {
        environment.set_default("ENTRA_AUTHORITY_HOST", emulator);
        environment.set_default("ENTRA_TENANT_ID", TENANT_ID);
        environment.set_default("ENTRA_CLIENT_ID", API_CLIENT_ID);
        if environment.get("ENTRA_CLIENT_SECRET_ARN").is_none() {
            environment.set_default("ENTRA_CLIENT_SECRET", API_CLIENT_SECRET);
        }
        environment.set_default("SPA_CLIENT_ID", SPA_CLIENT_ID);
        environment.set_default("GRAPH_BASE_URL", format!("{emulator}/graph/v1.0"));
    }
    if let Some(page) = environment.get("SPA_CLIENT_ID").map(str::to_owned) {
        environment.set_default("ENTRA_ALLOWED_CLIENTS", page);
    }
    if let Some(dynamodb) = &addresses.dynamodb {
        environment.set_default("AWS_ENDPOINT_URL_DYNAMODB", dynamodb);
        environment.set_default("TABLE_NAME", LOCAL_TABLE);
    }
    set_aws_defaults(&mut environment);
    // After the credentials: a bus of the stack's own takes any.
    if let Some(bus) = &addresses.event_bus {
        environment.set("EVENT_BUS_NAME", LOCAL_BUS);
        environment.set("AWS_ENDPOINT_URL_EVENTBRIDGE", bus);
    }
    if environment.get("SEALING_KEY_ARN").is_none() {
        environment.set_default("SEALING_LOCAL_KEY", sealing_key);
    }
    environment.set_default("SWEEP_SHARDS", "4");
    environment.set_default("SWEEP_INTERVAL_SECONDS", "60");
    if let Some(port) = addresses.page.rsplit(':').next() {
        environment
            .set_default("CORS_ALLOWED_ORIGINS", format!("{},http://127.0.0.1:{port}", addresses.page));
    }
    environment
}

/// A region, and for servers that are not Amazon's credentials too: the SDK signs every request, and those servers take
/// any signature.
pub(crate) fn set_aws_defaults(environment: &mut Environment) {
    if environment.get("AWS_DEFAULT_REGION").is_none() {
        environment.set_default("AWS_REGION", "us-east-1");
    }
    let amazon = Database::of(environment) == Database::Amazon || environment.get("EVENT_BUS_NAME").is_some();
    if !amazon && environment.get("AWS_ACCESS_KEY_ID").is_none() {
        environment.set("AWS_ACCESS_KEY_ID", "local");
        environment.set("AWS_SECRET_ACCESS_KEY", "local");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(variables: &[(&str, &str)]) -> Environment {
        variables.iter().copied().collect()
    }

    #[test]
    fn any_setting_of_a_tenant_means_that_sign_in_is_not_emulated() {
        assert_eq!(Authority::of(&environment(&[("ENTRA_TENANT_ID", "")])), Authority::Own);
        for name in FOREIGN_AUTHORITY {
            assert_eq!(Authority::of(&environment(&[(name, "x")])), Authority::Foreign);
        }
    }

    #[test]
    fn an_endpoint_goes_before_a_table_name() {
        let endpoint = ("AWS_ENDPOINT_URL_DYNAMODB", "http://localhost:8000");
        let table = ("TABLE_NAME", "tokens");
        assert_eq!(Database::of(&environment(&[])), Database::Own);
        assert_eq!(Database::of(&environment(&[table])), Database::Amazon);
        assert_eq!(Database::of(&environment(&[endpoint])), Database::At(endpoint.1.to_owned()));
        assert_eq!(Database::of(&environment(&[endpoint, table])), Database::At(endpoint.1.to_owned()));
        let general = ("AWS_ENDPOINT_URL", "http://localhost:5555");
        assert_eq!(Database::of(&environment(&[general])), Database::At(general.1.to_owned()));
        let amazon = ("AWS_ENDPOINT_URL_DYNAMODB", "https://dynamodb.eu-central-1.amazonaws.com");
        assert_eq!(Database::of(&environment(&[amazon])), Database::Amazon);
    }

    #[test]
    fn only_hosts_of_amazons_are_amazons() {
        assert!(is_amazon("https://dynamodb.us-east-1.amazonaws.com"));
        assert!(is_amazon("https://dynamodb.cn-north-1.amazonaws.com.cn/"));
        assert!(is_amazon("https://dynamodb.us-east-1.api.aws"));
        assert!(!is_amazon("https://amazonaws.com.example"));
        assert!(!is_amazon("https://fakeamazonaws.com"));
        assert!(!is_amazon("http://localhost:8000"));
        assert!(!is_amazon("not an address"));
    }

    #[test]
    fn the_bus_of_the_stack_is_named_with_its_address() {
        let mut addresses = Addresses {
            page: "http://localhost:3000".to_owned(),
            api: "http://localhost:3001".to_owned(),
            accounts: "http://localhost:3005".to_owned(),
            emulator: None,
            dynamodb: Some("http://localhost:3003".to_owned()),
            event_bus: Some("http://localhost:3006".to_owned()),
            control: None,
        };
        let all = for_functions(&environment(&[]), &addresses, "key");
        assert_eq!(all.get("EVENT_BUS_NAME"), Some("local"));
        assert_eq!(all.get("AWS_ENDPOINT_URL_EVENTBRIDGE"), Some("http://localhost:3006"));
        assert_eq!(all.get("AWS_ACCESS_KEY_ID"), Some("local"), "neither bus nor table is Amazon's");
        addresses.event_bus = None;
        assert_eq!(for_functions(&environment(&[]), &addresses, "key").get("EVENT_BUS_NAME"), None);
        assert_eq!(Bus::of(&environment(&[("EVENT_BUS_NAME", "")])), Bus::Own);
        assert_eq!(Bus::of(&environment(&[("EVENT_BUS_NAME", "accounts")])), Bus::Foreign);
    }

    #[test]
    fn what_is_set_is_never_replaced() {
        let given =
            environment(&[("SWEEP_IDLE_SECONDS", "5"), ("SWEEP_SHARDS", "7"), ("TABLE_NAME", "tokens")]);
        let addresses = Addresses {
            page: "http://localhost:3000".to_owned(),
            api: "http://localhost:3001".to_owned(),
            accounts: "http://localhost:3005".to_owned(),
            emulator: Some("http://localhost:3002".to_owned()),
            dynamodb: None,
            event_bus: None,
            control: None,
        };
        let all = for_functions(&given, &addresses, "key");
        assert_eq!(all.get("SWEEP_SHARDS"), Some("7"));
        assert_eq!(all.get("SWEEP_IDLE_SECONDS"), Some("5"));
        assert_eq!(all.get("TABLE_NAME"), Some("tokens"));
        assert_eq!(all.get("AWS_ENDPOINT_URL_DYNAMODB"), None);
        assert_eq!(all.get("AWS_ACCESS_KEY_ID"), None, "Amazon gets the SDK's own credentials");
        assert_eq!(all.get("CORS_ALLOWED_ORIGINS"), Some("http://localhost:3000,http://127.0.0.1:3000"));
    }
}
