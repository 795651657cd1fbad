//! The application's own credential, tried at Entra ID.

use super::finding::Finding;
use crate::causes::with_causes;
use domain::error::TokenError;
use wiring::config::CredentialConfig;
use wiring::{CredentialFault, Probe};

const CREDENTIAL: &str = "credential";

/// Codes with one cure, as docs/troubleshooting.md has them.
const REMEDIES: [(&[u32], &str); 8] = [
    (
        &[7_000_215],
        "the client secret is wrong: put the secret's value, not its id, into Secrets Manager \
         (ENTRA_CLIENT_SECRET_ARN) or ENTRA_CLIENT_SECRET",
    ),
    (
        &[7_000_222],
        "the client secret has expired: add a new one to the registration and put its value into Secrets Manager; \
         running functions pick it up",
    ),
    (
        &[700_027, 700_024, 700_023],
        "the client assertion is not accepted: compare the certificate's SHA-256 thumbprint with the registration, and \
         check the clock",
    ),
    (
        &[700_211, 700_212, 700_213],
        "no federated credential of the registration matches: compare issuer, audience and subject (the role's ARN) to the \
         letter",
    ),
    (
        &[7_000_214, 700_030, 1_000_502],
        "the certificate is not registered, not accepted, or outside its time: upload the one whose key the functions have, \
         or store the one that is registered",
    ),
    (
        &[7_000_274, 7_000_277],
        "the federated credential or its issuer is not accepted: compare the issuer with what `aws iam \
         enable-outbound-web-identity-federation` printed, and look at the tenant's policy on issuers",
    ),
    (
        &[700_016, 70_001, 7_000_112],
        "the application is not known in this tenant, or disabled there: check ENTRA_CLIENT_ID (a GUID) and \
         ENTRA_TENANT_ID, and that the registration has an enterprise application in this tenant",
    ),
    (&[90_002], "the tenant is not known: check ENTRA_TENANT_ID and ENTRA_AUTHORITY_HOST"),
];

pub(super) async fn check(probe: &Probe) -> Vec<Finding> {
    let kind = match &probe.config().credential {
        CredentialConfig::Secret(_) => "client secret of ENTRA_CLIENT_SECRET",
        CredentialConfig::SecretArn(_) => "client secret of Secrets Manager",
        CredentialConfig::CertificateFile(_) => "certificate of a file",
        CredentialConfig::CertificateArn(_) => "certificate of Secrets Manager",
        CredentialConfig::Federated => "federated credential of the AWS role",
    };
    vec![match probe.prove_credential().await {
        Ok(()) => Finding::ok(CREDENTIAL, format!("Entra ID accepts the {kind}")),
        Err(CredentialFault::NoTenant) => {
            Finding::skipped(CREDENTIAL, with_causes(&CredentialFault::NoTenant))
        }
        Err(CredentialFault::Unusable(error)) => Finding::failed(
            CREDENTIAL,
            with_causes(&error),
            "docs/configuration.md, \"The application's credential\", says what it must look like",
        ),
        Err(CredentialFault::Refused(error)) => refused(&error),
    }]
}

fn refused(error: &TokenError) -> Finding {
    let (code, fix) = match error {
        TokenError::ApplicationRejected { code, .. } | TokenError::UserNeeded { code, .. } => {
            (*code, "docs/troubleshooting.md, \"This application is rejected\"")
        }
        TokenError::StaleAssertion { code } => (*code, "docs/troubleshooting.md has the number"),
        TokenError::Throttled { .. } => {
            return Finding::warning(CREDENTIAL, error.to_string(), "run this again later");
        }
        TokenError::Unavailable { .. } => {
            let fix = "may this machine reach the token endpoint (DNS, proxy, firewall)?";
            return Finding::failed(CREDENTIAL, with_causes(error), fix);
        }
    };
    let known = REMEDIES.iter().find(|(codes, _)| code.is_some_and(|code| codes.contains(&code)));
    Finding::failed(CREDENTIAL, error.to_string(), known.map_or(fix, |(_, remedy)| remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_with_a_remedy_has_its_heading_in_the_documentation() {
        let document = include_str!("../../../docs/troubleshooting.md");
        let headings: Vec<&str> = document.lines().filter(|line| line.starts_with("### ")).collect();
        for code in REMEDIES.iter().flat_map(|(codes, _)| *codes) {
            let name = format!("AADSTS{code}");
            assert!(headings.iter().any(|line| line.split([' ', ',']).any(|word| word == name)), "{name}");
        }
    }

    #[test]
    fn a_code_without_a_remedy_of_its_own_leads_to_the_documentation() {
        let error = TokenError::ApplicationRejected { error: "invalid_client".to_owned(), code: Some(1) };
        assert_eq!(
            refused(&error).fix.as_deref(),
            Some("docs/troubleshooting.md, \"This application is rejected\"")
        );
    }
}
