//! How the API proves itself: what is there, what is wanted, and what is missing.
//! `docs/configuration.md` says what the functions do with each kind.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use time::{Duration, OffsetDateTime};

use super::files::dot_env::LocalSecret;
use super::resources::{Federated, Password};
use super::state::Registered;

/// A secret with less time left than this is replaced.
const SECRET_MARGIN: Duration = Duration::days(30);

/// The proof that the functions will use.
#[derive(Debug, Clone)]
pub(crate) enum Wish {
    /// What the settings say already.
    Keep(Kind),
    /// A secret that is good for so long.
    Secret { lifetime: Duration },
    /// Tokens of another identity provider, one subject per function's role.
    Federated { issuer: String, subjects: Vec<String>, audience: String },
    /// An X.509 certificate.
    Certificate { file: PathBuf, der: Vec<u8> },
}

/// `ENTRA_CREDENTIAL`
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// A client secret with an end, written to the settings file
    Secret,
    /// The functions' own AWS roles; nothing to keep or rotate
    Federated,
    /// A certificate whose key the functions hold
    Certificate,
}

/// A federated credential as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trust {
    /// The one to change, when there is one for this name.
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) issuer: String,
    pub(crate) subject: String,
    pub(crate) audience: String,
}

/// The file holds no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("cannot read the certificate {}", path.display())]
    Unreadable {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("expected a certificate in PEM in {}; a key may be beside it, and stays there", path.display())]
    NotPem { path: PathBuf },
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Federated => "federated",
            Self::Certificate => "certificate",
        }
    }
}

impl Wish {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Keep(kind) => *kind,
            Self::Secret { .. } => Kind::Secret,
            Self::Federated { .. } => Kind::Federated,
            Self::Certificate { .. } => Kind::Certificate,
        }
    }

    /// The first certificate in the file. Its key, if it is there too, is not looked at.
    pub(crate) fn certificate(file: PathBuf) -> Result<Self, CertificateError> {
        let text = std::fs::read(&file)
            .map_err(|source| CertificateError::Unreadable { path: file.clone(), source })?;
        let der = CertificateDer::from_pem_slice(&text)
            .map_err(|_| CertificateError::NotPem { path: file.clone() })?;
        Ok(Self::Certificate { file, der: der.as_ref().to_vec() })
    }
}

/// Secrets of the API against what the settings file holds.
pub(crate) struct Secrets<'a> {
    pub(crate) registered: &'a [Password],
    pub(crate) local: &'a LocalSecret,
    pub(crate) now: OffsetDateTime,
}

impl Secrets<'_> {
    /// Whether the file's secret is registered, and good for long enough.
    pub(crate) fn is_good(&self) -> bool {
        self.registered.iter().any(|one| {
            self.is_local(one) && one.end_date_time.is_none_or(|end| end > self.now + SECRET_MARGIN)
        })
    }

    /// Those that were made for this file and whose text was lost before it was written: they serve nobody.
    pub(crate) fn lost(&self) -> impl Iterator<Item = &Password> {
        let name = self.local.name.as_deref();
        self.registered
            .iter()
            .filter(move |one| name.is_some() && one.display_name.as_deref() == name && !self.is_local(one))
    }

    /// Graph tells the first three characters of a secret.
    fn is_local(&self, one: &Password) -> bool {
        let value = self.local.value.as_ref().map(SecretString::expose_secret).unwrap_or_default();
        one.hint.as_deref().is_some_and(|hint| !hint.is_empty() && value.starts_with(hint))
    }
}

/// The federated credentials that are missing or other than they should be.
pub(crate) fn missing_trust(
    present: &[Federated],
    issuer: &str,
    subjects: &[String],
    audience: &str,
) -> Vec<Trust> {
    let mut missing = Vec::new();
    for subject in subjects {
        let own = present.iter().find(|one| one.issuer == issuer && one.subject == *subject);
        if own.is_some_and(|one| one.audiences == [audience]) {
            continue;
        }
        let name = name_of(subject);
        // An application has one for each issuer and subject, and one for each name.
        let own = own.or_else(|| present.iter().find(|one| one.name == name));
        missing.push(Trust {
            id: own.map(|one| one.id.clone()),
            name: own.map_or(name, |one| one.name.clone()),
            issuer: issuer.to_owned(),
            subject: subject.clone(),
            audience: audience.to_owned(),
        });
    }
    missing
}

/// `arn:aws:iam::123456789012:role/some/name` → `123456789012-name`; of anything else what may stand in a name.
fn name_of(subject: &str) -> String {
    let parts: Vec<&str> = subject.splitn(6, ':').collect();
    let text = match parts[..] {
        ["arn", _, _, _, account, resource] => {
            format!("{account}-{}", resource.rsplit('/').next().unwrap_or(resource))
        }
        _ => subject.to_owned(),
    };
    let letters =
        text.chars().map(|letter| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' });
    letters.take(120).collect()
}

impl Trust {
    pub(crate) fn body(&self) -> Value {
        json!({
            "name": self.name,
            "issuer": self.issuer,
            "subject": self.subject,
            "audiences": [self.audience],
            "description": "Lets the functions on AWS Lambda prove the API with their role.",
        })
    }
}

/// Whether the certificate is registered. Graph tells the certificates themselves only when they are asked for.
pub(crate) fn has_certificate(registered: &Registered, der: &[u8]) -> bool {
    let key = STANDARD.encode(der);
    registered.application.key_credentials.iter().any(|one| one.get("key") == Some(&json!(key)))
}

/// All certificates, the new one last: Graph takes the list as a whole.
pub(crate) fn with_certificate(present: &[Map<String, Value>], der: &[u8]) -> Value {
    let mut all: Vec<Value> = present.iter().cloned().map(Value::Object).collect();
    all.push(json!({
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
        "key": STANDARD.encode(der),
    }));
    json!({ "keyCredentials": all })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;
    use uuid::Uuid;

    use super::*;

    const ROLE: &str = "arn:aws:iam::123456789012:role/stack/ProfileApiFunctionRole";

    fn password(name: &str, hint: &str, end: OffsetDateTime) -> Password {
        Password {
            key_id: Uuid::nil(),
            display_name: Some(name.into()),
            hint: Some(hint.into()),
            end_date_time: Some(end),
        }
    }

    #[test]
    fn a_secret_is_kept_while_it_is_registered_and_has_a_month_left() {
        let now = datetime!(2026-11-22 12:00 UTC);
        let local =
            LocalSecret { name: Some("one".into()), value: Some("abc-text".into()), elsewhere: false };
        let good =
            |hint, end| Secrets { registered: &[password("one", hint, end)], local: &local, now }.is_good();
        assert!(good("abc", datetime!(2026-12-30 12:00 UTC)));
        assert!(!good("abc", datetime!(2026-12-20 12:00 UTC)), "it ends within a month");
        assert!(!good("xyz", datetime!(2026-12-30 12:00 UTC)), "it is another one");
        let nothing = LocalSecret::default();
        let other = password("one", "abc", datetime!(2026-12-30 12:00 UTC));
        assert!(!Secrets { registered: &[other], local: &nothing, now }.is_good());
    }

    #[test]
    fn only_a_secret_of_this_file_whose_text_was_lost_is_useless() {
        let now = datetime!(2026-11-22 12:00 UTC);
        let end = datetime!(2027-11-22 12:00 UTC);
        let registered =
            [password("mine", "abc", end), password("mine", "xyz", end), password("other", "uvw", end)];
        let local =
            LocalSecret { name: Some("mine".into()), value: Some("abc-text".into()), elsewhere: false };
        let lost = |local| {
            Secrets { registered: &registered, local, now }
                .lost()
                .map(|one| one.hint.clone().unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(lost(&local), ["xyz"]);
        assert_eq!(lost(&LocalSecret::default()), [""; 0]);
    }

    #[test]
    fn a_role_is_trusted_once_and_a_changed_audience_is_mended() {
        let issuer = "https://issuer.example";
        let subjects = [ROLE.to_owned()];
        let new = missing_trust(&[], issuer, &subjects, "api://a");
        assert_eq!((new[0].name.as_str(), &new[0].id), ("123456789012-ProfileApiFunctionRole", &None));
        let present = |audience: &str| Federated {
            id: "7".into(),
            name: "made-by-hand".into(),
            issuer: issuer.into(),
            subject: ROLE.into(),
            audiences: vec![audience.into()],
        };
        assert_eq!(missing_trust(&[present("api://a")], issuer, &subjects, "api://a"), []);
        let mended = missing_trust(&[present("api://b")], issuer, &subjects, "api://a");
        assert_eq!((mended[0].name.as_str(), mended[0].id.as_deref()), ("made-by-hand", Some("7")));
    }
}
