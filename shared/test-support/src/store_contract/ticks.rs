//! Ticks that were handled.

use super::StoreFixture;
use crate::sample::{NOW, TTL};

pub async fn a_tick_begins_once_and_others_are_others(fixture: StoreFixture) {
    let begin = |tick: &'static str| fixture.store.begin_tick(tick, NOW + TTL);
    assert!(begin("2126-03-04T00:00:00Z").await.unwrap());
    assert!(!begin("2126-03-04T00:00:00Z").await.unwrap());
    assert!(begin("2126-03-04T00:01:00Z").await.unwrap());
    assert!(!begin("2126-03-04T00:00:00Z").await.unwrap());
}
