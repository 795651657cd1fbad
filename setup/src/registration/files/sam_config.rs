//! `samconfig.toml`: the parameters of one environment's `sam deploy`. Never a secret: those are in Secrets Manager.

use toml_edit::{Array, DocumentMut, Item, Table, Value};
use uuid::Uuid;

use super::{Settings, allowed_clients};
use crate::registration::cloud::Cloud;
use crate::registration::credential::Kind;

/// What `register` sets and `clean-up` takes out.
const NAMES: [&str; 6] = [
    "EntraTenantId",
    "EntraClientId",
    "EntraCredential",
    "EntraAllowedClients",
    "EntraAuthorityHost",
    "GraphBaseUrl",
];

/// The text with the parameters set, and the names of those that changed.
///
/// # Errors
/// What was expected, in words.
pub(super) fn apply(
    text: &str,
    environment: &str,
    settings: &Settings,
) -> Result<(String, Vec<String>), String> {
    let mut document = parse(text)?;
    let mut overrides = Overrides::read(&document, environment)?;
    let same_api = overrides.get("EntraClientId").as_deref() == Some(&settings.api.to_string());
    let allowed = allowed_clients(overrides.get("EntraAllowedClients").as_deref(), same_api, settings.page);
    overrides.set("EntraTenantId", &settings.tenant_id.to_string());
    overrides.set("EntraClientId", &settings.api.to_string());
    overrides.set("EntraCredential", settings.credential.name());
    overrides.set("EntraAllowedClients", &allowed);
    // The template refuses what belongs to another kind of credential; a deployed value is only replaced by an empty one.
    for (name, kind) in
        [("EntraClientSecretArn", Kind::Secret), ("EntraClientCertificateArn", Kind::Certificate)]
    {
        if settings.credential != kind && overrides.get(name).is_some_and(|value| !value.is_empty()) {
            overrides.set(name, "");
        }
    }
    let hosts = [
        ("EntraAuthorityHost", &settings.hosts.authority, Cloud::Public.authority()),
        ("GraphBaseUrl", &settings.hosts.graph, Cloud::Public.graph()),
    ];
    for (name, value, default) in hosts {
        if value != default || overrides.get(name).is_some() {
            overrides.set(name, value);
        }
    }
    overrides.finish(text, &mut document, environment)
}

/// The text without the parameters, if they name this API.
///
/// # Errors
/// What was expected, in words.
pub(super) fn forget(
    text: &str,
    environment: &str,
    api: Option<Uuid>,
) -> Result<(String, Vec<String>), String> {
    let mut document = parse(text)?;
    let mut overrides = Overrides::read(&document, environment)?;
    if api.is_some() && overrides.get("EntraClientId") == api.map(|id| id.to_string()) {
        for name in NAMES {
            overrides.remove(name);
        }
    }
    overrides.finish(text, &mut document, environment)
}

fn parse(text: &str) -> Result<DocumentMut, String> {
    text.parse().map_err(|error| format!("TOML as SAM reads it: {error}"))
}

/// `parameter_overrides`, in either of the forms that SAM writes and reads.
enum Form {
    /// `["Name=value", …]`
    List(Array),
    /// `"Name=\"value\" …"`
    Text(Vec<String>),
}

struct Overrides {
    form: Form,
    changed: Vec<String>,
}

impl Overrides {
    fn read(document: &DocumentMut, environment: &str) -> Result<Self, String> {
        let found = document
            .get(environment)
            .and_then(|table| table.get("deploy"))
            .and_then(|table| table.get("parameters"))
            .and_then(|table| table.get("parameter_overrides"));
        let form = match found {
            None => Form::List(Array::new()),
            Some(Item::Value(Value::Array(list))) => Form::List(list.clone()),
            Some(Item::Value(Value::String(text))) => Form::Text(tokens(text.value())),
            Some(_) => {
                return Err(format!(
                    "{environment}.deploy.parameters.parameter_overrides to be a list or a text of Name=value"
                ));
            }
        };
        Ok(Self { form, changed: Vec::new() })
    }

    fn get(&self, name: &str) -> Option<String> {
        let value = |entry: &str| {
            let (found, value) = entry.split_once('=')?;
            (found == name).then(|| value.trim_matches(['"', '\'']).to_owned())
        };
        match &self.form {
            Form::List(list) => list.iter().filter_map(Value::as_str).find_map(value),
            Form::Text(entries) => entries.iter().find_map(|entry| value(entry)),
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        if self.get(name).as_deref() == Some(value) {
            return;
        }
        let begins = |entry: &str| entry.split_once('=').is_some_and(|(found, _)| found == name);
        match &mut self.form {
            Form::List(list) => {
                // SAM refuses a name with nothing behind it.
                let value = if value.is_empty() { "''" } else { value };
                let mut entry = Value::from(format!("{name}={value}"));
                let position = list.iter().position(|one| one.as_str().is_some_and(begins));
                if let Some(present) = position.and_then(|position| list.get_mut(position)) {
                    *entry.decor_mut() = present.decor().clone();
                    *present = entry;
                } else {
                    push(list, entry);
                }
            }
            Form::Text(entries) => {
                let entry = format!("{name}=\"{value}\"");
                match entries.iter_mut().find(|entry| begins(entry)) {
                    Some(present) => *present = entry,
                    None => entries.push(entry),
                }
            }
        }
        self.changed.push(name.to_owned());
    }

    fn remove(&mut self, name: &str) {
        if self.get(name).is_none() {
            return;
        }
        let other = |entry: &str| entry.split_once('=').is_none_or(|(found, _)| found != name);
        match &mut self.form {
            Form::List(list) => {
                let mine = |one: &Value| one.as_str().is_some_and(|entry| !other(entry));
                let position = list.iter().position(mine);
                if let Some(position) = position {
                    take(list, position);
                }
            }
            Form::Text(entries) => entries.retain(|entry| other(entry)),
        }
        self.changed.push(name.to_owned());
    }

    fn finish(
        self,
        text: &str,
        document: &mut DocumentMut,
        environment: &str,
    ) -> Result<(String, Vec<String>), String> {
        if self.changed.is_empty() {
            return Ok((text.to_owned(), Vec::new()));
        }
        let value = match self.form {
            Form::List(list) => Value::Array(list),
            Form::Text(entries) => Value::from(entries.join(" ")),
        };
        let mut table = document.as_table_mut();
        for name in [environment, "deploy", "parameters"] {
            let mut missing = Table::new();
            missing.set_implicit(name != "parameters");
            let item = table.entry(name).or_insert(Item::Table(missing));
            table = item.as_table_mut().ok_or_else(|| format!("{name} to be a table"))?;
        }
        match table.get_mut("parameter_overrides").and_then(Item::as_value_mut) {
            Some(present) => {
                let decor = present.decor().clone();
                *present = value;
                *present.decor_mut() = decor;
            }
            None => {
                table.insert("parameter_overrides", Item::Value(value));
            }
        }
        Ok((document.to_string(), self.changed))
    }
}

/// Adds an entry on a line of its own, with the indentation of the others. A comment after the last comma stays on its line.
fn push(list: &mut Array, mut entry: Value) {
    let before = list.iter().last().map_or("\n  ", |last| text_of(last.decor().prefix())).to_owned();
    let indent = before.rsplit_once('\n').map_or("", |(_, indent)| indent);
    let prefix = match text_of(Some(list.trailing())).rsplit_once('\n') {
        Some((comment, _)) => format!("{comment}\n{indent}"),
        None if before.is_empty() => " ".to_owned(),
        None => before.clone(),
    };
    if prefix.contains('\n') {
        list.set_trailing("\n");
        list.set_trailing_comma(true);
    }
    *entry.decor_mut() = toml_edit::Decor::new(prefix, "");
    list.push_formatted(entry);
}

/// Removes an entry, but not the comment on the line before it.
fn take(list: &mut Array, position: usize) {
    let taken = list.remove(position);
    let Some((comment, _)) = text_of(taken.decor().prefix()).rsplit_once('\n') else { return };
    if !comment.contains('#') {
        return;
    }
    let with_comment = |rest: &str| format!("{comment}\n{}", rest.strip_prefix('\n').unwrap_or(rest));
    if let Some(next) = list.get_mut(position) {
        let prefix = with_comment(text_of(next.decor().prefix()));
        next.decor_mut().set_prefix(prefix);
    } else {
        let trailing = with_comment(text_of(Some(list.trailing())));
        list.set_trailing(trailing);
    }
}

fn text_of(text: Option<&toml_edit::RawString>) -> &str {
    text.and_then(toml_edit::RawString::as_str).unwrap_or_default()
}

/// `A=1 B="2 3"` → `A=1`, `B="2 3"`.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            ' ' | '\t' | '\n' if !quoted => tokens.push(String::new()),
            _ => {
                quoted ^= letter == '"';
                if let Some(token) = tokens.last_mut() {
                    token.push(letter);
                }
            }
        }
    }
    tokens.retain(|token| !token.is_empty());
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registration::cloud::Hosts;

    fn settings(cloud: Cloud) -> Settings {
        Settings {
            hosts: Hosts::new(cloud, None, None).unwrap(),
            tenant_id: Uuid::from_u128(1),
            api: Uuid::from_u128(2),
            page: Uuid::from_u128(3),
            credential: Kind::Federated,
            certificate_file: None,
        }
    }

    const LIST: &str = r#"version = 0.1

# The real one.
[prod.deploy.parameters]
stack_name = "token-cache" # kept
parameter_overrides = [
  # Whose users sign in.
  "EntraTenantId=",
  "SweepShards=16",
]

[local.deploy.parameters]
parameter_overrides = ["EntraTenantId=other"]
"#;

    #[test]
    fn parameters_are_set_in_their_place_and_everything_else_stays() {
        let (text, changed) = apply(LIST, "prod", &settings(Cloud::Usgov)).unwrap();
        assert_eq!(changed.len(), 6, "{changed:?}");
        let (_, rest) = text.split_once("parameter_overrides = [\n").unwrap();
        assert!(text.starts_with("version = 0.1\n\n# The real one.\n[prod.deploy.parameters]\n"), "{text}");
        assert!(text.contains("stack_name = \"token-cache\" # kept\n"), "{text}");
        let first = "  # Whose users sign in.\n  \"EntraTenantId=00000000-0000-0000-0000-000000000001\",\n  \"SweepShards=16\",\n";
        assert!(rest.starts_with(first), "{text}");
        assert!(text.contains("\n  \"EntraAuthorityHost=https://login.microsoftonline.us\",\n"), "{text}");
        assert!(
            text.ends_with("[local.deploy.parameters]\nparameter_overrides = [\"EntraTenantId=other\"]\n"),
            "{text}"
        );
        let again = apply(&text, "prod", &settings(Cloud::Usgov)).unwrap();
        assert_eq!(again, (text.clone(), Vec::new()));
        let (text, _) = forget(&text, "prod", Some(Uuid::from_u128(2))).unwrap();
        assert!(!text.contains("EntraClientId") && text.contains("SweepShards=16"), "{text}");
        assert_eq!(forget(LIST, "prod", Some(Uuid::from_u128(9))).unwrap().1, [""; 0]);
    }

    #[test]
    fn a_text_as_sam_writes_it_after_guided_is_kept_as_a_text() {
        let text = "[prod.deploy.parameters]\nparameter_overrides = \"SweepRate=\\\"rate(1 minute)\\\" EntraClientId=\\\"x\\\"\"\n";
        let (text, _) = apply(text, "prod", &settings(Cloud::Public)).unwrap();
        let document = parse(&text).unwrap();
        let value = document["prod"]["deploy"]["parameters"]["parameter_overrides"].as_str().unwrap();
        assert!(
            value.starts_with(
                "SweepRate=\"rate(1 minute)\" EntraClientId=\"00000000-0000-0000-0000-000000000002\""
            ),
            "{value}"
        );
        assert!(
            value.contains("EntraCredential=\"federated\"") && !value.contains("GraphBaseUrl"),
            "{value}"
        );
    }

    #[test]
    fn what_another_kind_of_credential_needed_is_emptied() {
        let text = "[prod.deploy.parameters]\nparameter_overrides = [\"EntraClientSecretArn=arn:x\"]\n";
        let (text, _) = apply(text, "prod", &settings(Cloud::Public)).unwrap();
        assert!(text.contains("\"EntraClientSecretArn=''\""), "{text}");
        assert_eq!(apply(&text, "prod", &settings(Cloud::Public)).unwrap().1, [""; 0]);
    }

    #[test]
    fn a_missing_environment_is_added_and_another_shape_is_refused() {
        let (text, _) = apply("version = 0.1\n", "prod", &settings(Cloud::Public)).unwrap();
        assert!(
            text.starts_with(
                "version = 0.1\n\n[prod.deploy.parameters]\nparameter_overrides = [\n  \"EntraTenantId="
            ),
            "{text}"
        );
        assert!(text.ends_with(",\n]\n"), "{text}");
        for bad in ["[prod.deploy.parameters]\nparameter_overrides = 7\n", "prod = 1\n", "= nonsense"] {
            assert!(apply(bad, "prod", &settings(Cloud::Public)).is_err(), "{bad}");
        }
    }
}
