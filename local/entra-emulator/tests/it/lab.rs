//! A running emulator on a free port with a clock that stands still, and the requests that tests make of it.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use entra_emulator::{
    API_CLIENT_ID, API_CLIENT_SECRET, Directory, Emulator, ManualClock, SPA_CLIENT_ID, Settings, TENANT_ID,
    serve,
};
use reqwest::header;
use reqwest::redirect::Policy;
use serde_json::Value;
use time::macros::datetime;
use tokio::net::TcpListener;
use url::Url;

pub(crate) const ORIGIN: &str = "http://localhost:3000";
pub(crate) const REDIRECT: &str = "http://localhost:3000/redirect.html";
pub(crate) const ADELE: &str = "adele@lakeside.example";
/// RFC 7636, appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

pub(crate) struct Lab {
    pub(crate) emulator: Emulator,
    pub(crate) base: String,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) http: reqwest::Client,
}

/// Status and JSON body of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn text(&self, name: &str) -> String {
        self.body[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.body)).to_owned()
    }

    /// Checks that this is Entra ID's refusal with `code`, complete in its shape.
    #[track_caller]
    pub(crate) fn assert_refused(&self, status: u16, error: &str, code: u32) {
        assert_eq!((self.status, self.body["error"].as_str()), (status, Some(error)), "{}", self.body);
        assert_eq!(self.body["error_codes"], serde_json::json!([code]), "{}", self.body);
        let description = self.text("error_description");
        assert!(description.starts_with(&format!("AADSTS{code}: ")), "{description}");
        for part in ["Trace ID: ", "Correlation ID: ", "Timestamp: "] {
            assert!(description.contains(part), "{description}");
        }
        for member in ["timestamp", "trace_id", "correlation_id", "error_uri"] {
            assert!(self.body[member].is_string(), "{member} is missing in {}", self.body);
        }
    }
}

impl Lab {
    pub(crate) async fn start() -> Self {
        Self::with(Directory::sample(), None).await
    }

    pub(crate) async fn with(directory: Directory, state_file: Option<PathBuf>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        Self::on(listener, &base, directory, state_file)
    }

    /// `public_url` may differ from the listener: after a restart the port is another, the issuer must not be.
    pub(crate) fn on(
        listener: TcpListener,
        public_url: &str,
        directory: Directory,
        state_file: Option<PathBuf>,
    ) -> Self {
        let clock = Arc::new(ManualClock::at(datetime!(2026-11-22 12:00 UTC)));
        let settings = Settings {
            public_url: Url::parse(public_url).unwrap(),
            state_file,
            directory,
            clock: clock.clone(),
        };
        let emulator = Emulator::start(settings).unwrap();
        let base = format!("http://localhost:{}", listener.local_addr().unwrap().port());
        let served = emulator.clone();
        tokio::spawn(async move { serve(listener, &served, std::future::pending()).await });
        let http = reqwest::Client::builder().redirect(Policy::none()).no_proxy().build().unwrap();
        Self { emulator, base, clock, http }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answer(self.http.get(format!("{}{path}", self.base)).send().await.unwrap()).await
    }

    /// POST to the token endpoint of the home tenant; `origin` as a browser would send it.
    pub(crate) async fn token(&self, form: &[(&str, &str)], origin: Option<&str>) -> Answer {
        self.token_at(TENANT_ID, form, origin).await
    }

    pub(crate) async fn token_at(&self, tenant: &str, form: &[(&str, &str)], origin: Option<&str>) -> Answer {
        let mut request = self.http.post(format!("{}/{tenant}/oauth2/v2.0/token", self.base)).form(form);
        if let Some(origin) = origin {
            request = request.header(header::ORIGIN, origin);
        }
        answer(request.send().await.unwrap()).await
    }

    pub(crate) fn authorize_url(&self, more: &[(&str, &str)]) -> Url {
        let mut url = Url::parse(&format!("{}/{TENANT_ID}/oauth2/v2.0/authorize", self.base)).unwrap();
        let scope = format!("api://{API_CLIENT_ID}/Profile.ReadWrite openid profile offline_access");
        let defaults = [
            ("client_id", SPA_CLIENT_ID),
            ("response_type", "code"),
            ("redirect_uri", REDIRECT),
            ("scope", scope.as_str()),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", "the-state"),
            ("nonce", "the-nonce"),
            ("client_info", "1"),
        ];
        for (name, value) in defaults {
            if !more.iter().any(|(other, _)| *other == name) {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        url.query_pairs_mut().extend_pairs(more.iter().filter(|(_, value)| !value.is_empty()));
        url
    }

    /// Picks `user` on the page and returns the code.
    pub(crate) async fn code_for(&self, user: &str, more: &[(&str, &str)]) -> String {
        let form = [("user", user), ("approve", "yes")];
        let response = self.http.post(self.authorize_url(more)).form(&form).send().await.unwrap();
        let sent = location(&response);
        sent.iter()
            .find(|(name, _)| name == "code")
            .unwrap_or_else(|| panic!("no code in {sent:?}"))
            .1
            .clone()
    }

    /// A whole sign-in of `user` through the single-page application.
    pub(crate) async fn sign_in(&self, user: &str) -> Answer {
        let form = [("user", user)];
        let response = self.http.post(self.authorize_url(&[])).form(&form).send().await.unwrap();
        let code = location(&response).into_iter().find(|(name, _)| name == "code").unwrap().1;
        self.redeem(&code).await
    }

    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        self.redeem_at(TENANT_ID, code).await
    }

    pub(crate) async fn redeem_at(&self, tenant: &str, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", SPA_CLIENT_ID),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("client_info", "1"),
        ];
        self.token_at(tenant, &form, Some(ORIGIN)).await
    }

    pub(crate) async fn on_behalf_of(&self, assertion: &str) -> Answer {
        self.on_behalf_of_with(assertion, &[]).await
    }

    /// `more` replaces or adds form fields; an empty value leaves one out.
    pub(crate) async fn on_behalf_of_with(&self, assertion: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("client_id", API_CLIENT_ID),
            ("client_secret", API_CLIENT_SECRET),
            ("assertion", assertion),
            ("requested_token_use", "on_behalf_of"),
            ("scope", "https://graph.microsoft.com/User.Read openid profile offline_access"),
            ("client_info", "1"),
        ];
        form.retain(|(name, _)| !more.iter().any(|(other, _)| name == other));
        form.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        self.token(&form, None).await
    }

    pub(crate) async fn refresh_as_api(&self, refresh_token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("client_id", API_CLIENT_ID),
            ("client_secret", API_CLIENT_SECRET),
            ("refresh_token", refresh_token),
            ("scope", "https://graph.microsoft.com/User.Read openid profile offline_access"),
        ];
        form.retain(|(name, _)| !more.iter().any(|(other, _)| name == other));
        form.extend(more.iter().filter(|(_, value)| !value.is_empty()));
        self.token(&form, None).await
    }

    /// The On-Behalf-Of answer for a fresh sign-in of `user`.
    pub(crate) async fn graph_tokens(&self, user: &str) -> Answer {
        let answer = self.on_behalf_of(&self.sign_in(user).await.text("access_token")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }

    /// A token for Graph of a user of another tenant.
    pub(crate) async fn graph_token_elsewhere(&self) -> String {
        const USER: &str = "user000002@crowd001.example";
        const SCOPE: &str = "https://graph.microsoft.com/User.Read";
        let tenant = self.emulator.act_on_user(USER, entra_emulator::UserAction::Enable).unwrap().tenant_id;
        let refresh = self.emulator.issue_refresh_tokens(&[USER], API_CLIENT_ID, SCOPE).unwrap().remove(0);
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", API_CLIENT_ID),
            ("client_secret", API_CLIENT_SECRET),
            ("refresh_token", &refresh),
            ("scope", SCOPE),
        ];
        self.token_at(&tenant, &form, None).await.text("access_token")
    }

    pub(crate) async fn me(&self, token: &str, query: &str) -> reqwest::Response {
        let url = format!("{}/graph/v1.0/me{query}", self.base);
        self.http.get(url).bearer_auth(token).send().await.unwrap()
    }

    pub(crate) async fn control(&self, method: reqwest::Method, path: &str, body: Value) -> Answer {
        let url = format!("{}/emulator/api/{path}", self.base);
        answer(self.http.request(method, url).body(body.to_string()).send().await.unwrap()).await
    }
}

pub(crate) async fn answer(response: reqwest::Response) -> Answer {
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}

/// Name and value pairs that a redirect carries in its query or fragment.
pub(crate) fn location(response: &reqwest::Response) -> Vec<(String, String)> {
    let location = response.headers().get(header::LOCATION).expect("a redirect").to_str().unwrap();
    let url = Url::parse(location).unwrap();
    let carried = url.fragment().or(url.query()).unwrap_or_default();
    url::form_urlencoded::parse(carried.as_bytes()).into_owned().collect()
}

pub(crate) fn value_of(pairs: &[(String, String)], name: &str) -> Option<String> {
    pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone())
}

/// The claims of a token, unverified.
pub(crate) fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}
