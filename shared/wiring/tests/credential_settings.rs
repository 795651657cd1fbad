//! The settings of the application's credential.

#![cfg(test)]

use std::path::PathBuf;
use wiring::config::CredentialConfig;
use wiring::{Config, Environment, Function};

const ARN: &str = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:api";

fn read(variables: &[(&str, &str)]) -> Result<CredentialConfig, Vec<String>> {
    let mut environment: Environment = [
        ("ENTRA_TENANT_ID", "aaaabbbb-0000-4000-8000-000000000001"),
        ("ENTRA_CLIENT_ID", "aaaabbbb-0000-4000-8000-000000000002"),
        ("TABLE_NAME", "accounts"),
        ("SEALING_LOCAL_KEY", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
    ]
    .into_iter()
    .collect();
    for (name, value) in variables {
        environment.set(name, *value);
    }
    match Config::read(&environment, Function::BackgroundSweep) {
        Ok(config) => Ok(config.credential),
        Err(error) => Err(error.problems),
    }
}

#[test]
fn each_kind_is_read_from_its_own_variables() {
    let secret = ("ENTRA_CLIENT_SECRET", "a-client-secret");
    let certificate = ("ENTRA_CREDENTIAL", "certificate");
    assert!(matches!(read(&[secret]), Ok(CredentialConfig::Secret(_))));
    assert!(matches!(read(&[secret, ("ENTRA_CREDENTIAL", "secret")]), Ok(CredentialConfig::Secret(_))));
    let Ok(CredentialConfig::SecretArn(arn)) = read(&[("ENTRA_CLIENT_SECRET_ARN", ARN)]) else {
        unreachable!()
    };
    assert_eq!(arn, ARN);
    let file = ("ENTRA_CLIENT_CERTIFICATE_FILE", "certificates/api.pem");
    let Ok(CredentialConfig::CertificateFile(path)) = read(&[certificate, file]) else { unreachable!() };
    assert_eq!(path, PathBuf::from("certificates/api.pem"));
    let stored = read(&[certificate, ("ENTRA_CLIENT_CERTIFICATE_ARN", ARN)]);
    assert!(matches!(stored, Ok(CredentialConfig::CertificateArn(arn)) if arn == ARN));
    // A secret that is set by the way does not matter to another kind.
    let federated = read(&[("ENTRA_CREDENTIAL", "federated"), secret]);
    assert!(matches!(federated, Ok(CredentialConfig::Federated)));
}

#[test]
fn none_or_two_places_of_one_kind_are_refused_by_name() {
    let kinds = [
        ("secret", "ENTRA_CLIENT_SECRET", "ENTRA_CLIENT_SECRET_ARN"),
        ("certificate", "ENTRA_CLIENT_CERTIFICATE_FILE", "ENTRA_CLIENT_CERTIFICATE_ARN"),
    ];
    for (kind, one, other) in kinds {
        let chosen = ("ENTRA_CREDENTIAL", kind);
        for variables in [vec![chosen], vec![chosen, (one, "x"), (other, "y")]] {
            let problems = read(&variables).unwrap_err();
            let [problem] = &problems[..] else { unreachable!("{problems:?}") };
            assert!(problem.starts_with(&format!("{one}: set ")) && problem.contains(other), "{problem}");
        }
    }
}

#[test]
fn an_unknown_kind_is_refused_with_those_there_are() {
    for kind in ["password", "Certificate", "managed-identity"] {
        let problems = read(&[("ENTRA_CREDENTIAL", kind), ("ENTRA_CLIENT_SECRET", "x")]).unwrap_err();
        let [problem] = &problems[..] else { unreachable!("{problems:?}") };
        for part in ["ENTRA_CREDENTIAL: ", "`secret`", "`certificate`", "`federated`", kind] {
            assert!(problem.contains(part), "{part} in {problem}");
        }
    }
}
