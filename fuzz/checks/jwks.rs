//! What must hold for any document of signing keys. The fuzz target runs it, and a test replays the corpus.

use super::loopback::{Answer, Loopback};
use super::signer::{self, Signer};
use base64::Engine as _;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use entra::{AccessTokenValidator, KeyPolicy, SigningKeys, TokenRefused};
use serde_json::{Map, Value, json};
use std::sync::{Arc, OnceLock};
use test_support::{FixedClock, sample};
use time::Duration;

/// Of one document.
const MOST_KEYS: usize = 100;

const AGE: Duration = Duration::hours(13);

const BASE64_URL: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

struct World {
    loopback: Loopback,
    /// Publishes its key; the other one's is published by nobody.
    signer: Signer,
    /// Good when the keys are fetched again.
    genuine: String,
    forged: String,
}

/// The bytes are what is published once the keys that were there are due. `@n` stands for the modulus of the key that
/// signs, `@o` for another one.
///
/// # Panics
/// When something does not hold.
pub(crate) fn check(data: &[u8]) {
    let world = world();
    let document = with_moduli(world, data);
    let script = world.loopback.script(published(&json!({ "keys": [world.signer.jwk()] }).to_string()));
    let clock = FixedClock::default();
    let keys = Arc::new(SigningKeys::new(
        world.loopback.client.clone(),
        world.loopback.url.clone(),
        KeyPolicy::default(),
        Arc::new(clock.clone()),
    ));
    let validator = AccessTokenValidator::new(
        signer::authority(),
        signer::policy(),
        keys.clone(),
        Arc::new(clock.clone()),
    );
    script.wait(keys.warm_up());
    clock.advance(AGE);
    script.answer(published(&document));
    let before = script.requests();
    script.wait(keys.refresh_if_due());
    assert_eq!(script.requests(), before + 1, "keys that are due are fetched once");

    let listed = usable_keys(&document);
    let accepted = script.wait(validator.validate(Some(&format!("Bearer {}", world.genuine))));
    let expected = listed.is_empty() || listed.iter().any(|key| signs_for_us(world, key));
    match (&accepted, expected) {
        (Ok(_), true) | (Err(_), false) => {}
        (Ok(_), false) => unreachable!("a token of a key that is no longer published is accepted"),
        (Err(refused), true) => unreachable!("a token of a published key is refused: {}", refused.code()),
    }
    assert!(!matches!(accepted, Err(TokenRefused::TokenExpired)), "the time is right");
    let forged = script.wait(validator.validate(Some(&format!("Bearer {}", world.forged))));
    assert!(forged.is_err(), "a token that the key did not sign");
    for id in [signer::KEY_ID, "other"] {
        if let Ok(found) = script.wait(keys.matching(id)) {
            assert!(found.len() <= MOST_KEYS, "{} keys of one id", found.len());
        }
    }
    // Whatever the ids, a document that was just fetched is fetched once more at most.
    assert!(script.requests() - before <= 2, "{} requests", script.requests() - before);
}

/// The keys that can be used, by the rules that the documentation of the validator gives, read a second way.
fn usable_keys(document: &str) -> Vec<Map<String, Value>> {
    let Ok(Value::Object(mut document)) = serde_json::from_str(document) else { return Vec::new() };
    let Some(Value::Array(keys)) = document.remove("keys") else { return Vec::new() };
    let keys = keys.into_iter().take(MOST_KEYS).filter_map(|key| match key {
        Value::Object(key) => Some(key),
        _ => None,
    });
    keys.filter(is_usable).collect()
}

fn is_usable(key: &Map<String, Value>) -> bool {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let absent = |name: &str| key.get(name).is_none_or(Value::is_null);
    let either = |name: &str, value: &str| absent(name) || text(name) == Some(value);
    let optional = |name: &str| absent(name) || text(name).is_some();
    let length = |name: &str| number(text(name)?).map(|bytes| bytes.len());
    let exponent = text("e").and_then(number).unwrap_or_default();
    text("kty") == Some("RSA")
        && text("kid").is_some_and(|id| !id.is_empty())
        && either("use", "sig")
        && either("alg", "RS256")
        && optional("issuer")
        && optional("cloud_instance_name")
        && length("n").is_some_and(|bytes| (256..=1024).contains(&bytes))
        && (1..=8).contains(&exponent.len())
        && exponent.last().is_some_and(|byte| byte % 2 == 1)
        && exponent != [1]
}

fn signs_for_us(world: &World, key: &Map<String, Value>) -> bool {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let issuers = [
        format!("https://login.microsoftonline.com/{}/v2.0", sample::TENANT),
        format!("https://sts.windows.net/{}/", sample::TENANT),
    ];
    let issuer = text("issuer").map(|issuer| issuer.replace("{tenantid}", &sample::TENANT.to_string()));
    text("kid") == Some(signer::KEY_ID)
        && text("n").and_then(number).as_deref() == Some(world.signer.modulus())
        && text("e").and_then(number).as_deref() == Some(&[1, 0, 1])
        && issuer.is_none_or(|issuer| issuers.contains(&issuer))
        && text("cloud_instance_name").is_none_or(|cloud| cloud == signer::CLOUD)
}

fn number(text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64_URL.decode(text).ok()?;
    Some(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

fn with_moduli(world: &World, data: &[u8]) -> String {
    let modulus = BASE64_URL_SAFE_NO_PAD.encode(world.signer.modulus());
    let other = BASE64_URL_SAFE_NO_PAD.encode([&[0xC5; 255][..], &[0xC7]].concat());
    String::from_utf8_lossy(data).replace("@n", &modulus).replace("@o", &other)
}

fn published(document: &str) -> Answer {
    Answer { status: 200, headers: Vec::new(), body: document.as_bytes().to_vec() }
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let (signer, other) = (Signer::generate(), Signer::generate());
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": signer::KEY_ID}).to_string();
        let issued_at = (sample::NOW + AGE).unix_timestamp();
        let claims = json!({
            "ver": "2.0",
            "aud": sample::CLIENT.to_string(),
            "iss": signer::KEY_ISSUER.replace("{tenantid}", &sample::TENANT.to_string()),
            "azp": sample::SPA_CLIENT.to_string(),
            "tid": sample::TENANT.to_string(),
            "oid": sample::account(1).object_id.to_string(),
            "sub": "pairwise-subject",
            "scp": "Profile.Read",
            "iat": issued_at,
            "nbf": issued_at,
            "exp": issued_at + 3600,
        })
        .to_string();
        let [genuine, forged] =
            [&signer, &other].map(|signer| signer.sign(header.as_bytes(), claims.as_bytes()));
        World { loopback: Loopback::start(), signer, genuine, forged }
    })
}
