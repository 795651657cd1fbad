//! How often the key document is asked for, and what happens when it cannot be had.

use crate::support::{FIRST_KEY, FakeEntra, NEVER, SECOND_KEY, SHORT_TIMEOUT};
use entra::{KeyLookupError, SigningKeys};
use futures::future::join_all;
use serde_json::{Value, json};
use time::Duration;
use wiremock::ResponseTemplate;

async fn lookup(keys: &SigningKeys, key_id: &str) -> &'static str {
    match keys.matching(key_id).await {
        Ok(found) => {
            assert!(!found.is_empty(), "found means at least one");
            "found"
        }
        Err(KeyLookupError::Unknown) => "unknown",
        Err(KeyLookupError::Unavailable(_)) => "unavailable",
    }
}

async fn fetches(entra: &FakeEntra) -> usize {
    entra.requests().await.len()
}

#[tokio::test]
async fn keys_are_fetched_once_and_kept() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk(), SECOND_KEY.jwk()]).await;
    let keys = entra.keys();
    for key_id in ["first", "second", "first"] {
        assert_eq!(lookup(&keys, key_id).await, "found");
        entra.clock.advance(Duration::hours(3));
    }
    assert_eq!(fetches(&entra).await, 1);
}

#[tokio::test]
async fn keys_that_were_fetched_ahead_are_not_fetched_again() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let keys = entra.keys();
    keys.warm_up().await;
    keys.warm_up().await;
    assert_eq!(lookup(&keys, "first").await, "found");
    assert_eq!(fetches(&entra).await, 1);
}

#[tokio::test]
async fn a_failure_ahead_of_all_requests_does_not_count_against_the_first() {
    let entra = FakeEntra::start().await;
    entra.publish(ResponseTemplate::new(500)).await;
    let keys = entra.keys();
    keys.warm_up().await;
    assert_eq!(fetches(&entra).await, 1);
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    assert_eq!(lookup(&keys, "first").await, "found");
}

#[tokio::test]
async fn a_start_waits_for_keys_no_longer_than_its_limit() {
    let mut entra = FakeEntra::start().await;
    entra.timeout = SHORT_TIMEOUT;
    entra.publish(ResponseTemplate::new(200).set_delay(NEVER)).await;
    entra.keys().warm_up().await;
    assert_eq!(fetches(&entra).await, 1);
}

#[tokio::test]
async fn concurrent_first_lookups_fetch_once() {
    let entra = FakeEntra::start().await;
    let document = json!({"keys": [FIRST_KEY.jwk()]});
    entra.publish(ResponseTemplate::new(200).set_body_json(document).set_delay(SHORT_TIMEOUT)).await;
    let keys = entra.keys();
    let outcomes = join_all((0..20).map(|_| lookup(&keys, "first"))).await;
    assert_eq!(outcomes, ["found"; 20]);
    assert_eq!(fetches(&entra).await, 1);
}

#[tokio::test]
async fn those_who_wait_for_a_fetch_share_its_failure() {
    let entra = FakeEntra::start().await;
    entra.publish(ResponseTemplate::new(503).set_delay(SHORT_TIMEOUT)).await;
    let keys = entra.keys();
    let outcomes = join_all((0..20).map(|_| lookup(&keys, "first"))).await;
    assert_eq!(outcomes, ["unavailable"; 20]);
    assert_eq!(fetches(&entra).await, 1);
}

#[tokio::test]
async fn a_key_published_since_is_found_at_once() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let keys = entra.keys();
    assert_eq!(lookup(&keys, "first").await, "found");
    entra.publish_keys(&[SECOND_KEY.jwk()]).await;
    assert_eq!(lookup(&keys, "second").await, "found");
    // The document was replaced as a whole: what is no longer published signs nothing.
    assert_eq!(lookup(&keys, "first").await, "unknown");
    assert_eq!(fetches(&entra).await, 1);
}

#[tokio::test]
async fn a_flood_of_made_up_key_ids_leads_to_one_fetch() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let keys = entra.keys();
    keys.warm_up().await;
    let outcomes = join_all((0..2_000).map(|number| {
        let keys = &keys;
        async move {
            if number % 10 == 0 {
                return lookup(keys, "first").await;
            }
            lookup(keys, &format!("forged-{number}")).await
        }
    }))
    .await;
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "found").count(), 200);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "unknown").count(), 1_800);
    assert_eq!(fetches(&entra).await, 2, "one at the start, one for all of them");
}

#[tokio::test]
async fn a_flood_while_the_authority_is_down_leads_to_one_fetch_in_a_pause() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let keys = entra.keys();
    keys.warm_up().await;
    entra.publish(ResponseTemplate::new(503)).await;
    for second in 0..90 {
        assert_eq!(lookup(&keys, &format!("forged-{second}")).await, "unavailable");
        assert_eq!(lookup(&keys, "first").await, "found");
        entra.clock.advance(Duration::seconds(1));
    }
    assert_eq!(fetches(&entra).await, 3);
}

#[tokio::test]
async fn unknown_key_ids_lead_to_one_fetch_in_five_minutes() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let keys = entra.keys();
    // An id that is not in a document fetched this very moment is not asked for twice.
    assert_eq!(lookup(&keys, "forged-0").await, "unknown");
    assert_eq!(fetches(&entra).await, 1);
    for forged in ["forged-1", "forged-2", "forged-3"] {
        assert_eq!(lookup(&keys, forged).await, "unknown");
    }
    assert_eq!(fetches(&entra).await, 2);
    entra.clock.advance(Duration::seconds(299));
    assert_eq!(lookup(&keys, "forged-4").await, "unknown");
    assert_eq!(fetches(&entra).await, 2);
    entra.clock.advance(Duration::seconds(1));
    let outcomes = join_all((5..15).map(|number| {
        let keys = &keys;
        async move { lookup(keys, &format!("forged-{number}")).await }
    }))
    .await;
    assert_eq!(outcomes, ["unknown"; 10]);
    assert_eq!(fetches(&entra).await, 3);
}

#[tokio::test]
async fn keys_are_fetched_again_after_twelve_hours_and_no_lookup_waits_for_that() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let keys = entra.keys();
    assert_eq!(lookup(&keys, "first").await, "found");
    entra.publish_keys(&[SECOND_KEY.jwk()]).await;
    entra.clock.advance(Duration::hours(12) - Duration::seconds(1));
    keys.refresh_if_due().await;
    assert_eq!(fetches(&entra).await, 0);
    entra.clock.advance(Duration::seconds(1));
    assert_eq!(lookup(&keys, "first").await, "found", "a lookup does not fetch");
    assert_eq!(fetches(&entra).await, 0);
    keys.refresh_if_due().await;
    keys.refresh_if_due().await;
    assert_eq!(lookup(&keys, "first").await, "unknown");
    assert_eq!(lookup(&keys, "second").await, "found");
    assert_eq!(fetches(&entra).await, 2, "one that was due, one for the key that is gone");
}

#[tokio::test]
async fn known_keys_are_there_while_a_refresh_hangs() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let keys = entra.keys();
    keys.warm_up().await;
    entra.publish(ResponseTemplate::new(200).set_delay(NEVER)).await;
    entra.clock.advance(Duration::hours(12));
    let requests = async {
        // Both got as far as they could before: one holds the fetch, the other found it taken.
        entra.requested(1).await;
        keys.refresh_if_due().await;
        assert_eq!(lookup(&keys, "first").await, "found");
    };
    tokio::select! {
        () = keys.refresh_if_due() => panic!("an answer that never comes"),
        () = requests => {}
    }
    // The refresh was dropped, which counts as a failure: none follows at once.
    keys.refresh_if_due().await;
    assert_eq!(fetches(&entra).await, 1);
    entra.publish_keys(&[FIRST_KEY.jwk(), SECOND_KEY.jwk()]).await;
    entra.clock.advance(Duration::seconds(30));
    keys.refresh_if_due().await;
    assert_eq!(lookup(&keys, "second").await, "found");
    assert_eq!(fetches(&entra).await, 1);
}

#[tokio::test]
async fn known_keys_outlive_a_failing_refetch_for_a_day() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let keys = entra.keys();
    assert_eq!(lookup(&keys, "first").await, "found");
    entra.publish(ResponseTemplate::new(500)).await;
    entra.clock.advance(Duration::hours(12));
    keys.refresh_if_due().await;
    keys.refresh_if_due().await;
    assert_eq!(lookup(&keys, "first").await, "found");
    assert_eq!(fetches(&entra).await, 1, "a failure is not followed by another try at once");
    entra.clock.advance(Duration::seconds(30));
    keys.refresh_if_due().await;
    assert_eq!(lookup(&keys, "first").await, "found");
    assert_eq!(fetches(&entra).await, 2);
    entra.clock.advance(Duration::hours(12));
    assert_eq!(lookup(&keys, "first").await, "unavailable");
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    entra.clock.advance(Duration::seconds(1));
    assert_eq!(lookup(&keys, "first").await, "found");
}

#[tokio::test]
async fn without_keys_nothing_is_due() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    entra.keys().refresh_if_due().await;
    assert_eq!(fetches(&entra).await, 0);
}

#[tokio::test]
async fn an_unknown_key_is_not_called_unknown_while_nobody_can_be_asked() {
    let entra = FakeEntra::start().await;
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    let keys = entra.keys();
    assert_eq!(lookup(&keys, "first").await, "found");
    entra.publish(ResponseTemplate::new(500)).await;
    assert_eq!(lookup(&keys, "second").await, "unavailable");
    assert_eq!(lookup(&keys, "second").await, "unavailable");
    assert_eq!(lookup(&keys, "first").await, "found", "known keys are not affected");
    assert_eq!(fetches(&entra).await, 1);
    // A failed fetch does not use up the one that an unknown id may cause.
    entra.publish_keys(&[FIRST_KEY.jwk(), SECOND_KEY.jwk()]).await;
    entra.clock.advance(Duration::seconds(30));
    assert_eq!(lookup(&keys, "second").await, "found");
}

#[tokio::test]
async fn without_any_keys_lookups_try_again_once_a_second() {
    let entra = FakeEntra::start().await;
    entra.publish(ResponseTemplate::new(500)).await;
    let keys = entra.keys();
    for _ in 0..3 {
        for key_id in ["first", "forged", "first"] {
            assert_eq!(lookup(&keys, key_id).await, "unavailable");
        }
        entra.clock.advance(Duration::seconds(1));
    }
    assert_eq!(fetches(&entra).await, 3);
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    assert_eq!(lookup(&keys, "first").await, "found");
}

#[tokio::test]
async fn what_is_no_key_document_is_a_failed_fetch() {
    let entra = FakeEntra::start().await;
    let encryption_only = {
        let mut key = FIRST_KEY.jwk();
        key["use"] = json!("enc");
        json!({ "keys": [key] })
    };
    let huge = json!({"keys": [FIRST_KEY.jwk()], "padding": "x".repeat(300 * 1024)});
    for answer in [
        ResponseTemplate::new(200).set_body_string("<html>sign in to this network</html>"),
        ResponseTemplate::new(200).set_body_json(json!({"keys": []})),
        ResponseTemplate::new(200).set_body_json(encryption_only),
        ResponseTemplate::new(200).set_body_json(huge),
        ResponseTemplate::new(200).set_body_json(Value::Null),
        ResponseTemplate::new(404).set_body_json(json!({"keys": [FIRST_KEY.jwk()]})),
        ResponseTemplate::new(302).insert_header("location", "/elsewhere"),
    ] {
        entra.publish(answer).await;
        assert_eq!(lookup(&entra.keys(), "first").await, "unavailable");
        assert_eq!(fetches(&entra).await, 1);
    }
}

#[tokio::test]
async fn a_key_document_that_takes_too_long_is_a_failed_fetch() {
    let mut entra = FakeEntra::start().await;
    entra.timeout = SHORT_TIMEOUT;
    let document = json!({"keys": [FIRST_KEY.jwk()]});
    entra.publish(ResponseTemplate::new(200).set_body_json(document).set_delay(NEVER)).await;
    assert_eq!(lookup(&entra.keys(), "first").await, "unavailable");
}

#[tokio::test]
async fn an_abandoned_fetch_does_not_block_the_next() {
    let entra = FakeEntra::start().await;
    let document = json!({"keys": [FIRST_KEY.jwk()]});
    entra.publish(ResponseTemplate::new(200).set_body_json(document).set_delay(NEVER)).await;
    let keys = entra.keys();
    // The caller goes away while the fetch is under way, as a request does at its deadline.
    assert!(tokio::time::timeout(SHORT_TIMEOUT, keys.matching("first")).await.is_err());
    entra.publish_keys(&[FIRST_KEY.jwk()]).await;
    // It counts as one that failed, so that asking and going away makes no stream of requests.
    assert_eq!(lookup(&keys, "first").await, "unavailable");
    assert_eq!(fetches(&entra).await, 0);
    entra.clock.advance(Duration::seconds(1));
    assert_eq!(lookup(&keys, "first").await, "found");
}
