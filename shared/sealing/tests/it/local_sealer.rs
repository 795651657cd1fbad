//! Only this key, only this place, only these bytes.

use crate::address;
use domain::error::SealingError;
use domain::ports::{ItemAddress, Sealer};
use proptest::prelude::*;
use sealing::{BranchKey, LocalSealer, MAX_PLAINTEXT_BYTES};

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const OTHER_KEY: &str = "HwECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

fn sealer(key: &str) -> LocalSealer {
    LocalSealer::new(BranchKey::local(&key.into()).unwrap())
}

async fn assert_unreadable(key: &str, address: &ItemAddress, sealed: &[u8]) {
    let error = sealer(key).open(address, sealed).await.unwrap_err();
    assert!(matches!(error, SealingError::Unreadable { .. }), "{error:?}");
}

#[tokio::test]
async fn what_was_sealed_can_be_opened_in_its_place() {
    let sealed = sealer(KEY).seal(&address(), b"tokens").await.unwrap();
    assert_eq!(sealer(KEY).open(&address(), &sealed).await.unwrap(), b"tokens");
}

#[tokio::test]
async fn sealing_the_same_twice_gives_different_bytes() {
    let sealer = sealer(KEY);
    assert_ne!(sealer.seal(&address(), b"x").await.unwrap(), sealer.seal(&address(), b"x").await.unwrap());
}

#[tokio::test]
async fn a_blob_moved_to_another_place_is_unreadable() {
    let sealed = sealer(KEY).seal(&address(), b"tokens").await.unwrap();
    let moved = [
        ItemAddress { table: "other".into(), ..address() },
        ItemAddress { partition_key: "ACCOUNT#ben".into(), ..address() },
        ItemAddress { sort_key: "TOKENS#other".into(), ..address() },
        ItemAddress { client_id: "other".into(), ..address() },
        // The same letters, differently divided.
        ItemAddress { table: "accountsA".into(), partition_key: "CCOUNT#ana".into(), ..address() },
    ];
    for place in &moved {
        assert_unreadable(KEY, place, &sealed).await;
    }
}

#[tokio::test]
async fn every_flipped_bit_and_every_cut_is_noticed() {
    let sealed = sealer(KEY).seal(&address(), b"tokens").await.unwrap();
    for position in 0..sealed.len() {
        for bit in 0..8 {
            let mut changed = sealed.clone();
            changed[position] ^= 1 << bit;
            assert_unreadable(KEY, &address(), &changed).await;
        }
        assert_unreadable(KEY, &address(), &sealed[..position]).await;
    }
}

#[tokio::test]
async fn another_key_cannot_open_it() {
    let sealed = sealer(KEY).seal(&address(), b"tokens").await.unwrap();
    assert_unreadable(OTHER_KEY, &address(), &sealed).await;
}

#[test]
fn a_key_of_the_wrong_size_is_refused_without_showing_it() {
    for text in ["", "c2hvcnQ=", "not base64 at all, but forty-four characters"] {
        let error = BranchKey::local(&text.into()).unwrap_err().to_string();
        assert!(error.contains("32 bytes"), "{error}");
        assert!(text.is_empty() || !error.contains(text), "{error}");
    }
    let key = BranchKey::local(&KEY.into()).unwrap();
    assert_eq!(format!("{key:?}"), r#"BranchKey { id: "local", .. }"#);
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_unreadable_and_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(assert_unreadable(KEY, &address(), &bytes));
    }
}

#[tokio::test]
async fn no_more_is_sealed_than_can_be_opened() {
    let most = vec![7; MAX_PLAINTEXT_BYTES];
    let sealed = sealer(KEY).seal(&address(), &most).await.unwrap();
    assert!(sealed.len() < most.len() / 100, "it is compressed");
    assert_eq!(sealer(KEY).open(&address(), &sealed).await.unwrap(), most);
    let error = sealer(KEY).seal(&address(), &[most.as_slice(), &[7]].concat()).await.unwrap_err();
    assert!(matches!(error, SealingError::TooLarge { .. }), "{error:?}");
}
