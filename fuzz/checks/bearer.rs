//! What must hold for any `Authorization` header. The fuzz target runs it, and a test replays the corpus.

use super::loopback::{Answer, Loopback};
use super::signer::{self, Signer};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::caller::{Caller, CallerAuthenticator as _};
use entra::{AccessTokenValidator, CLOCK_LEEWAY, KeyPolicy, MAX_TOKEN_BYTES, SigningKeys, TokenRefused};
use serde_json::{Map, Value, json};
use std::error::Error;
use std::sync::{Arc, OnceLock};
use test_support::{FixedClock, sample};

/// Parts of this length of a token may stand in no error.
const TELLING: usize = 16;

struct World {
    loopback: Loopback,
    signer: Signer,
    validator: AccessTokenValidator,
}

/// A `+` first: two JSON texts divided by NUL, header and payload of a token that is genuinely signed. Else the value of the
/// header as it is.
///
/// # Panics
/// When something does not hold.
pub(crate) fn check(data: &[u8]) {
    let world = world();
    if let Some(parts) = data.strip_prefix(b"+") {
        let mut parts = parts.splitn(2, |&byte| byte == 0);
        let (header, payload) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let token = world.signer.sign(header, payload);
        tried(world, &format!("Bearer {token}"));
    } else {
        // A header's value is taken as text where it is ASCII, and as none where it is not.
        let text = std::str::from_utf8(data).unwrap_or_default();
        tried(world, text);
    }
}

fn tried(world: &World, authorization: &str) {
    let before = world.loopback.script(key_document(&world.signer));
    let requests = before.requests();
    let outcome = before.wait(world.validator.validate(Some(authorization)));
    let asked = before.requests() - requests;
    match &outcome {
        Ok(caller) => what_is_let_in_is_genuine(world, authorization, caller),
        Err(refused) => what_is_refused_says_nothing(authorization, refused),
    }
    assert!(asked <= 1, "one header led to {asked} requests for keys");
    if let Ok(caller) = before.wait(world.validator.authenticate(Some(authorization))) {
        assert!(outcome.is_ok(), "{caller:?} is let in the second time");
    }
}

fn what_is_let_in_is_genuine(world: &World, authorization: &str, caller: &Caller) {
    let token = caller.assertion.expose();
    assert!(token.len() <= MAX_TOKEN_BYTES, "too long a token");
    let mut words = authorization.split_whitespace();
    let scheme = words.next().unwrap_or_default();
    assert!(
        scheme.eq_ignore_ascii_case("bearer") && words.next() == Some(token),
        "not the token of the header"
    );
    assert_eq!(words.next(), None, "something follows the token");

    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, _] = parts[..] else { unreachable!("a signed token has three parts") };
    let (header, claims) = (object(header), object(payload));
    // Signatures of this scheme are the same every time.
    let signed = world.signer.sign(&decoded(parts[0]), &decoded(parts[1]));
    assert_eq!(signed, token, "a signature that the authority did not make");
    assert_eq!(text(&header, "alg"), "RS256");
    assert_eq!(text(&header, "kid"), signer::KEY_ID);
    assert!(!header.contains_key("crit") && !header.contains_key("b64"));

    let tenant = sample::TENANT.to_string();
    let (client, audience, issuer) = match text(&claims, "ver") {
        "1.0" => ("appid", format!("api://{}", sample::CLIENT), format!("https://sts.windows.net/{tenant}/")),
        "2.0" => {
            ("azp", sample::CLIENT.to_string(), format!("https://login.microsoftonline.com/{tenant}/v2.0"))
        }
        other => unreachable!("version {other}"),
    };
    assert_eq!(text(&claims, "aud"), audience);
    assert_eq!(text(&claims, "iss"), issuer);
    assert!(text(&claims, "tid").eq_ignore_ascii_case(&tenant));
    assert!(text(&claims, client).eq_ignore_ascii_case(&sample::SPA_CLIENT.to_string()));
    assert!(!text(&claims, "sub").is_empty());
    assert!(claims.get("idtyp").is_none_or(|kind| kind == "user"), "not a user's token");
    let seconds = |name: &str| claims[name].as_i64().expect("whole seconds");
    let (now, leeway) = (sample::NOW.unix_timestamp(), CLOCK_LEEWAY.whole_seconds());
    assert!(seconds("exp") + leeway > now, "expired");
    assert!(seconds("nbf") <= now + leeway && seconds("iat") <= now + leeway, "from the future");

    assert_eq!(caller.tenant_id, sample::TENANT);
    assert_eq!(caller.client_id, sample::SPA_CLIENT);
    assert_eq!(caller.object_id.to_string(), text(&claims, "oid").to_ascii_lowercase());
    assert_eq!(caller.account.to_string(), format!("{}.{tenant}", caller.object_id));
    let scopes: Vec<&str> = text(&claims, "scp").split(' ').collect();
    assert!(!caller.scopes.is_empty());
    for scope in caller.scopes.as_slice() {
        assert!(scopes.contains(&scope.as_str()), "a scope that the token does not have");
    }
    assert_eq!(caller.expires_at.unix_timestamp(), seconds("exp"));
    assert_eq!(caller.issued_at.unix_timestamp(), seconds("iat"));
    let (_, signature) = token.rsplit_once('.').expect("a signed token has three parts");
    assert!(!format!("{caller:?}").contains(&signature[..TELLING]), "a caller shows its token");
}

fn what_is_refused_says_nothing(authorization: &str, refused: &TokenRefused) {
    let code = refused.code();
    assert!(!code.is_empty() && code.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{code}");
    // These say that the token was not even looked at, or of which names; a fresh world has its keys.
    assert!(!matches!(refused, TokenRefused::KeysUnavailable(_)), "the keys are there");
    let mut shown = format!("{refused} {refused:?}");
    let mut cause = refused.source();
    while let Some(error) = cause {
        shown = format!("{shown} {error} {error:?}");
        cause = error.source();
    }
    // The texts are ours, so that only what no text of ours has counts.
    let ours = refusals_texts();
    for part in authorization.as_bytes().windows(TELLING).filter_map(|part| std::str::from_utf8(part).ok()) {
        assert!(!shown.contains(part) || ours.contains(part), "an error shows `{part}` of the token");
    }
}

/// Every word of every refusal: whoever sends one of them learns nothing from its coming back.
fn refusals_texts() -> &'static str {
    static TEXTS: OnceLock<String> = OnceLock::new();
    TEXTS.get_or_init(|| {
        use TokenRefused as R;
        let names =
            ["aud", "iss", "exp", "nbf", "iat", "sub", "tid", "oid", "azp", "appid", "scp", "ver", "kid"];
        let names = names.into_iter().chain(["preferred_username", "upn", "unique_name"]);
        let about_claims = names.flat_map(|name| [R::MissingClaim(name), R::ClaimTooLarge(name)]);
        let others = [
            R::MissingToken,
            R::TokenTooLarge,
            R::MalformedToken,
            R::DuplicateClaim,
            R::EncryptedToken,
            R::UnsupportedAlgorithm,
            R::UnknownSigningKey,
            R::BadSignature,
            R::WrongKeyIssuer,
            R::TokenExpired,
            R::TokenNotYetValid,
            R::WrongAudience,
            R::WrongIssuer,
            R::UnsupportedVersion,
            R::IdToken,
            R::TenantNotAllowed,
            R::ClientNotAllowed,
            R::AppOnlyToken,
        ];
        let texts = about_claims.chain(others).map(|refused| format!("{refused} {refused:?}"));
        texts.collect::<Vec<_>>().join("\n")
    })
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let (loopback, signer) = (Loopback::start(), Signer::generate());
        let clock = Arc::new(FixedClock::default());
        let keys = SigningKeys::new(
            loopback.client.clone(),
            loopback.url.clone(),
            KeyPolicy::default(),
            clock.clone(),
        );
        let keys = Arc::new(keys);
        let script = loopback.script(key_document(&signer));
        script.wait(keys.warm_up());
        assert_eq!(script.requests(), 1, "the keys are fetched once");
        drop(script);
        let validator = AccessTokenValidator::new(signer::authority(), signer::policy(), keys, clock);
        World { loopback, signer, validator }
    })
}

fn key_document(signer: &Signer) -> Answer {
    let body = json!({ "keys": [signer.jwk()] }).to_string().into_bytes();
    Answer { status: 200, headers: Vec::new(), body }
}

fn object(part: &str) -> Map<String, Value> {
    serde_json::from_slice(&decoded(part)).expect("an object in JSON")
}

fn decoded(part: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url")
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> &'a str {
    object.get(name).and_then(Value::as_str).unwrap_or_default()
}
