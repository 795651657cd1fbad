//! A profile: Graph's JSON read, ours written.

#![expect(clippy::unwrap_used, reason = "a bench that cannot run fails")]

use criterion::{Criterion, criterion_group, criterion_main};
use domain::profile::Profile;
use std::hint::black_box;

const ANSWER: &str = r#"{"@odata.context":"https://graph.microsoft.com/v1.0/$metadata#users(displayName,givenName,surname,userPrincipalName,jobTitle,department,city,country,employeeId)/$entity","displayName":"Adele Vance","givenName":"Adele","surname":"Vance","userPrincipalName":"adele@lakeside.example","jobTitle":"Retail Manager","department":"Retail","city":"Zurich","country":"Switzerland","employeeId":"10234"}"#;

fn stages(criterion: &mut Criterion) {
    criterion.bench_function("read Graph's profile", |bencher| {
        bencher.iter(|| serde_json::from_str::<Profile>(black_box(ANSWER)).unwrap());
    });
    let profile: Profile = serde_json::from_str(ANSWER).unwrap();
    criterion.bench_function("write our profile", |bencher| {
        bencher.iter(|| serde_json::to_vec(black_box(&profile)).unwrap());
    });
}

criterion_group!(benches, stages);
criterion_main!(benches);
