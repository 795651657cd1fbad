use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_emulator::TENANT_ID;
use serde_json::{Value, json};

use crate::faults::Fault;
use crate::scene::Scene;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Asks for a token of the application itself.
async fn proven(scene: &Scene, proof: &[(&str, &str)]) -> Value {
    let api = scene.setting("ENTRA_CLIENT_ID");
    let mut form = vec![
        ("grant_type", "client_credentials"),
        ("client_id", &api),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    form.extend(proof);
    scene.post(&format!("{}/{TENANT_ID}/oauth2/v2.0/token", scene.base), &form).await
}

async fn secrets(scene: &Scene) -> usize {
    scene.api().await["passwordCredentials"].as_array().unwrap().len()
}

#[tokio::test]
async fn the_secret_in_the_settings_proves_the_api() {
    let scene = Scene::start().await;
    let text = scene.ran(&["register", "--secret-days", "90"]).await;
    let secret = scene.setting("ENTRA_CLIENT_SECRET");
    assert!(!text.contains(&secret), "{text}");
    assert_eq!(scene.setting("ENTRA_CREDENTIAL"), "secret");
    assert!(proven(&scene, &[("client_secret", &secret)]).await["access_token"].is_string());
    scene.emulator.advance_clock(time::Duration::days(91)).unwrap();
    let expired = proven(&scene, &[("client_secret", &secret)]).await;
    assert_eq!(expired["error_codes"], json!([7_000_222]), "{expired}");
}

#[tokio::test]
async fn a_secret_is_shown_only_when_it_is_asked_for() {
    let scene = Scene::start().await;
    let text = scene.ran(&["register", "--show-secret"]).await;
    assert!(text.contains(&scene.setting("ENTRA_CLIENT_SECRET")), "{text}");
}

#[tokio::test]
async fn a_valid_secret_is_kept_and_one_near_its_end_is_joined_by_another() {
    let mut scene = Scene::start().await;
    scene.ran(&["register"]).await;
    let first = scene.setting("ENTRA_CLIENT_SECRET");
    scene.ran(&["register", "--credential", "secret"]).await;
    assert_eq!((scene.setting("ENTRA_CLIENT_SECRET"), secrets(&scene).await), (first.clone(), 1));

    scene.emulator.advance_clock(time::Duration::days(160)).unwrap();
    scene.sign_in(crate::scene::ADMINISTRATOR, "User.Read Application.ReadWrite.All").await;
    scene.ran(&["register"]).await;
    let second = scene.setting("ENTRA_CLIENT_SECRET");
    assert_ne!(first, second);
    // What is deployed goes on with the old one until it has the new one.
    for secret in [&first, &second] {
        assert!(proven(&scene, &[("client_secret", secret)]).await["access_token"].is_string());
    }
    assert!(scene.ran(&["register"]).await.contains("Nothing to do"));
}

#[tokio::test]
async fn another_checkout_gets_a_secret_of_its_own_and_takes_none_away() {
    let scene = Scene::start().await;
    scene.ran(&["register"]).await;
    let first = scene.setting("ENTRA_CLIENT_SECRET");
    std::fs::remove_file(scene.folder.join(".env")).unwrap();
    scene.ran(&["register"]).await;
    assert_eq!(secrets(&scene).await, 2);
    for secret in [first, scene.setting("ENTRA_CLIENT_SECRET")] {
        assert!(proven(&scene, &[("client_secret", &secret)]).await["access_token"].is_string());
    }
}

#[tokio::test]
async fn a_secret_whose_text_was_lost_is_removed() {
    let scene = Scene::start().await;
    scene.door.set(Fault::None);
    scene.ran(&["register", "--dry-run"]).await;
    // The secret is the last request of a registration without consent for everybody.
    let whole = {
        let other = Scene::start().await;
        other.door.set(Fault::None);
        other.ran(&["register"]).await;
        other.door.seen()
    };
    assert!(whole.last().unwrap().path.ends_with("/addPassword"));
    scene.door.set(Fault::CutAfter(whole.len()));
    scene.run(&["register"]).await.result.unwrap_err();
    assert_eq!(secrets(&scene).await, 1, "it was made, but nobody knows its text");
    let text = scene.ran(&["register"]).await;
    assert!(text.contains("never written down"), "{text}");
    assert_eq!(secrets(&scene).await, 1);
    let secret = scene.setting("ENTRA_CLIENT_SECRET");
    assert!(proven(&scene, &[("client_secret", &secret)]).await["access_token"].is_string());
}

/// A token of the AWS account that the emulator plays, for the role that is named like the access key.
async fn web_identity(scene: &Scene, role: &str) -> String {
    let signed = format!(
        "AWS4-HMAC-SHA256 Credential={role}/20261122/eu-west-1/sts/aws4_request, SignedHeaders=host, Signature=00"
    );
    let form = [
        ("Action", "GetWebIdentityToken"),
        ("Version", "2011-06-15"),
        ("Audience.member.1", "api://AzureADTokenExchange"),
        ("SigningAlgorithm", "RS256"),
    ];
    let request = scene.http.post(scene.emulator.sts_url()).header("authorization", signed).form(&form);
    let text = request.send().await.unwrap().text().await.unwrap();
    let (_, rest) = text.split_once("<WebIdentityToken>").unwrap_or_else(|| panic!("{text}"));
    rest.split_once('<').unwrap().0.to_owned()
}

#[tokio::test]
async fn the_functions_roles_prove_the_api_without_a_secret() {
    let scene = Scene::start().await;
    let issuer = scene.emulator.web_identity_issuer();
    let (api, sweep) = ("arn:aws:iam::000000000000:role/Api", "arn:aws:iam::000000000000:role/Sweep");
    let command =
        ["register", "--credential", "federated", "--issuer", &issuer, "--subject", api, "--subject", sweep];
    scene.ran(&command).await;
    assert_eq!((scene.setting("ENTRA_CREDENTIAL").as_str(), secrets(&scene).await), ("federated", 0));
    assert!(scene.read("samconfig.toml").contains("\"EntraCredential=federated\""));
    for (role, good) in [("Api", true), ("Sweep", true), ("Other", false)] {
        let token = web_identity(&scene, role).await;
        let proof = [("client_assertion", token.as_str()), ("client_assertion_type", JWT_BEARER)];
        let answer = proven(&scene, &proof).await;
        assert_eq!(answer["access_token"].is_string(), good, "{role}: {answer}");
    }
    assert!(scene.ran(&command).await.contains("Nothing to do"));
    let without = scene.ran(&["register"]).await;
    assert!(without.contains("Nothing to do"), "the settings say how the API proves itself: {without}");
}

#[tokio::test]
async fn a_certificate_joins_those_that_are_there() {
    let scene = Scene::start().await;
    let make = |name: &str| {
        let key =
            rcgen::KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, rcgen::RsaKeySize::_2048).unwrap();
        let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
        scene.write(name, &format!("{}{}", key.serialize_pem(), certificate.pem()));
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate.der());
        URL_SAFE_NO_PAD.encode(digest)
    };
    let thumbprints = [make("one.pem"), make("two.pem")];
    for name in ["one.pem", "two.pem"] {
        let file = scene.folder.join(name).display().to_string();
        let command = ["register", "--credential", "certificate", "--certificate", &file];
        scene.ran(&command).await;
        assert_eq!(scene.setting("ENTRA_CLIENT_CERTIFICATE_FILE"), file);
        assert!(scene.ran(&command).await.contains("Nothing to do"), "{name}");
    }
    let api = scene.setting("ENTRA_CLIENT_ID");
    let summary =
        scene.emulator.applications().into_iter().find(|one| one.client_id.to_string() == api).unwrap();
    let registered: Vec<_> = summary.certificates.into_iter().map(|one| one.thumbprint).collect();
    assert_eq!(registered, thumbprints);
    let missing = scene.run(&["register", "--credential", "certificate", "--certificate", "none.pem"]).await;
    assert!(missing.result.unwrap_err().to_string().contains("none.pem"));
    let key_only = scene.folder.join("samconfig.toml").display().to_string();
    let wrong = scene.run(&["register", "--credential", "certificate", "--certificate", &key_only]).await;
    assert!(wrong.result.unwrap_err().to_string().contains("expected a certificate in PEM"));
}

#[tokio::test]
async fn a_secret_that_was_moved_elsewhere_is_neither_replaced_nor_removed() {
    let scene = Scene::start().await;
    scene.ran(&["register"]).await;
    let secret = scene.setting("ENTRA_CLIENT_SECRET");
    let moved = scene.read(".env").replace(
        &format!("ENTRA_CLIENT_SECRET={secret}"),
        "ENTRA_CLIENT_SECRET=\nENTRA_CLIENT_SECRET_ARN=arn:aws:secretsmanager:eu-west-1:1:secret:token-cache",
    );
    scene.write(".env", &moved);
    scene.ran(&["register", "--origin", "https://app.example"]).await;
    assert_eq!(scene.environment().get("ENTRA_CLIENT_SECRET"), None);
    assert_eq!(secrets(&scene).await, 1);
    assert!(proven(&scene, &[("client_secret", &secret)]).await["access_token"].is_string());
}

#[tokio::test]
async fn a_secret_that_was_written_down_is_not_taken_for_a_lost_one() {
    let scene = Scene::start().await;
    scene.ran(&["register"]).await;
    let first = scene.setting("ENTRA_CLIENT_SECRET");
    let without = scene.read(".env").replace(&format!("ENTRA_CLIENT_SECRET={first}"), "ENTRA_CLIENT_SECRET=");
    scene.write(".env", &without);
    scene.ran(&["register"]).await;
    assert_eq!(secrets(&scene).await, 2);
    assert!(proven(&scene, &[("client_secret", &first)]).await["access_token"].is_string());
}

#[tokio::test]
async fn an_option_of_another_credential_is_refused_before_anything_is_done() {
    let scene = Scene::start().await;
    let before = scene.directory().await;
    for (arguments, expected) in [
        (&["register", "--certificate", "api.pem"][..], "--certificate belongs to --credential certificate"),
        (&["register", "--issuer", "https://issuer.example"], "--issuer belongs to --credential federated"),
        (&["register", "--subject", "arn:aws:iam::1:role/a"], "--subject belongs to --credential federated"),
    ] {
        let error = scene.run(arguments).await.result.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    scene.write(".env", "ENTRA_CREDENTIAL=federated\n");
    let error = scene.run(&["register", "--subject", "arn:aws:iam::1:role/a"]).await.result.unwrap_err();
    assert!(error.to_string().contains("one --issuer and at least one --subject"), "{error}");
    let error = scene.run(&["register", "--show-secret"]).await.result.unwrap_err().to_string();
    assert!(error.contains("and the credential is federated"), "{error}");
    assert_eq!(scene.directory().await, before);
}

#[tokio::test]
async fn another_role_is_trusted_where_the_settings_name_the_kind() {
    let scene = Scene::start().await;
    let issuer = "https://issuer.example";
    let trust = |role: &'static str| ["register", "--issuer", issuer, "--subject", role];
    let first = [&trust("arn:aws:iam::1:role/a")[..], &["--credential", "federated"]].concat();
    scene.ran(&first).await;
    scene.ran(&trust("arn:aws:iam::1:role/b")).await;
    let id = scene.api().await["id"].as_str().unwrap().to_owned();
    let trusted = scene.graph(&format!("/applications/{id}/federatedIdentityCredentials")).await;
    assert_eq!(trusted["value"].as_array().unwrap().len(), 2);
}
