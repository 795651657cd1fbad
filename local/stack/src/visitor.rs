//! A person at the page, without a browser: signs in over HTTP as MSAL.js does.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use reqwest::header::{CONTENT_TYPE, LOCATION, ORIGIN};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use url::Url;
use uuid::Uuid;

/// The longest wait for one answer. Scenarios that make Entra ID or Graph slow end sooner.
const TIMEOUT: Duration = Duration::from_mins(1);

/// Steps of the sign-in page (account, approval, consent) before something must be wrong.
const MOST_STEPS: u32 = 5;

/// Signs users in through the page's settings (authorization code with PKCE, RFC 7636).
#[derive(Debug, Clone)]
pub struct Visitor {
    http: reqwest::Client,
    page: String,
    settings: PageSettings,
}

/// The part of `/config.json` that a sign-in needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageSettings {
    client_id: String,
    api_scopes: Vec<String>,
    authority_metadata: Metadata,
}

#[derive(Debug, Clone, Deserialize)]
struct Metadata {
    authorization_endpoint: Url,
    token_endpoint: Url,
}

/// What a sign-in brings the page. `Debug` shows no token.
#[derive(Clone, Deserialize)]
pub struct SignedIn {
    pub access_token: String,
    pub refresh_token: String,
    pub id_token: String,
}

impl fmt::Debug for SignedIn {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SignedIn").finish_non_exhaustive()
    }
}

/// Why a sign-in did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    #[error("{step}: no answer")]
    Http {
        step: &'static str,
        #[source]
        source: reqwest::Error,
    },
    #[error("{step}: expected {expected}, got {got}")]
    Unexpected { step: &'static str, expected: &'static str, got: String },
    /// The authority refused, in OAuth's words.
    #[error("the authority refused: {error}: {description}")]
    Refused { error: String, description: String },
}

impl Visitor {
    /// Opens the page and reads its settings.
    pub async fn at(page: &str) -> Result<Self, SignInError> {
        let step = "GET /config.json";
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .map_err(|source| SignInError::Http { step, source })?;
        let answer = http
            .get(format!("{page}/config.json"))
            .send()
            .await
            .map_err(|source| SignInError::Http { step, source })?;
        let settings = answer.json().await.map_err(|source| SignInError::Http { step, source })?;
        Ok(Self { http, page: page.to_owned(), settings })
    }

    /// The same person at another application, registered for the same page address.
    #[must_use]
    pub fn with_client(mut self, client_id: &str) -> Self {
        client_id.clone_into(&mut self.settings.client_id);
        self
    }

    /// The same application, asking for other permissions.
    #[must_use]
    pub fn with_scopes(mut self, scopes: &[&str]) -> Self {
        self.settings.api_scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        self
    }

    /// The same person at another authority, or in another tenant of it.
    ///
    /// # Panics
    /// When `base` is not a base address.
    #[must_use]
    pub fn with_authority(mut self, base: &str, tenant: &str) -> Self {
        let endpoint = |name: &str| {
            Url::parse(&format!("{base}/{tenant}/oauth2/v2.0/{name}"))
                .expect("a base address and a tenant make a URL")
        };
        self.settings.authority_metadata =
            Metadata { authorization_endpoint: endpoint("authorize"), token_endpoint: endpoint("token") };
        self
    }

    /// The client that the visitor uses, for calls of the API: no redirects, no proxy.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// Picks the account on the authority's page and trades the code in.
    pub async fn sign_in(&self, user: &str) -> Result<SignedIn, SignInError> {
        self.sign_in_with_claims(user, None).await
    }

    /// Answers a claims challenge: `claims` is its JSON.
    pub async fn sign_in_with_claims(
        &self,
        user: &str,
        claims: Option<&str>,
    ) -> Result<SignedIn, SignInError> {
        let verifier = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let code = self.pick_account(user, claims, &verifier).await?;
        self.redeem(&code, &verifier).await
    }

    /// Opens the sign-in page and presses its buttons until it leads back.
    async fn pick_account(
        &self,
        user: &str,
        claims: Option<&str>,
        verifier: &str,
    ) -> Result<String, SignInError> {
        let step = "the sign-in page";
        let state = Uuid::new_v4().to_string();
        let url = self.authorize_url(user, claims, verifier, &state);
        let page = self.http.get(url.clone()).send().await;
        let page = page.map_err(|source| SignInError::Http { step, source })?;
        if !page.status().is_success() || !is_page(&page) {
            let got = describe(page).await;
            return Err(SignInError::Unexpected { step, expected: "a page with accounts", got });
        }
        let mut form = vec![("user", user)];
        for _ in 0..MOST_STEPS {
            let answer = self.http.post(url.clone()).form(&form).send().await;
            let answer = answer.map_err(|source| SignInError::Http { step, source })?;
            if let Some(location) = answer.headers().get(LOCATION) {
                let location = location.to_str().unwrap_or_default();
                return code_of(&self.redirect_uri(), location, &state);
            }
            let next = answer.text().await.map_err(|source| SignInError::Http { step, source })?;
            let button = ["approve", "consent"]
                .into_iter()
                .find(|name| next.contains(&format!("name=\"{name}\" value=\"yes\"")))
                .filter(|name| !form.iter().any(|(pressed, _)| pressed == name));
            let Some(button) = button else {
                let got = first_heading(&next);
                return Err(SignInError::Unexpected { step, expected: "a way on", got });
            };
            form.push((button, "yes"));
        }
        let got = format!("{MOST_STEPS} steps without an end");
        Err(SignInError::Unexpected { step, expected: "a redirect back to the page", got })
    }

    fn authorize_url(&self, user: &str, claims: Option<&str>, verifier: &str, state: &str) -> Url {
        let scopes = format!("{} openid profile offline_access", self.settings.api_scopes.join(" "));
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let mut url = self.settings.authority_metadata.authorization_endpoint.clone();
        url.query_pairs_mut()
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("response_type", "code")
            .append_pair("response_mode", "query")
            .append_pair("redirect_uri", &self.redirect_uri())
            .append_pair("scope", &scopes)
            .append_pair("state", state)
            .append_pair("nonce", &Uuid::new_v4().to_string())
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256")
            .append_pair("client_info", "1")
            .append_pair("login_hint", user)
            .append_pair("prompt", "select_account");
        if let Some(claims) = claims {
            url.query_pairs_mut().append_pair("claims", claims);
        }
        url
    }

    async fn redeem(&self, code: &str, verifier: &str) -> Result<SignedIn, SignInError> {
        let step = "the token endpoint";
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", self.settings.client_id.as_str()),
            ("code", code),
            ("redirect_uri", &self.redirect_uri()),
            ("code_verifier", verifier),
            ("client_info", "1"),
        ];
        let request = self.http.post(self.settings.authority_metadata.token_endpoint.clone());
        let answer = request
            .header(ORIGIN, &self.page)
            .form(&form)
            .send()
            .await
            .map_err(|source| SignInError::Http { step, source })?;
        if answer.status().is_success() {
            return answer.json().await.map_err(|source| SignInError::Http { step, source });
        }
        let body: Value = answer.json().await.map_err(|source| SignInError::Http { step, source })?;
        Err(refusal(&body["error"], &body["error_description"]))
    }

    fn redirect_uri(&self) -> String {
        format!("{}/redirect.html", self.page)
    }
}

fn code_of(redirect_uri: &str, location: &str, state: &str) -> Result<String, SignInError> {
    let step = "the way back to the page";
    let unexpected = |expected, got: &str| SignInError::Unexpected { step, expected, got: got.to_owned() };
    let query = location
        .strip_prefix(redirect_uri)
        .and_then(|rest| rest.strip_prefix('?'))
        .ok_or_else(|| unexpected("the page's redirect address", "another address"))?;
    let parameters: BTreeMap<String, String> =
        url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    if parameters.get("state").map(String::as_str) != Some(state) {
        return Err(unexpected("the state that was sent", "another one"));
    }
    match (parameters.get("code"), parameters.get("error")) {
        (Some(code), _) => Ok(code.clone()),
        (None, Some(error)) => Err(SignInError::Refused {
            error: error.clone(),
            description: parameters.get("error_description").cloned().unwrap_or_default(),
        }),
        (None, None) => Err(unexpected("a code", "none")),
    }
}

fn refusal(error: &Value, description: &Value) -> SignInError {
    SignInError::Refused {
        error: error.as_str().unwrap_or("no error code").to_owned(),
        description: description.as_str().unwrap_or_default().to_owned(),
    }
}

fn is_page(answer: &reqwest::Response) -> bool {
    let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|value| value.starts_with("text/html"))
}

async fn describe(answer: reqwest::Response) -> String {
    let status = answer.status();
    let text = answer.text().await.unwrap_or_default();
    format!("{status}, {}", first_heading(&text))
}

/// What a page says in its first heading; the rest of it may hold codes.
fn first_heading(page: &str) -> String {
    let heading = page.split_once("<h1>").and_then(|(_, rest)| rest.split_once("</h1>"));
    heading.map_or_else(|| "a page without a heading".to_owned(), |(text, _)| format!("the page \"{text}\""))
}
