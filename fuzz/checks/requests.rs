//! What must hold for any request to the HTTP API. The fuzz target runs it, and a test replays the corpus.

use super::api_answer::ApiAnswer;
use async_trait::async_trait;
use axum::body::Body;
use domain::caller::{Caller, CallerAuthenticator, Refusal};
use domain::scope::ScopeSet;
use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue, Method, Request};
use serde_json::{Map, Value, json};
use std::sync::{Arc, OnceLock};
use test_support::{Fakes, sample};
use tokio::runtime::Runtime;
use wiring::Api;

const ORIGIN: &str = "https://app.example.com";

/// What opens both permissions, and only reading.
const WRITER: &str = "Bearer writer";
const READER: &str = "Bearer reader";

struct World {
    runtime: Runtime,
    contract: Value,
}

/// A request as it would be written on the wire, more or less: `METHOD target`, lines of header fields, an empty line, the
/// body. It goes to the router as it is, and once more in an event of API Gateway.
///
/// # Panics
/// When something does not hold.
pub(crate) fn check(data: &[u8]) {
    let written = Written::read(data);
    if let Some(request) = written.request() {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let headers = request.headers().clone();
        let fakes = Fakes::default();
        let router = profile_api::router(api(&fakes));
        let answer = world().runtime.block_on(ApiAnswer::of(router, request));
        answer.is_in_the_contract(&world().contract, &method, &path);
        let sent: Vec<&[u8]> = headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes).collect();
        strangers_change_nothing(&fakes, &answer, &sent, &method, &path);
        other_origins_are_not_let_in(&answer, headers.get("origin").map(HeaderValue::as_bytes));
        let tls = headers.get("x-forwarded-proto").is_some_and(|protocol| protocol == "https");
        assert_eq!(!answer.header("strict-transport-security").is_empty(), tls);
    }
    if let Some(event) = written.event() {
        let Ok(request) = lambda_http::request::from_str(&event.to_string()) else { return };
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let sent: Vec<Vec<u8>> =
            request.headers().get_all(AUTHORIZATION).iter().map(|value| value.as_bytes().to_vec()).collect();
        let fakes = Fakes::default();
        let router = profile_api::router(api(&fakes));
        let response = world().runtime.block_on(profile_api::answer(router, request));
        let (parts, body) = response.expect("an answer that Lambda can pass on").into_parts();
        let answer = ApiAnswer { status: parts.status.as_u16(), headers: parts.headers, body: body.to_vec() };
        answer.is_in_the_contract(&world().contract, &method, &path);
        let sent: Vec<&[u8]> = sent.iter().map(Vec::as_slice).collect();
        strangers_change_nothing(&fakes, &answer, &sent, &method, &path);
    }
}

fn strangers_change_nothing(fakes: &Fakes, answer: &ApiAnswer, sent: &[&[u8]], method: &Method, path: &str) {
    let reads = matches!(*method, Method::GET | Method::HEAD);
    let opens = match sent {
        [one] if *one == WRITER.as_bytes() => reads || *method == Method::DELETE,
        [one] if *one == READER.as_bytes() => reads,
        _ => false,
    };
    let guarded = matches!(path, "/api/profile" | "/api/background-access");
    if opens && guarded {
        // Refused for its size, or done; a refusal for another reason would be a user's loss.
        assert!(matches!(answer.status, 200 | 204 | 405 | 413 | 431), "{method} {path}: {}", answer.status);
        return;
    }
    let touched = fakes.store.reads() + fakes.store.writes();
    assert_eq!(touched, 0, "{method} {path}: the table was asked on behalf of nobody");
    assert!(fakes.exchange.calls().is_empty(), "{method} {path}: tokens were asked for nobody");
    assert!(fakes.profiles.calls().is_empty(), "{method} {path}: a profile was read for nobody");
    assert!(
        !guarded || *method == Method::OPTIONS || answer.status >= 400,
        "{method} {path}: {}",
        answer.status
    );
}

fn other_origins_are_not_let_in(answer: &ApiAnswer, origin: Option<&[u8]>) {
    let allowed = answer.headers.get("access-control-allow-origin").map(HeaderValue::as_bytes);
    let expected = origin.filter(|origin| *origin == ORIGIN.as_bytes());
    assert_eq!(allowed, expected, "origin {:?}", origin.map(String::from_utf8_lossy));
}

/// What a request says, of any bytes.
struct Written<'d> {
    method: &'d [u8],
    target: &'d [u8],
    headers: Vec<(&'d [u8], &'d [u8])>,
    body: &'d [u8],
}

impl<'d> Written<'d> {
    fn read(data: &'d [u8]) -> Self {
        let end = data.windows(2).position(|two| two == b"\n\n");
        let (head, body) = end.map_or((data, &[][..]), |end| (&data[..end], &data[end + 2..]));
        let mut lines = head.split(|&byte| byte == b'\n');
        let (method, target) = divided(lines.next().unwrap_or_default(), b' ');
        let headers = lines.map(|line| divided(line, b':'));
        let headers = headers.map(|(name, value)| (name, value.trim_ascii())).take(64).collect();
        Self { method, target, headers, body }
    }

    /// `None` for what no HTTP server would pass on.
    fn request(&self) -> Option<Request<Body>> {
        let mut request = Request::builder().method(self.method).uri(self.target);
        for (name, value) in &self.headers {
            let Ok(name) = HeaderName::from_bytes(name) else { continue };
            let Ok(value) = HeaderValue::from_bytes(value) else { continue };
            request = request.header(name, value);
        }
        request.body(Body::from(self.body.to_vec())).ok()
    }

    /// The same as API Gateway words it (payload format 2.0): header fields of one name are joined. `None` for what it would
    /// not pass on.
    fn event(&self) -> Option<Value> {
        let method = Method::from_bytes(self.method).ok()?;
        let uri: http::Uri =
            self.target.try_into().ok().filter(|uri: &http::Uri| uri.path().starts_with('/'))?;
        let mut event: Value = serde_json::from_str(EVENT).expect("an event in JSON");
        let mut headers = Map::new();
        // The gateway's own, whatever the client says; lambda_http would not live through others.
        let own = [("host", "abc123.execute-api.eu-west-1.amazonaws.com"), ("x-forwarded-proto", "https")];
        headers.extend(own.map(|(name, value)| (name.to_owned(), json!(value))));
        for (name, value) in &self.headers {
            let Ok(name) = HeaderName::from_bytes(name) else { continue };
            let Ok(value) = std::str::from_utf8(value) else { continue };
            if own.iter().any(|(own, _)| *own == name.as_str()) {
                continue;
            }
            let joined = match headers.get(name.as_str()).and_then(Value::as_str) {
                Some(before) => format!("{before},{value}"),
                None => value.to_owned(),
            };
            headers.insert(name.as_str().to_owned(), joined.into());
        }
        event["rawPath"] = uri.path().into();
        event["rawQueryString"] = uri.query().unwrap_or_default().into();
        event["headers"] = headers.into();
        event["requestContext"]["http"]["method"] = method.as_str().into();
        event["requestContext"]["http"]["path"] = uri.path().into();
        match std::str::from_utf8(self.body) {
            Ok("") => {}
            Ok(text) => event["body"] = text.into(),
            Err(_) => return None,
        }
        Some(event)
    }
}

const EVENT: &str = include_str!("../../functions/profile-api/tests/events/get.json");

fn divided(bytes: &[u8], at: u8) -> (&[u8], &[u8]) {
    let place = bytes.iter().position(|&byte| byte == at);
    place.map_or((bytes, &[]), |place| (&bytes[..place], &bytes[place + 1..]))
}

/// Knows two tokens.
struct TwoTokens;

#[async_trait]
impl CallerAuthenticator for TwoTokens {
    async fn authenticate(&self, authorization: Option<&str>) -> Result<Caller, Refusal> {
        let scopes = match authorization {
            None => return Err(Refusal::Missing),
            Some(WRITER) => "Profile.Read Profile.ReadWrite",
            Some(READER) => "Profile.Read",
            Some(_) => {
                let detail = "the bearer token is not a signed JWT that this API can read";
                return Err(Refusal::Invalid { code: "malformed_token", detail });
            }
        };
        Ok(Caller { scopes: ScopeSet::parse(scopes), ..sample::caller(1, sample::NOW) })
    }
}

fn api(fakes: &Fakes) -> Api {
    Api {
        services: fakes.services.clone(),
        authenticator: Arc::new(TwoTokens),
        cors_allowed_origins: vec![ORIGIN.to_owned()].into(),
    }
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let contract = runtime.block_on(ApiAnswer::contract(profile_api::router(api(&Fakes::default()))));
        World { runtime, contract }
    })
}
