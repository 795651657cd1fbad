//! A user's cache: read, looked into, merged with another, written. Tokens are as long as Entra ID's.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run fails")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use msal_cache::{AccessTokenQuery, TokenGrant, UnifiedCache};
use std::hint::black_box;

const CLIENT: &str = "11111111-1111-4111-8111-111111111111";
const REALM: &str = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";
const NOW: i64 = 1_800_000_000;

/// A cache with tokens of so many sessions.
fn cache(sessions: usize) -> UnifiedCache {
    let scopes = ["https://graph.microsoft.com/User.Read".to_owned()];
    let mut cache = UnifiedCache::default();
    for session in 0..sessions {
        let (access_token, refresh_token) =
            (token("access", session, 2_500), token("refresh", session, 1_600));
        let (id_token, obtained_for) = (token("id", session, 1_300), token("session", session, 43));
        cache.record(&TokenGrant {
            home_account_id: "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa.bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb",
            environment: "login.windows.net",
            client_id: CLIENT,
            realm: REALM,
            local_account_id: "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa",
            username: Some("ana@lakeside.example"),
            name: Some("Ana"),
            client_info: Some("eyJ1aWQiOiIifQ"),
            access_token: &access_token,
            scopes: &scopes,
            cached_at: NOW + i64::try_from(session).unwrap(),
            expires_on: NOW + 3_600,
            extended_expires_on: NOW + 7_200,
            refresh_on: None,
            refresh_token: Some(&refresh_token),
            refresh_token_expires_on: None,
            id_token: Some(&id_token),
            obtained_for: Some(&obtained_for),
        });
    }
    cache
}

/// So many characters that differ from session to session.
fn token(kind: &str, session: usize, length: usize) -> String {
    format!("{kind}-{session}-").chars().cycle().take(length).collect()
}

fn stages(criterion: &mut Criterion) {
    for sessions in [1, 9] {
        let whole = cache(sessions);
        let bytes = whole.to_bytes_at(NOW);
        let obtained_for = token("session", 0, 43);
        let scopes = ["https://graph.microsoft.com/User.Read".to_owned()];
        let query = AccessTokenQuery {
            client_id: CLIENT,
            realm: REALM,
            scopes: &scopes,
            obtained_for: Some(&obtained_for),
        };
        let mut group = criterion.benchmark_group(format!("cache, {sessions} sessions"));
        group.bench_function("parse", |bencher| {
            bencher.iter(|| UnifiedCache::parse(black_box(&bytes)).unwrap());
        });
        group.bench_function("find a token", |bencher| {
            bencher.iter(|| whole.access_token(black_box(&query)).unwrap());
        });
        group.bench_function("merge", |bencher| {
            let both = || (whole.clone(), cache(1));
            bencher.iter_batched(both, |(one, other)| one.merge(other), BatchSize::SmallInput);
        });
        group.bench_function("write", |bencher| bencher.iter(|| black_box(&whole).to_bytes_at(NOW)));
        group.finish();
    }
}

criterion_group!(benches, stages);
criterion_main!(benches);
