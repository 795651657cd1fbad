//! App registrations through Graph, and what the sign-in service makes of them.

use entra_emulator::{API_CLIENT_ID, GRAPH_TOOLS_CLIENT_ID, SPA_CLIENT_ID, TENANT_ID};
use reqwest::Method;
use serde_json::{Value, json};
use time::Duration;

use crate::lab::{ADELE, Answer, CHALLENGE, Lab, ORIGIN, VERIFIER, answer, claims, location};

const BRUNO: &str = "bruno@lakeside.example";
const NOOR: &str = "noor@harbour.example";
const ALL: &str = "User.Read Application.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All";
const DENIED: &str = "Authorization_RequestDenied";
const SCOPE_ID: &str = "11111111-2222-4333-8444-555555555555";
const REDIRECT: &str = "https://app.example/redirect.html";

/// A token for Graph of Microsoft's own command-line tools.
async fn graph_token(lab: &Lab, user: &str, scopes: &str) -> String {
    let url = format!("{}/{TENANT_ID}/oauth2/v2.0/devicecode", lab.base);
    let form = [("client_id", GRAPH_TOOLS_CLIENT_ID), ("scope", scopes)];
    let started = answer(lab.http.post(url).form(&form).send().await.unwrap()).await;
    let typed = [("user_code", started.text("user_code")), ("user", user.to_owned())];
    lab.http.post(format!("{}/devicelogin", lab.base)).form(&typed).send().await.unwrap();
    let form = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", GRAPH_TOOLS_CLIENT_ID),
        ("device_code", &started.text("device_code")),
    ];
    lab.token(&form, None).await.text("access_token")
}

struct Graph<'l> {
    lab: &'l Lab,
    token: String,
}

impl<'l> Graph<'l> {
    async fn of(lab: &'l Lab, user: &str, scopes: &str) -> Self {
        Self { lab, token: graph_token(lab, user, scopes).await }
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        let url = format!("{}/graph/v1.0{path}", self.lab.base);
        let request = self.lab.http.request(method, url).bearer_auth(&self.token);
        answer(request.header("prefer", "create-if-missing").json(&body).send().await.unwrap()).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, Value::Null).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, body).await
    }

    async fn patch(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PATCH, path, body).await
    }

    async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, Value::Null).await
    }

    async fn application(&self, body: Value) -> (String, String) {
        let made = self.post("/applications", body).await;
        assert_eq!(made.status, 201, "{}", made.body);
        (made.text("id"), made.text("appId"))
    }
}

fn scope(id: &str, value: &str) -> Value {
    json!({ "id": id, "value": value, "type": "User", "isEnabled": true, "adminConsentDisplayName": value,
        "adminConsentDescription": value })
}

#[track_caller]
fn assert_error(answer: &Answer, status: u16, code: &str, text: &str) {
    assert_eq!(
        (answer.status, answer.body["error"]["code"].as_str()),
        (status, Some(code)),
        "{}",
        answer.body
    );
    let message = answer.body["error"]["message"].as_str().unwrap();
    assert!(message.contains(text), "{message}");
}

/// An API and a page, registered through Graph alone.
async fn registered(graph: &Graph<'_>) -> (String, String, String) {
    let api = json!({ "displayName": "New API", "signInAudience": "AzureADMyOrg",
        "api": { "requestedAccessTokenVersion": 2, "oauth2PermissionScopes": [scope(SCOPE_ID, "Things.Read")] } });
    let (api_id, api) = graph.application(api).await;
    let uri = json!({ "identifierUris": [format!("api://{api}")] });
    assert_eq!(graph.patch(&format!("/applications/{api_id}"), uri).await.status, 204);
    let page = json!({ "displayName": "New page", "signInAudience": "AzureADMyOrg", "spa": { "redirectUris": [REDIRECT] },
        "requiredResourceAccess": [{ "resourceAppId": api, "resourceAccess": [{ "id": SCOPE_ID, "type": "Scope" }] }] });
    let (_, page) = graph.application(page).await;
    (api_id, api, page)
}

async fn sign_in(lab: &Lab, page: &str, scope: &str) -> Answer {
    let url = lab.authorize_url(&[
        ("client_id", page),
        ("redirect_uri", REDIRECT),
        ("scope", scope),
        ("code_challenge", CHALLENGE),
    ]);
    let response = lab.http.post(url).form(&[("user", ADELE)]).send().await.unwrap();
    let sent = location(&response);
    let Some((_, code)) = sent.iter().find(|(name, _)| name == "code") else {
        return Answer { status: 400, body: json!(sent) };
    };
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", page),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ];
    lab.token(&form, Some(ORIGIN)).await
}

#[tokio::test]
async fn a_registered_page_signs_users_in_and_a_registered_api_acts_on_their_behalf() {
    let lab = Lab::start().await;
    let graph = Graph::of(&lab, ADELE, ALL).await;
    let (api_id, api, page) = registered(&graph).await;
    let scope = format!("api://{api}/Things.Read");

    let refused = sign_in(&lab, &page, &scope).await.body.to_string();
    assert!(
        refused.contains("AADSTS500011"),
        "an API without a service principal is not in the tenant: {refused}"
    );
    assert_eq!(graph.post("/servicePrincipals", json!({ "appId": api })).await.status, 201);
    let token = sign_in(&lab, &page, &scope).await.text("access_token");
    let read = claims(&token);
    assert_eq!(
        (&read["aud"], &read["azp"], &read["scp"], &read["ver"]),
        (&json!(api), &json!(page), &json!("Things.Read"), &json!("2.0"))
    );
    assert_eq!(read["idtyp"], Value::Null, "the optional claim was not asked for");

    let secret = graph
        .post(
            &format!("/applications/{api_id}/addPassword"),
            json!({ "passwordCredential": { "displayName": "one" } }),
        )
        .await;
    let text = secret.text("secretText");
    assert!(text.starts_with(&secret.text("hint")));
    let exchange = |secret: &str| {
        let form = [("client_id", api.as_str()), ("client_secret", secret)].map(|(n, v)| (n, v.to_owned()));
        let (lab, token) = (&lab, &token);
        async move {
            let form: Vec<(&str, &str)> = form.iter().map(|(n, v)| (*n, v.as_str())).collect();
            lab.on_behalf_of_with(token, &form).await
        }
    };
    exchange("wrong").await.assert_refused(401, "invalid_client", 7_000_215);
    let on_behalf = exchange(&text).await;
    assert_eq!(claims(&on_behalf.text("access_token"))["appid"], json!(api));

    let claim = json!({ "optionalClaims": { "accessToken": [{ "name": "idtyp" }] } });
    assert_eq!(graph.patch(&format!("/applications/{api_id}"), claim).await.status, 204);
    let token = sign_in(&lab, &page, &scope).await.text("access_token");
    assert_eq!(claims(&token)["idtyp"], "user");

    assert_eq!(graph.delete(&format!("/applications(appId='{page}')")).await.status, 204);
    let page_answer =
        lab.http.post(lab.authorize_url(&[("client_id", page.as_str()), ("redirect_uri", REDIRECT)]));
    let gone = page_answer.form(&[("user", ADELE)]).send().await.unwrap().text().await.unwrap();
    assert!(gone.contains("700016"), "{gone}");
}

#[tokio::test]
async fn secrets_end_and_are_removed() {
    let lab = Lab::start().await;
    let graph = Graph::of(&lab, ADELE, ALL).await;
    let (api_id, api, _) = registered(&graph).await;
    graph.post("/servicePrincipals", json!({ "appId": api })).await;
    let add = |until: &str| {
        let body = json!({ "passwordCredential": { "endDateTime": until } });
        let path = format!("/applications/{api_id}/addPassword");
        let graph = &graph;
        async move { graph.post(&path, body).await }
    };
    assert_error(&add("2026-11-22T11:00:00Z").await, 400, "Request_BadRequest", "end date");
    let secret = add("2026-11-23T12:00:00Z").await;
    let prove = || {
        let form = [("client_id", api.clone()), ("client_secret", secret.text("secretText"))];
        let lab = &lab;
        async move {
            let [(_, id), (_, secret)] = &form;
            let form = [
                ("grant_type", "client_credentials"),
                ("client_id", id),
                ("client_secret", secret),
                ("scope", "https://graph.microsoft.com/.default"),
            ];
            lab.token(&form, None).await
        }
    };
    assert_eq!(prove().await.status, 200);
    lab.clock.advance(Duration::days(2));
    prove().await.assert_refused(401, "invalid_client", 7_000_222);
    let graph = Graph::of(&lab, ADELE, ALL).await;
    let path = format!("/applications/{api_id}/removePassword");
    let body = json!({ "keyId": secret.text("keyId") });
    assert_eq!(graph.post(&path, body.clone()).await.status, 204);
    assert_error(&graph.post(&path, body).await, 400, "Request_BadRequest", "keyId");
    prove().await.assert_refused(401, "invalid_client", 7_000_215);
}

#[tokio::test]
async fn an_application_without_a_service_principal_gets_no_tokens_of_its_own() {
    let lab = Lab::start().await;
    let graph = Graph::of(&lab, ADELE, ALL).await;
    let (api_id, api, _) = registered(&graph).await;
    let secret =
        graph.post(&format!("/applications/{api_id}/addPassword"), json!({})).await.text("secretText");
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", api.as_str()),
        ("client_secret", &secret),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    lab.token(&form, None).await.assert_refused(401, "invalid_client", 7_000_229);
}

#[tokio::test]
async fn permissions_roles_and_ownership_are_looked_at() {
    let lab = Lab::start().await;
    let body = || json!({ "displayName": "x" });
    for (user, scopes) in [(ADELE, "User.Read"), (ADELE, "Application.Read.All"), (NOOR, ALL)] {
        let graph = Graph::of(&lab, user, scopes).await;
        assert_error(&graph.post("/applications", body()).await, 403, DENIED, "Insufficient privileges");
    }
    let (owner, other) =
        (Graph::of(&lab, ADELE, ALL).await, Graph::of(&lab, "chidi@lakeside.example", ALL).await);
    let (id, app_id) = owner.application(body()).await;
    let path = format!("/applications/{id}");
    assert_error(&other.patch(&path, json!({ "notes": "mine" })).await, 403, DENIED, "");
    assert_error(&other.delete(&path).await, 403, DENIED, "");
    assert_eq!(owner.get(&format!("{path}/owners")).await.body["value"].as_array().unwrap().len(), 1);
    let administrator = Graph::of(&lab, BRUNO, ALL).await;
    assert_eq!(administrator.patch(&path, json!({ "notes": "seen" })).await.status, 204);
    let me = administrator.get("/me?$select=id").await.text("id");
    let reference = || json!({ "@odata.id": format!("{}/graph/v1.0/directoryObjects/{me}", lab.base) });
    assert_eq!(owner.post(&format!("{path}/owners/$ref"), reference()).await.status, 204);
    assert_error(
        &owner.post(&format!("{path}/owners/$ref"), reference()).await,
        400,
        "Request_BadRequest",
        "already exist",
    );

    let principal = owner.post("/servicePrincipals", json!({ "appId": app_id })).await.text("id");
    let microsoft =
        owner.get("/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')").await.text("id");
    let grant = json!({ "clientId": principal, "resourceId": microsoft, "consentType": "AllPrincipals", "scope": "User.Read" });
    assert_error(&owner.post("/oauth2PermissionGrants", grant.clone()).await, 403, DENIED, "");
    assert_eq!(administrator.post("/oauth2PermissionGrants", grant.clone()).await.status, 201);
    assert_error(
        &administrator.post("/oauth2PermissionGrants", grant).await,
        409,
        "Request_MultipleObjectsWithSameKeyValue",
        "already",
    );

    // A token of the API itself, and one that is for somebody else.
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", API_CLIENT_ID),
        ("client_secret", entra_emulator::API_CLIENT_SECRET),
        ("scope", "https://graph.microsoft.com/.default"),
    ];
    let own = Graph { lab: &lab, token: lab.token(&form, None).await.text("access_token") };
    assert_error(&own.get("/applications").await, 403, DENIED, "");
    let wrong = Graph { lab: &lab, token: lab.sign_in(ADELE).await.text("access_token") };
    assert_error(&wrong.get("/applications").await, 401, "InvalidAuthenticationToken", "audience");
}

#[tokio::test]
async fn what_graph_would_object_to_is_refused_and_changes_nothing() {
    let lab = Lab::start().await;
    let graph = Graph::of(&lab, BRUNO, ALL).await;
    let (id, app_id, _) = registered(&graph).await;
    let path = format!("/applications/{id}");
    let before = graph.get(&path).await.body;
    for (body, text) in [
        (json!({ "displayName": "" }), "displayName"),
        (json!({ "identifierUris": ["api://somebody-else"] }), "verified domain"),
        (json!({ "spa": { "redirectUris": ["http://app.example/"] } }), "HTTPS"),
        (json!({ "signInAudience": "Everybody" }), "signInAudience"),
        (json!({ "api": { "requestedAccessTokenVersion": 3 } }), "requestedAccessTokenVersion"),
        (json!({ "api": { "oauth2PermissionScopes": [] } }), "disabled first"),
        (json!({ "api": { "oauth2PermissionScopes": [scope(SCOPE_ID, "Renamed")] } }), "disabled first"),
        (
            json!({ "api": { "oauth2PermissionScopes": [scope(SCOPE_ID, "Things.Read"), scope(SCOPE_ID, "Other")] } }),
            "duplicate",
        ),
        (
            json!({ "api": { "preAuthorizedApplications": [{ "appId": SPA_CLIENT_ID, "delegatedPermissionIds": [SPA_CLIENT_ID] }] } }),
            "preAuthorized",
        ),
        (json!({ "passwordCredentials": [] }), "addPassword"),
        (
            json!({ "keyCredentials": [{ "type": "AsymmetricX509Cert", "usage": "Verify", "key": "AAAA" }] }),
            "Key credential",
        ),
        (json!({ "nonsense": 1 }), "nonsense"),
    ] {
        assert_error(&graph.patch(&path, body).await, 400, "Request_BadRequest", text);
        assert_eq!(graph.get(&path).await.body, before, "{text}");
    }
    assert_error(&graph.get("/applications/no-such-id").await, 404, "Request_ResourceNotFound", "no-such-id");
    let unknown = graph.post("/servicePrincipals", json!({ "appId": SCOPE_ID })).await;
    assert_error(&unknown, 400, "Request_BadRequest", "does not reference a valid application object");
    assert_eq!(graph.post("/servicePrincipals", json!({ "appId": app_id })).await.status, 201);
    let twice = graph.post("/servicePrincipals", json!({ "appId": app_id })).await;
    assert_error(&twice, 409, "Request_MultipleObjectsWithSameKeyValue", "already in use");
}

#[tokio::test]
async fn a_unique_name_is_taken_until_its_application_is_gone_for_good() {
    let lab = Lab::start().await;
    let graph = Graph::of(&lab, ADELE, ALL).await;
    let path = "/applications(uniqueName='things')";
    let body = || json!({ "displayName": "Things", "tags": ["mine"] });
    let made = graph.patch(path, body()).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_eq!(graph.patch(path, body()).await.status, 204, "the second time it is an update");
    let listed =
        graph.get("/applications?$filter=tags/any(t:t eq 'mine')&$select=appId").await.body["value"].clone();
    assert_eq!(listed, json!([{ "id": made.text("id"), "appId": made.text("appId") }]));
    graph.post("/servicePrincipals", json!({ "appId": made.text("appId") })).await;

    assert_eq!(graph.delete(path).await.status, 204);
    assert_error(&graph.get(path).await, 404, "Request_ResourceNotFound", "things");
    assert_error(&graph.patch(path, body()).await, 400, "Request_BadRequest", "uniqueName already exists");
    let principals = "/directory/deletedItems/microsoft.graph.servicePrincipal";
    assert_eq!(graph.get(principals).await.body["value"].as_array().unwrap().len(), 1);
    let item = format!("/directory/deletedItems/{}", made.text("id"));
    assert_eq!(graph.post(&format!("{item}/restore"), json!({})).await.status, 200);
    assert_eq!(graph.get(path).await.text("appId"), made.text("appId"));
    assert_eq!(graph.get(principals).await.body["value"], json!([]));

    graph.delete(path).await;
    assert_eq!(graph.delete(&item).await.status, 204);
    let again = graph.patch(path, body()).await;
    assert_eq!(again.status, 201);
    assert_ne!(again.text("appId"), made.text("appId"));
}

#[tokio::test]
async fn deleted_items_are_kept_for_thirty_days() {
    let lab = Lab::start().await;
    let graph = Graph::of(&lab, ADELE, ALL).await;
    let named = "/applications(uniqueName='things')";
    let body = || json!({ "displayName": "Things" });
    let made = graph.patch(named, body()).await;
    graph.post("/servicePrincipals", json!({ "appId": made.text("appId") })).await;
    graph.delete(named).await;
    let lists = ["application", "servicePrincipal"]
        .map(|kind| format!("/directory/deletedItems/microsoft.graph.{kind}"));
    lab.clock.advance(Duration::days(29));
    let graph = Graph::of(&lab, ADELE, ALL).await;
    for list in &lists {
        assert_eq!(graph.get(list).await.body["value"].as_array().unwrap().len(), 1, "{list}");
    }
    assert_error(&graph.patch(named, body()).await, 400, "Request_BadRequest", "uniqueName already exists");

    lab.clock.advance(Duration::days(2));
    let graph = Graph::of(&lab, ADELE, ALL).await;
    // The name is free whether or not somebody has looked at the list since.
    let again = graph.patch(named, body()).await;
    assert_eq!(again.status, 201, "{}", again.body);
    assert_ne!(again.text("appId"), made.text("appId"));
    for list in &lists {
        assert_eq!(graph.get(list).await.body["value"], json!([]), "{list}");
    }
}

#[tokio::test]
async fn a_service_principal_is_restored_unless_there_is_another_one() {
    let lab = Lab::start().await;
    let graph = Graph::of(&lab, ADELE, ALL).await;
    let (_, app_id) = graph.application(json!({ "displayName": "x" })).await;
    let create = async || graph.post("/servicePrincipals", json!({ "appId": app_id })).await;
    let first = create().await.text("id");
    graph.delete(&format!("/servicePrincipals/{first}")).await;
    let restore = format!("/directory/deletedItems/{first}/restore");
    let restored = graph.post(&restore, json!({})).await;
    assert_eq!((restored.status, restored.text("id")), (200, first.clone()), "{}", restored.body);
    assert_eq!(graph.get(&format!("/servicePrincipals/{first}")).await.status, 200);
    assert_eq!(graph.post(&restore, json!({})).await.status, 404, "it is not deleted any more");

    graph.delete(&format!("/servicePrincipals/{first}")).await;
    let second = create().await.text("id");
    let refused = graph.post(&restore, json!({})).await;
    assert_error(&refused, 409, "Request_MultipleObjectsWithSameKeyValue", "already in use");
    assert_eq!(graph.get(&format!("/servicePrincipals/{second}")).await.status, 200);
    assert_eq!(graph.get(&format!("/servicePrincipals/{first}")).await.status, 404, "nothing was changed");
}

#[tokio::test]
async fn federated_credentials_are_told_apart_by_name_and_by_issuer_and_subject() {
    let lab = Lab::start().await;
    let graph = Graph::of(&lab, ADELE, ALL).await;
    let (id, _, _) = registered(&graph).await;
    let path = format!("/applications/{id}/federatedIdentityCredentials");
    let body = |name: &str, subject: &str| json!({ "name": name, "issuer": "https://issuer.example", "subject": subject, "audiences": ["api://a"] });
    let made = graph.post(&path, body("one", "s")).await;
    assert_eq!(made.status, 201, "{}", made.body);
    assert_error(
        &graph.post(&path, body("one", "t")).await,
        409,
        "Request_MultipleObjectsWithSameKeyValue",
        "one",
    );
    assert_error(&graph.post(&path, body("two", "s")).await, 400, "Request_BadRequest", "unique");
    assert_error(&graph.post(&path, body("two words", "t")).await, 400, "Request_BadRequest", "name");
    let one = format!("{path}/{}", made.text("id"));
    assert_eq!(graph.patch(&one, json!({ "audiences": ["api://b"] })).await.status, 204);
    assert_eq!(graph.get(&path).await.body["value"][0]["audiences"], json!(["api://b"]));
    assert_eq!(graph.delete(&one).await.status, 204);
    assert_error(&graph.delete(&one).await, 404, "Request_ResourceNotFound", "");
}

#[tokio::test]
async fn certificates_come_only_when_they_are_asked_for() {
    let lab = Lab::start().await;
    let graph = Graph::of(&lab, BRUNO, ALL).await;
    let application = graph.get(&format!("/applications(appId='{API_CLIENT_ID}')")).await;
    let path = format!("/applications/{}", application.text("id"));
    lab.emulator.issue_certificate(API_CLIENT_ID).unwrap();
    assert_eq!(graph.get(&path).await.body["keyCredentials"][0]["key"], Value::Null);
    let named = graph.get(&format!("{path}?$select=keyCredentials")).await.body["keyCredentials"].clone();
    assert!(named[0]["key"].is_string(), "{named}");
    assert_eq!(graph.patch(&path, json!({ "keyCredentials": named })).await.status, 204);
    assert_eq!(lab.emulator.applications()[0].certificates.len(), 1);
    assert_eq!(graph.patch(&path, json!({ "keyCredentials": [] })).await.status, 204);
    assert_eq!(lab.emulator.applications()[0].certificates.len(), 0);
}
