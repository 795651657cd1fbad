//! A caller's token: the whole validation, and of it the RSA verification and the look for the key.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run fails")]

#[path = "../tests/it/support.rs"]
#[expect(dead_code, reason = "tests need more of it")]
mod support;

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use criterion::{Criterion, criterion_group, criterion_main};
use domain::caller::CallerAuthenticator as _;
use std::hint::black_box;
use support::{FIRST_KEY, FakeEntra, Token};
use test_support::sample;
use tokio::runtime::Runtime;

/// As many as Entra publishes.
const KEYS: usize = 10;

fn validation(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let entra = runtime.block_on(FakeEntra::start());
    let mut keys = vec![FIRST_KEY.jwk(); KEYS];
    for (number, key) in keys.iter_mut().enumerate().skip(1) {
        key["kid"] = format!("another-{number}").into();
    }
    runtime.block_on(entra.publish_keys(&keys));
    let bearer = Token::v2(&entra.authority).bearer();
    let validator = entra.validator();
    runtime.block_on(validator.validate(Some(&bearer))).unwrap();
    criterion.bench_function("validate a token", |bencher| {
        bencher.to_async(&runtime).iter(|| async {
            validator.forget(&sample::account(1));
            validator.validate(Some(black_box(&bearer))).await.unwrap()
        });
    });
    criterion.bench_function("validate a token that was found good before", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| async { validator.validate(Some(black_box(&bearer))).await.unwrap() });
    });

    let keys = entra.keys();
    runtime.block_on(keys.warm_up());
    criterion.bench_function("find a signing key", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| async { keys.matching(black_box(FIRST_KEY.key_id)).await.unwrap() });
    });
}

/// What no implementation can leave out: it does the same with the same library, and nothing else.
fn rsa(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let entra = runtime.block_on(FakeEntra::start());
    let bearer = Token::v2(&entra.authority).bearer();
    let token = bearer.trim_start_matches("Bearer ");
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
    let jwk = FIRST_KEY.jwk();
    let part = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(jwk[name].as_str().unwrap()).unwrap();
    let (n, e) = (part("n"), part("e"));
    criterion.bench_function("RSA verification alone", |bencher| {
        bencher.iter(|| {
            let key = RsaPublicKeyComponents { n: &n, e: &e };
            key.verify(&RSA_PKCS1_2048_8192_SHA256, black_box(message.as_bytes()), &signature).unwrap();
        });
    });
}

criterion_group!(benches, validation, rsa);
criterion_main!(benches);
