//! Each way of proving the application to Entra ID, configured as for a deployment, and rotated while it runs.

use crate::lab::{ADELE, BRUNO, CHIDI, LONG_AWAY, Lab};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use entra_emulator::{API_CLIENT_ID, API_CLIENT_SECRET, FederatedCredential, SPA_CLIENT_ID, TENANT_ID};
use serde_json::{Value, json};
use stack::{Stack, StackError, StackOptions, Visitor};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use test_support::NobodyThere;
use tokio::net::TcpListener;
use wiring::Environment;

/// A deployment beside a lab: its own functions, the lab's emulator and table.
struct Site<'l> {
    lab: &'l Lab,
    stack: Stack,
    visitor: Visitor,
}

impl<'l> Site<'l> {
    async fn start(lab: &'l Lab, credential: &[(&str, &str)]) -> Result<Self, StackError> {
        let emulator = lab.stack.addresses().emulator.clone().unwrap();
        let graph = format!("{emulator}/graph/v1.0");
        let key = lab.stack.environment().get("SEALING_LOCAL_KEY").unwrap();
        let settings = [
            ("ENTRA_AUTHORITY_HOST", emulator.as_str()),
            ("ENTRA_TENANT_ID", TENANT_ID),
            ("ENTRA_CLIENT_ID", API_CLIENT_ID),
            ("SPA_CLIENT_ID", SPA_CLIENT_ID),
            ("GRAPH_BASE_URL", &graph),
            ("AWS_ENDPOINT_URL_DYNAMODB", &lab.database.url),
            ("TABLE_NAME", "tokens"),
            ("SEALING_LOCAL_KEY", key),
        ];
        let environment: Environment = settings.into_iter().chain(credential.iter().copied()).collect();
        let options = StackOptions { environment, ..StackOptions::for_tests() };
        let stack = Box::pin(Stack::start(options)).await?;
        let visitor = Visitor::at(&stack.addresses().page).await.unwrap();
        Ok(Self { lab, stack, visitor })
    }

    /// Signs in and reads the profile; status and body. Each new sign-in needs a new token, and so the credential.
    async fn visit(&self, user: &str) -> (u16, Value) {
        let signed_in = self.visitor.sign_in(user).await.unwrap();
        let request = self.visitor.http().get(format!("{}/api/profile", self.stack.addresses().api));
        let answer = request.bearer_auth(&signed_in.access_token).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn assert_served(&self, user: &str) {
        let (status, body) = self.visit(user).await;
        assert_eq!((status, &body["userPrincipalName"]), (200, &json!(user)), "{body}");
    }

    /// A day later, so that the sweep must refresh with the credential.
    async fn sweep_a_day_later(&self) -> BTreeMap<&'static str, u64> {
        self.lab.pass(LONG_AWAY);
        self.stack.clock().advance(LONG_AWAY).unwrap();
        let summary = self.stack.sweeper().tick().await.unwrap();
        summary.outcomes.into_iter().map(|(outcome, count)| (outcome.as_str(), count)).collect()
    }

    /// Requests of this kind since the last call of this: accepted and refused.
    fn take(&self, kind: &str) -> (u64, u64) {
        let counters = self.lab.emulator().counters();
        self.lab.emulator().reset_requests();
        counters.get(kind).map_or((0, 0), |counter| (counter.ok, counter.refused))
    }
}

/// A file that goes with the test.
struct PemFile(PathBuf);

impl PemFile {
    fn holding(text: &str) -> Self {
        let path = std::env::temp_dir().join(format!("e2e-certificate-{}.pem", uuid::Uuid::new_v4()));
        let file = Self(path);
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.0, text).unwrap();
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for PemFile {
    fn drop(&mut self) {
        // Nothing depends on it: the folder is for temporary files.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Secrets Manager with one operation: what is stored by ARN, and how often it was read.
#[derive(Clone, Default)]
struct SecretStore(Arc<Mutex<(BTreeMap<String, String>, u32)>>);

impl SecretStore {
    async fn serve(&self) -> String {
        async fn get(State(store): State<SecretStore>, body: String) -> Json<Value> {
            let request: Value = serde_json::from_str(&body).unwrap();
            let mut store = store.0.lock().unwrap();
            store.1 += 1;
            let arn = request["SecretId"].as_str().unwrap();
            Json(json!({ "ARN": arn, "Name": "api", "VersionId": "v", "SecretString": store.0[arn] }))
        }
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().route("/", post(get)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        url
    }

    fn put(&self, arn: &str, text: &str) {
        self.0.lock().unwrap().0.insert(arn.to_owned(), text.to_owned());
    }

    fn reads(&self) -> u32 {
        self.0.lock().unwrap().1
    }
}

const ARN: &str = "arn:aws:secretsmanager:us-east-1:000000000000:secret:api";

#[tokio::test]
async fn a_certificate_from_a_file_serves_api_and_sweep_and_is_rotated_without_a_restart() {
    let lab = Lab::start().await;
    let emulator = lab.emulator();
    emulator.replace_client_secrets(API_CLIENT_ID, &[]).unwrap();
    let file = PemFile::holding(&emulator.issue_certificate(API_CLIENT_ID).unwrap());
    let variables = [("ENTRA_CREDENTIAL", "certificate"), ("ENTRA_CLIENT_CERTIFICATE_FILE", file.path())];
    let site = Site::start(&lab, &variables).await.unwrap();
    site.assert_served(ADELE).await;
    site.take("");
    assert_eq!(site.sweep_a_day_later().await, [("acted", 1)].into());
    assert_eq!(site.take("token.refresh"), (1, 0));

    let old = emulator.applications()[0].certificates[0].thumbprint.clone();
    file.write(&emulator.issue_certificate(API_CLIENT_ID).unwrap());
    emulator.remove_certificate(API_CLIENT_ID, &old).unwrap();
    site.assert_served(BRUNO).await;
    assert_eq!(site.take("token.on_behalf_of"), (1, 1), "refused once, and sent once more");
    site.assert_served(CHIDI).await;
    assert_eq!(site.take("token.on_behalf_of"), (1, 0), "the new one is kept");
    site.stack.stop().await;
}

#[tokio::test]
async fn a_secret_from_secrets_manager_is_rotated_without_a_restart() {
    let lab = Lab::start().await;
    let store = SecretStore::default();
    store.put(ARN, API_CLIENT_SECRET);
    let url = store.serve().await;
    let variables = [("ENTRA_CLIENT_SECRET_ARN", ARN), ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url.as_str())];
    let site = Site::start(&lab, &variables).await.unwrap();
    site.assert_served(ADELE).await;
    let at_start = store.reads();
    site.take("");

    lab.emulator().replace_client_secrets(API_CLIENT_ID, &["rotated".to_owned()]).unwrap();
    store.put(ARN, "rotated");
    site.assert_served(BRUNO).await;
    assert_eq!(site.take("token.on_behalf_of"), (1, 1));
    assert_eq!(store.reads(), at_start + 1);

    // Rotated at Entra ID alone: refused once, looked up no more than every half minute, and said to the caller.
    lab.emulator().replace_client_secrets(API_CLIENT_ID, &["elsewhere".to_owned()]).unwrap();
    for _ in 0..2 {
        let (status, body) = site.visit(CHIDI).await;
        assert_eq!((status, &body["code"]), (500, &json!("application_rejected")), "{body}");
    }
    assert_eq!(site.take("token.on_behalf_of"), (0, 2));
    assert_eq!(store.reads(), at_start + 1);
    site.stack.stop().await;
}

#[tokio::test]
async fn a_certificate_from_secrets_manager_proves_the_application() {
    let lab = Lab::start().await;
    lab.emulator().replace_client_secrets(API_CLIENT_ID, &[]).unwrap();
    let store = SecretStore::default();
    store.put(ARN, &lab.emulator().issue_certificate(API_CLIENT_ID).unwrap());
    let url = store.serve().await;
    let variables = [
        ("ENTRA_CREDENTIAL", "certificate"),
        ("ENTRA_CLIENT_CERTIFICATE_ARN", ARN),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", url.as_str()),
    ];
    let site = Site::start(&lab, &variables).await.unwrap();
    site.assert_served(ADELE).await;
    site.stack.stop().await;
}

#[tokio::test]
async fn the_role_of_the_workload_proves_the_application_with_nothing_kept() {
    let lab = Lab::start().await;
    let emulator = lab.emulator();
    emulator.replace_client_secrets(API_CLIENT_ID, &[]).unwrap();
    let sts = emulator.sts_url();
    let variables = [
        ("ENTRA_CREDENTIAL", "federated"),
        ("AWS_ENDPOINT_URL_STS", sts.as_str()),
        ("AWS_ACCESS_KEY_ID", "ProfileApi"),
        ("AWS_SECRET_ACCESS_KEY", "any"),
    ];
    let site = Site::start(&lab, &variables).await.unwrap();
    assert_eq!(site.take("aws.web_identity"), (2, 0), "each function asks at its start");

    // The registration trusts another role only.
    let (status, body) = site.visit(ADELE).await;
    assert_eq!((status, &body["code"]), (500, &json!("application_rejected")), "{body}");
    let trusted = FederatedCredential {
        issuer: None,
        subject: "arn:aws:iam::000000000000:role/ProfileApi".to_owned(),
        audience: "api://AzureADTokenExchange".to_owned(),
    };
    emulator.replace_federated_credentials(API_CLIENT_ID, vec![trusted]).unwrap();
    for user in [ADELE, BRUNO] {
        site.assert_served(user).await;
    }
    assert_eq!(site.take("aws.web_identity"), (0, 0), "that one serves until shortly before its end");
    assert_eq!(site.sweep_a_day_later().await, [("acted", 2)].into());
    assert_eq!(site.take("aws.web_identity"), (1, 0));
    site.stack.stop().await;
}

#[tokio::test]
async fn a_credential_that_cannot_be_used_stops_the_start_and_says_why() {
    let lab = Lab::start().await;
    let damaged = PemFile::holding("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let unreachable = NobodyThere::new();
    for (variables, reason) in [
        (
            vec![("ENTRA_CREDENTIAL", "certificate"), ("ENTRA_CLIENT_CERTIFICATE_FILE", "no/such/file.pem")],
            "no/such/file.pem",
        ),
        (
            vec![("ENTRA_CREDENTIAL", "certificate"), ("ENTRA_CLIENT_CERTIFICATE_FILE", damaged.path())],
            "expected an RSA private key",
        ),
        (vec![("ENTRA_CLIENT_SECRET_ARN", ARN), ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &unreachable.url)], ARN),
    ] {
        let Err(StackError::Functions(error)) = Site::start(&lab, &variables).await else {
            panic!("expected a refused start for {variables:?}")
        };
        let text = error.to_string();
        assert!(text.starts_with("the application's credential cannot be used: "), "{text}");
        assert!(text.contains(reason), "{text}");
    }
}
