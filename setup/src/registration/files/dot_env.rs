//! `.env`: lines of `NAME=value`, read by `cargo local --env-file` and by this program's other commands.

use secrecy::SecretString;
use uuid::Uuid;
use wiring::env_line;

use super::{Settings, allowed_clients};
use crate::registration::cloud::Cloud;
use crate::registration::credential::Kind;

/// The file, line by line. Has no `Debug`: it holds the secret.
pub(crate) struct DotEnv {
    lines: Vec<String>,
    changed: Vec<String>,
}

/// The API's secret as the file holds it.
#[derive(Debug, Clone, Default)]
pub(crate) struct LocalSecret {
    /// What the registration calls a secret that was asked for and has not been written down.
    pub(crate) name: Option<String>,
    pub(crate) value: Option<SecretString>,
    /// Secrets Manager keeps it instead (`ENTRA_CLIENT_SECRET_ARN`).
    pub(crate) elsewhere: bool,
}

impl DotEnv {
    pub(crate) fn parse(text: &str) -> Self {
        Self { lines: text.lines().map(str::to_owned).collect(), changed: Vec::new() }
    }

    /// The text, and the names that were changed.
    pub(crate) fn finish(self) -> (String, Vec<String>) {
        let mut text = self.lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        (text, self.changed)
    }

    pub(crate) fn secret(&self) -> LocalSecret {
        LocalSecret {
            name: self.get("ENTRA_CLIENT_SECRET_NAME"),
            value: self.get("ENTRA_CLIENT_SECRET").map(SecretString::from),
            elsewhere: self.get("ENTRA_CLIENT_SECRET_ARN").is_some(),
        }
    }

    /// The value of a variable; an empty one counts as unset.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let value = self.lines.iter().find_map(|line| value_of(line, name))?;
        (!value.is_empty()).then(|| value.to_owned())
    }

    /// Changes the line of a variable in its place, or adds one.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        if self.get(name).as_deref() == Some(value) {
            return;
        }
        let line = format!("{name}={}", quoted(value));
        match self.lines.iter_mut().find(|line| value_of(line, name).is_some()) {
            Some(present) => *present = line,
            None => self.lines.push(line),
        }
        self.changed.push(name.to_owned());
    }

    /// Empties a variable that has a value.
    pub(crate) fn clear(&mut self, name: &str) {
        if self.get(name).is_some() {
            self.set(name, "");
        }
    }

    /// Takes the line of a variable out.
    pub(crate) fn remove(&mut self, name: &str) {
        let before = self.lines.len();
        self.lines.retain(|line| value_of(line, name).is_none());
        if self.lines.len() < before {
            self.changed.push(name.to_owned());
        }
    }

    /// Everything but the secret itself.
    pub(super) fn apply(&mut self, settings: &Settings) {
        let same_api = self.get("ENTRA_CLIENT_ID").as_deref() == Some(&settings.api.to_string());
        let allowed = allowed_clients(self.get("ENTRA_ALLOWED_CLIENTS").as_deref(), same_api, settings.page);
        let hosts = [
            ("ENTRA_AUTHORITY_HOST", &settings.hosts.authority, Cloud::Public.authority()),
            ("GRAPH_BASE_URL", &settings.hosts.graph, Cloud::Public.graph()),
        ];
        for (name, value, default) in hosts {
            if value != default || self.get(name).is_some() {
                self.set(name, value);
            }
        }
        self.set("ENTRA_TENANT_ID", &settings.tenant_id.to_string());
        self.set("ENTRA_CLIENT_ID", &settings.api.to_string());
        self.set("ENTRA_CREDENTIAL", settings.credential.name());
        if let (Kind::Certificate, Some(file)) = (settings.credential, &settings.certificate_file) {
            self.set("ENTRA_CLIENT_CERTIFICATE_FILE", &file.display().to_string());
            self.clear("ENTRA_CLIENT_CERTIFICATE_ARN");
        }
        self.set("ENTRA_ALLOWED_CLIENTS", &allowed);
        self.set("SPA_CLIENT_ID", &settings.page.to_string());
    }

    /// Takes out what says that these applications are used. What says that others are stays.
    pub(super) fn forget(&mut self, api: Option<Uuid>, page: Option<Uuid>) {
        let is =
            |value: Option<String>, id: Option<Uuid>| id.is_some() && value == id.map(|id| id.to_string());
        if is(self.get("ENTRA_CLIENT_ID"), api) {
            for name in [
                "ENTRA_AUTHORITY_HOST",
                "GRAPH_BASE_URL",
                "ENTRA_TENANT_ID",
                "ENTRA_CLIENT_ID",
                "ENTRA_CREDENTIAL",
                "ENTRA_CLIENT_SECRET",
                "ENTRA_CLIENT_SECRET_NAME",
                "ENTRA_CLIENT_CERTIFICATE_FILE",
                "ENTRA_ALLOWED_CLIENTS",
            ] {
                self.remove(name);
            }
        }
        if is(self.get("SPA_CLIENT_ID"), page) {
            self.remove("SPA_CLIENT_ID");
        }
    }
}

/// The value in a line that sets this variable.
fn value_of<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    env_line(line).filter(|(found, _)| *found == name).map(|(_, value)| value)
}

/// In quotes only where it must be.
fn quoted(value: &str) -> String {
    let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~/:,@+=*".contains(&byte));
    if plain {
        value.to_owned()
    } else {
        let quote = if value.contains('\'') { '"' } else { '\'' };
        format!("{quote}{value}{quote}")
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn other_lines_stay_as_they_are_and_a_set_variable_keeps_its_place() {
        let text = "# mine\nexport ENTRA_TENANT_ID = \"old\" # why\n\nSWEEP_SHARDS=8\n# ENTRA_CREDENTIAL=federated\n";
        let mut file = DotEnv::parse(text);
        assert_eq!(file.get("ENTRA_TENANT_ID").as_deref(), Some("old"));
        assert_eq!(file.get("ENTRA_CREDENTIAL"), None, "a comment sets nothing");
        file.set("ENTRA_TENANT_ID", "new");
        file.set("SWEEP_SHARDS", "8");
        file.set("ENTRA_CLIENT_SECRET", "a b#c");
        let (text, changed) = file.finish();
        assert_eq!(
            text,
            "# mine\nENTRA_TENANT_ID=new\n\nSWEEP_SHARDS=8\n# ENTRA_CREDENTIAL=federated\nENTRA_CLIENT_SECRET='a b#c'\n"
        );
        assert_eq!(changed, ["ENTRA_TENANT_ID", "ENTRA_CLIENT_SECRET"]);
        assert_eq!(DotEnv::parse(&text).secret().value.unwrap().expose_secret(), "a b#c");
    }

    #[test]
    fn what_belongs_to_other_applications_is_not_forgotten() {
        let (api, page) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let text =
            format!("ENTRA_CLIENT_ID={api}\nENTRA_CLIENT_SECRET=s\nSPA_CLIENT_ID={page}\nTABLE_NAME=t\n");
        let forgotten = |api, page| {
            let mut file = DotEnv::parse(&text);
            file.forget(api, page);
            file.finish().0
        };
        assert_eq!(forgotten(Some(api), Some(page)), "TABLE_NAME=t\n");
        assert_eq!(forgotten(Some(Uuid::from_u128(3)), None), text);
        assert_eq!(forgotten(None, None), text);
    }
}
