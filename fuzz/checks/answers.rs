//! What must hold for any answer of Entra's token endpoint and of Graph, up to what our own caller gets of it. The fuzz
//! target runs it, and a test replays the corpus.

use super::api_answer::ApiAnswer;
use super::loopback::{Answer, Loopback, Script, field_value};
use async_trait::async_trait;
use axum::body::Body;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use domain::caller::{Caller, CallerAuthenticator, Refusal};
use domain::error::{GraphError, TokenError};
use domain::ports::{FetchedProfile, ProfileReader as _, Requester, TokenExchange as _};
use domain::profile::Profile;
use domain::scope::ScopeSet;
use domain::token::{AccessToken, IssuedTokens, RefreshToken, UserAssertion};
use entra::{Authority, ClientSecret, EntraTokenExchange, TenantSetting};
use graph::GraphProfileReader;
use http::{Method, Request};
use serde_json::{Map, Value};
use std::error::Error;
use std::sync::{Arc, OnceLock};
use test_support::{Fakes, FixedClock, sample};
use time::Duration;
use wiring::Api;

/// `@s` in an answer stands for this, which may come out of it nowhere.
const SECRET: &str = "Zq7-vX0_kW3pLr9TtYb5Hd2M";
/// The shortest part of it that would tell something.
const TELLING: usize = 16;

const LONGEST_PAUSE: Duration = Duration::hours(1);

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

struct World {
    loopback: Loopback,
    exchange: EntraTokenExchange,
    profiles: GraphProfileReader,
    contract: Value,
}

/// `o` (On-Behalf-Of), `r` (refresh) or `g` (Graph), the status in three digits, the end of the line, lines of header
/// fields, an empty line, the body.
///
/// # Panics
/// When something does not hold.
pub(crate) fn check(data: &[u8]) {
    let Some((&kind, rest)) = data.split_first() else { return };
    let world = world();
    let answer = read(rest);
    let script = world.loopback.script(answer.clone());
    let before = script.requests();
    let scopes = sample::graph_scopes();
    match kind {
        b'o' => {
            let assertion = UserAssertion::new("e30.e30.c2ln");
            let asked = world.exchange.on_behalf_of(sample::TENANT, &assertion, (&scopes).into());
            token_outcome(&script, world, &answer, script.wait(asked));
        }
        b'r' => {
            let token = RefreshToken::new("refresh-token");
            let asked = world.exchange.refresh(sample::TENANT, sample::account(1), &token, (&scopes).into());
            token_outcome(&script, world, &answer, script.wait(asked));
        }
        _ => {
            let token = AccessToken::new("access-token");
            let asked = world.profiles.me(&token, Requester::User);
            graph_outcome(&script, world, &answer, script.wait(asked));
        }
    }
    assert_eq!(script.requests(), before + 1, "one request, whatever the answer");
}

fn token_outcome(
    script: &Script<'_>,
    world: &World,
    answer: &Answer,
    outcome: Result<IssuedTokens, TokenError>,
) {
    let error = match outcome {
        Ok(tokens) => return tokens_are_those_of_the_answer(answer, &tokens),
        Err(error) => error,
    };
    let document = object(&answer.body);
    let said = |name: &str, value: &str| {
        let Some(document) = &document else { return is_an_object_for_lenient_readers(answer) };
        let there = document.get(name).and_then(Value::as_str);
        assert_eq!(there, Some(value), "`{name}` is not what was answered");
    };
    let (mut challenge, mut pause) = (None, None);
    let mut said_again = Vec::new();
    match &error {
        TokenError::UserNeeded { error, suberror, claims, .. } => {
            said("error", error);
            is_a_word(error);
            said_again.push(error.clone());
            if let Some(suberror) = suberror {
                said("suberror", suberror);
                is_a_word(suberror);
                said_again.push(suberror.clone());
            }
            if let Some(claims) = claims {
                said("claims", claims);
                is_a_challenge(claims);
                challenge = Some(claims.clone());
            }
        }
        TokenError::ApplicationRejected { error, .. } => {
            said("error", error);
            is_a_word(error);
            said_again.push(error.clone());
        }
        TokenError::Throttled { retry_after, .. } | TokenError::Unavailable { retry_after, .. } => {
            pause = *retry_after;
        }
        TokenError::StaleAssertion { .. } => {}
    }
    is_fair(answer, pause);
    says_nothing_more(&error, said_again, challenge.as_deref());
    let fakes = Fakes::default();
    fakes.exchange.respond_with(move |_| Err(same_token_error(&error)));
    the_caller_is_told(script, world, &fakes, challenge.as_deref(), pause);
}

fn graph_outcome(
    script: &Script<'_>,
    world: &World,
    answer: &Answer,
    outcome: Result<FetchedProfile, GraphError>,
) {
    let error = match outcome {
        Ok(fetched) => return the_profile_is_that_of_the_answer(answer, &fetched),
        Err(error) => error,
    };
    let (mut challenge, mut pause) = (None, None);
    let mut said_again = Vec::new();
    match &error {
        GraphError::Unauthorized { claims } => {
            assert_eq!(answer.status, 401);
            if let Some(claims) = claims {
                is_a_challenge(claims);
                assert!(challenges(answer).contains(claims), "claims that no challenge has");
            }
            challenge.clone_from(claims);
        }
        GraphError::Forbidden { code } => {
            is_a_word(code);
            let of_body = object(&answer.body)
                .and_then(|body| Some(body.get("error")?.get("code")?.as_str()?.to_owned()));
            assert!(of_body.as_ref() == Some(code) || *code == answer.status.to_string(), "{code}");
            said_again.push(code.clone());
        }
        GraphError::Throttled { retry_after } | GraphError::Unavailable { retry_after, .. } => {
            pause = *retry_after;
        }
    }
    is_fair(answer, pause);
    says_nothing_more(&error, said_again, challenge.as_deref());
    let fakes = Fakes::default();
    fakes.profiles.respond_with(move |_| Err(same_graph_error(&error)));
    the_caller_is_told(script, world, &fakes, challenge.as_deref(), pause);
}

/// Some errors are worth a second try, which fails like the first.
fn same_token_error(error: &TokenError) -> TokenError {
    match error {
        TokenError::UserNeeded { error, code, suberror, claims } => TokenError::UserNeeded {
            error: error.clone(),
            code: *code,
            suberror: suberror.clone(),
            claims: claims.clone(),
        },
        TokenError::StaleAssertion { code } => TokenError::StaleAssertion { code: *code },
        TokenError::ApplicationRejected { error, code } => {
            TokenError::ApplicationRejected { error: error.clone(), code: *code }
        }
        TokenError::Throttled { retry_after, code } => {
            TokenError::Throttled { retry_after: *retry_after, code: *code }
        }
        TokenError::Unavailable { expected, kind, retry_after, source: _ } => {
            TokenError::Unavailable { expected, kind: *kind, retry_after: *retry_after, source: None }
        }
    }
}

fn same_graph_error(error: &GraphError) -> GraphError {
    match error {
        GraphError::Unauthorized { claims } => GraphError::Unauthorized { claims: claims.clone() },
        GraphError::Forbidden { code } => GraphError::Forbidden { code: code.clone() },
        GraphError::Throttled { retry_after } => GraphError::Throttled { retry_after: *retry_after },
        GraphError::Unavailable { expected, kind, retry_after, source: _ } => {
            GraphError::Unavailable { expected, kind: *kind, retry_after: *retry_after, source: None }
        }
    }
}

fn tokens_are_those_of_the_answer(answer: &Answer, tokens: &IssuedTokens) {
    let Some(document) = object(&answer.body) else { return is_an_object_for_lenient_readers(answer) };
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    assert_eq!(answer.status, 200);
    assert!(text("token_type").is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")));
    let is_token = |token: &str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic());
    assert_eq!(text("access_token"), Some(tokens.access_token.expose()));
    assert!(is_token(tokens.access_token.expose()));
    let refresh_token = tokens.refresh_token.as_ref().map(RefreshToken::expose);
    assert_eq!(text("refresh_token"), refresh_token);
    assert!(refresh_token.is_none_or(is_token));
    assert_eq!(tokens.issued_at, sample::NOW);
    let lifetime = tokens.expires_at - tokens.issued_at;
    assert!((Duration::ZERO..=Duration::days(30)).contains(&lifetime), "{lifetime}");
    assert!(tokens.extended_expires_at >= tokens.expires_at);
    assert!(tokens.extended_expires_at - tokens.issued_at <= Duration::days(30));
    if let Some(at) = tokens.refresh_at {
        assert!((tokens.issued_at..tokens.expires_at).contains(&at), "refresh at {at}");
    }
    if let Some(at) = tokens.refresh_token_expires_at {
        assert!(at > tokens.issued_at && at - tokens.issued_at <= Duration::days(730), "{at}");
    }
    assert!(!tokens.scopes.is_empty(), "tokens without scopes");
    assert_eq!(tokens.client_info.is_some(), tokens.home_account.is_some());
    let mut others = document.clone();
    others.retain(|name, _| !matches!(name.as_str(), "access_token" | "refresh_token"));
    if !Value::Object(others).to_string().contains(SECRET) {
        shows_no_secret(&format!("{tokens:?}"));
    }
}

/// What is passed over unread may hold what is no JSON for a strict reader, such as numbers beyond all bounds.
fn is_an_object_for_lenient_readers(answer: &Answer) {
    assert!(answer.body.trim_ascii_start().starts_with(b"{"), "something else than an object");
}

fn the_profile_is_that_of_the_answer(answer: &Answer, fetched: &FetchedProfile) {
    let document = object(&answer.body).expect("a user is an object");
    assert_eq!(answer.status, 200);
    assert!(Profile::PROPERTIES.iter().any(|name| document.contains_key(*name)), "nothing of a user");
    let ours = serde_json::to_value(&fetched.profile).expect("a profile in JSON");
    for (name, value) in ours.as_object().expect("an object") {
        assert_eq!(document.get(name).unwrap_or(&Value::Null), value, "{name}");
    }
    assert!(fetched.etag.as_ref().is_none_or(|etag| (1..=256).contains(&etag.len())), "{:?}", fetched.etag);
}

/// Letters, digits and little else: it goes into logs and the table.
fn is_a_word(text: &str) {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    assert!((1..=64).contains(&text.len()) && text.bytes().all(fits), "{text:?}");
}

fn is_a_challenge(claims: &str) {
    assert!(claims.len() <= 8192, "{} bytes of claims", claims.len());
    assert!(object(claims.as_bytes()).is_some(), "claims that are no object");
}

/// `Retry-After` within its limits; none where none was sent.
fn is_fair(answer: &Answer, pause: Option<Duration>) {
    let Some(pause) = pause else { return };
    assert!((Duration::ZERO..=LONGEST_PAUSE).contains(&pause), "{pause}");
    let sent = answer.headers.iter().find(|(name, _)| *name == "retry-after");
    let (_, sent) = sent.expect("a pause is one that was asked for");
    if let Some(seconds) = std::str::from_utf8(sent).ok().and_then(|text| text.trim().parse::<u16>().ok()) {
        assert_eq!(pause.whole_seconds(), i64::from(seconds).min(LONGEST_PAUSE.whole_seconds()));
    }
}

/// What may be said again is masked in the error's texts and causes; of the rest of the answer nothing is there.
fn says_nothing_more(error: &(dyn Error + 'static), said_again: Vec<String>, challenge: Option<&str>) {
    let mut shown = format!("{error} {error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        shown = format!("{shown} {error} {error:?}");
        cause = error.source();
    }
    // The longest first, because one may be a part of another.
    let challenge = challenge.map(|claims| [format!("{claims:?}"), claims.to_owned()]);
    let mut masked: Vec<String> = challenge.into_iter().flatten().chain(said_again).collect();
    masked.sort_by_key(|text| std::cmp::Reverse(text.len()));
    for text in masked {
        shown = shown.replace(&text, " ");
    }
    shows_no_secret(&shown);
}

fn shows_no_secret(shown: &str) {
    for part in SECRET.as_bytes().windows(TELLING).filter_map(|part| std::str::from_utf8(part).ok()) {
        assert!(!shown.contains(part), "a part of the answer is shown: {shown}");
    }
}

/// Sends a user's request through the API, whose Entra or Graph answers with the error.
fn the_caller_is_told(
    script: &Script<'_>,
    world: &World,
    fakes: &Fakes,
    challenge: Option<&str>,
    pause: Option<Duration>,
) {
    let request = Request::get("/api/profile").header("authorization", "Bearer any");
    let request = request.body(Body::empty()).expect("a good request");
    let answer = script.wait(ApiAnswer::of(profile_api::router(api(fakes)), request));
    answer.is_in_the_contract(&world.contract, &Method::GET, "/api/profile");
    assert!(answer.status >= 400, "a failure is answered with {}", answer.status);
    shows_no_secret(&String::from_utf8_lossy(&answer.body));
    let sent = answer.header("www-authenticate");
    if let Some(claims) = challenge {
        let encoded = format!("claims=\"{}\"", BASE64_STANDARD.encode(claims));
        assert!(sent.ends_with(&encoded), "the claims are not passed on: {sent}");
        assert_eq!(answer.problem()["code"], "insufficient_claims");
    } else {
        shows_no_secret(sent);
    }
    if let Some(pause) = pause {
        let seconds: i64 = answer.header("retry-after").parse().expect("a pause is passed on");
        assert_eq!(seconds, pause.whole_seconds().max(1));
    }
}

/// All that could be meant by claims in any challenge of the answer, whatever stands around them.
fn challenges(answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    for (_, value) in answer.headers.iter().filter(|(name, _)| *name == "www-authenticate") {
        let text = String::from_utf8_lossy(value).replace('\\', "").replace('-', "+").replace('_', "/");
        let lower = text.to_ascii_lowercase();
        for (at, name) in lower.match_indices("claims=") {
            let value = text[at + name.len()..].trim_start_matches('"');
            let end = value.find(['"', ' ', '\t', ',']).unwrap_or(value.len());
            let decoded = LENIENT.decode(&value[..end]).ok();
            found.extend(decoded.and_then(|bytes| String::from_utf8(bytes).ok()));
        }
    }
    found
}

fn object(text: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice(text).ok()
}

fn read(data: &[u8]) -> Answer {
    const NAMES: [&str; 5] = ["retry-after", "date", "www-authenticate", "etag", "content-type"];
    let end = data.windows(2).position(|two| two == b"\n\n");
    let (head, body) = end.map_or((data, &[][..]), |end| (&data[..end], &data[end + 2..]));
    let mut lines = head.split(|&byte| byte == b'\n');
    let status = lines.next().and_then(|line| std::str::from_utf8(line).ok()?.trim().parse().ok());
    let headers = lines.take(16).filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        let name = NAMES.into_iter().find(|name| line[..colon].eq_ignore_ascii_case(name.as_bytes()))?;
        Some((name, field_value(&with_secret(line[colon + 1..].trim_ascii()))))
    });
    let status = status.unwrap_or(200).clamp(200, 599);
    Answer { status, headers: headers.collect(), body: with_secret(body) }
}

fn with_secret(bytes: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(2).position(|two| two == b"@s") {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(SECRET.as_bytes());
        rest = &rest[at + 2..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

struct Anybody;

#[async_trait]
impl CallerAuthenticator for Anybody {
    async fn authenticate(&self, _: Option<&str>) -> Result<Caller, Refusal> {
        let scopes = ScopeSet::parse("Profile.Read");
        Ok(Caller { scopes, ..sample::caller(1, sample::NOW) })
    }
}

fn api(fakes: &Fakes) -> Api {
    Api {
        services: fakes.services.clone(),
        authenticator: Arc::new(Anybody),
        cors_allowed_origins: Arc::default(),
    }
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let loopback = Loopback::start();
        let url = loopback.url.parse().expect("a URL");
        // Longer than any busy machine takes.
        let timeout = std::time::Duration::from_mins(1);
        let authority = Authority::new(&url, TenantSetting::Single(sample::TENANT)).expect("this machine");
        let credential = Arc::new(ClientSecret::new("client-secret"));
        let clock = Arc::new(FixedClock::default());
        let exchange = EntraTokenExchange::new(
            loopback.client.clone(),
            authority,
            sample::CLIENT,
            credential,
            timeout,
            clock,
        );
        let profiles = GraphProfileReader::new(loopback.client.clone(), &url, timeout);
        let silent = Answer { status: 503, headers: Vec::new(), body: Vec::new() };
        let router = profile_api::router(api(&Fakes::default()));
        let contract = loopback.script(silent).wait(ApiAnswer::contract(router));
        World { loopback, exchange, profiles, contract }
    })
}
