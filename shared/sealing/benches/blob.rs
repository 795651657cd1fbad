//! A cache of the usual size, sealed and opened. Most of it is compression.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run fails")]

use criterion::{Criterion, criterion_group, criterion_main};
use domain::ports::{ItemAddress, Sealer as _};
use sealing::{BranchKey, LocalSealer};
use std::hint::black_box;
use tokio::runtime::Runtime;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// As large as a cache with one session is: three tokens and a kilobyte of names.
const TOKENS: usize = 2_500 + 1_600 + 1_300;

/// Letters of base64 that hardly repeat, as those of tokens, and a text that does, as that of the fields.
fn cache() -> Vec<u8> {
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        letters[(state >> 26) as usize]
    };
    let fields = br#""home_account_id":"aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa.bbbbbbbb","environment":"login.windows.net","#;
    let mut bytes: Vec<u8> = fields.iter().copied().cycle().take(1_500).collect();
    bytes.extend(std::iter::repeat_with(&mut random).take(TOKENS));
    bytes
}

fn stages(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let sealer = LocalSealer::new(BranchKey::local(&KEY.into()).unwrap());
    let address = ItemAddress {
        table: "tokens".into(),
        partition_key: "ACCOUNT#aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa.bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"
            .into(),
        sort_key: "TOKENS#11111111-1111-4111-8111-111111111111".into(),
        client_id: "11111111-1111-4111-8111-111111111111".into(),
    };
    let plaintext = cache();
    let blob = runtime.block_on(sealer.seal(&address, &plaintext)).unwrap();
    criterion.bench_function("seal", |bencher| {
        bencher
            .to_async(&runtime)
            .iter(|| async { sealer.seal(&address, black_box(&plaintext)).await.unwrap() });
    });
    criterion.bench_function("unseal", |bencher| {
        bencher.to_async(&runtime).iter(|| async { sealer.open(&address, black_box(&blob)).await.unwrap() });
    });
}

criterion_group!(benches, stages);
criterion_main!(benches);
