//! What must hold for any bytes that are taken for a sealed blob. The fuzz target runs it, and a test replays the corpus.

use async_trait::async_trait;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::error::SealingError;
use domain::ports::{ItemAddress, Sealer};
use futures::FutureExt as _;
use sealing::{
    BranchKey, BranchKeyStore, Creation, GeneratedKey, KeyDate, KeyError, KeyMaterial, KeyWrapping,
    KmsSealer, LocalSealer, WrappedBranchKey, WrappingContext,
};
use serde_json::Value;
use std::sync::{Arc, OnceLock};
use test_support::{FixedClock, sample};

/// A blob that is known to open, and what opens it.
struct Known {
    sealer: Box<dyn Sealer>,
    branch_key: String,
    address: ItemAddress,
    item_key: Vec<u8>,
    associated_data: Vec<u8>,
    nonce: Vec<u8>,
    sealed: Vec<u8>,
    plaintext: Vec<u8>,
}

/// Takes the bytes for a blob, for changes to a known blob, for a plaintext, for what is inside a blob that is authentic,
/// and for the names of keys.
///
/// # Panics
/// When something does not hold.
pub(crate) fn check(data: &[u8]) {
    for known in known() {
        opens_only_what_was_sealed(known, data);
        opens_only_what_was_sealed(known, &changed(&known.sealed, data));
    }
    what_is_sealed_opens_and_nothing_near_it(data);
    whatever_is_inside_is_read_or_refused(data);
    if let Ok(text) = std::str::from_utf8(data) {
        names_are_read_or_refused(text);
    }
}

fn opens_only_what_was_sealed(place: &Known, blob: &[u8]) {
    let same_place = |other: &&Known| other.branch_key == place.branch_key && other.address == place.address;
    let expected = known().iter().filter(same_place).find(|other| other.sealed == blob);
    match (now(place.sealer.open(&place.address, blob)), expected) {
        (Ok(plaintext), Some(known)) => assert_eq!(plaintext, known.plaintext),
        (Err(SealingError::Unreadable { .. }), None) => {}
        (Ok(_), None) => unreachable!("a blob that was not sealed has opened"),
        (Err(error), _) => unreachable!("{error:?}"),
    }
}

/// `known` with each three bytes of `edits` carried out: what to do, and where.
fn changed(known: &[u8], edits: &[u8]) -> Vec<u8> {
    let mut blob = known.to_vec();
    for edit in edits.chunks_exact(3).take(16) {
        let &[kind, place, value] = edit else { continue };
        let place = usize::from(place);
        match kind % 4 {
            0 if place < blob.len() => blob[place] ^= value,
            1 => blob.truncate(place),
            2 => blob.insert(place.min(blob.len()), value),
            3 if place < blob.len() => {
                blob.remove(place);
            }
            _ => {}
        }
    }
    blob
}

fn what_is_sealed_opens_and_nothing_near_it(plaintext: &[u8]) {
    let Some(Known { sealer, address, .. }) = known().iter().find(|known| known.is_local()) else { return };
    let sealed = now(sealer.seal(address, plaintext)).expect("a local key seals");
    assert_eq!(now(sealer.open(address, &sealed)).expect("what was sealed opens"), plaintext);

    let seed = plaintext.iter().fold(0_usize, |sum, &byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let mut flipped = sealed.clone();
    let place = seed % flipped.len();
    flipped[place] ^= 1 << (seed % 8);
    assert!(matches!(now(sealer.open(address, &flipped)), Err(SealingError::Unreadable { .. })));

    let other = ItemAddress { partition_key: format!("{}-", address.partition_key), ..address.clone() };
    assert!(matches!(now(sealer.open(&other, &sealed)), Err(SealingError::Unreadable { .. })));
}

/// Somebody who has the key may have sealed anything, such as a program of another version.
fn whatever_is_inside_is_read_or_refused(inside: &[u8]) {
    let Some(known) = known().iter().find(|known| known.is_local()) else { return };
    let key = UnboundKey::new(&AES_256_GCM, &known.item_key).expect("an item key has 32 bytes");
    let nonce = Nonce::try_assume_unique_for_key(&known.nonce).expect("a nonce has 12 bytes");
    let mut ciphertext = inside.to_vec();
    LessSafeKey::new(key)
        .seal_in_place_append_tag(nonce, Aad::from(&known.associated_data), &mut ciphertext)
        .expect("AES-GCM takes anything");
    let head = known.sealed.len().min(2 + BranchKey::LOCAL_ID.len());
    let blob = [&known.sealed[..head], &known.nonce, &ciphertext].concat();
    match now(known.sealer.open(&known.address, &blob)) {
        Ok(_) | Err(SealingError::Unreadable { .. }) => {}
        Err(error) => unreachable!("{error:?}"),
    }
}

fn names_are_read_or_refused(text: &str) {
    if let Ok(date) = text.parse::<KeyDate>() {
        assert_eq!(date.to_string(), text, "a date has one spelling");
    }
    if let Err(error) = BranchKey::local(&text.into()) {
        assert!(text.len() < 4 || !error.to_string().contains(text), "an error shows a key");
    }
}

/// Nothing here waits.
fn now<T>(opening: impl Future<Output = T>) -> T {
    opening.now_or_never().expect("keys in memory are there at once")
}

fn known() -> &'static [Known] {
    static KNOWN: OnceLock<Vec<Known>> = OnceLock::new();
    KNOWN.get_or_init(|| {
        let vectors: Value = serde_json::from_str(include_str!("../../shared/sealing/tests/vectors.json"))
            .expect("the vectors are JSON");
        let sealed = vectors["sealed"].as_array().expect("the vectors have a list `sealed`");
        sealed.iter().map(Known::read).collect()
    })
}

impl Known {
    fn is_local(&self) -> bool {
        self.sealed.get(2..).is_some_and(|rest| rest.starts_with(BranchKey::LOCAL_ID.as_bytes()))
    }

    fn read(vector: &Value) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let branch_key = bytes(&vector["branch_key"]);
        let place = &vector["address"];
        let sealer: Box<dyn Sealer> = match text(&vector["key_id"]).as_str() {
            BranchKey::LOCAL_ID => {
                let key = BranchKey::local(&BASE64_STANDARD.encode(&branch_key).into());
                Box::new(LocalSealer::new(key.expect("the vector has a key of 32 bytes")))
            }
            date => {
                let key = Arc::new(OneKey {
                    date: date.parse().expect("the vector's key is named by a date"),
                    material: branch_key,
                });
                let clock = Arc::new(FixedClock::at(sample::NOW));
                Box::new(KmsSealer::new(key.clone(), key, text(&place["table"]), 90, clock))
            }
        };
        Self {
            sealer,
            branch_key: text(&vector["branch_key"]),
            address: ItemAddress {
                table: text(&place["table"]),
                partition_key: text(&place["pk"]),
                sort_key: text(&place["sk"]),
                client_id: text(&place["client_id"]),
            },
            item_key: bytes(&vector["item_key"]),
            associated_data: bytes(&vector["associated_data"]),
            nonce: bytes(&vector["nonce"]),
            sealed: bytes(&vector["sealed"]),
            plaintext: bytes(&vector["plaintext"]),
        }
    }
}

fn bytes(hexadecimal: &Value) -> Vec<u8> {
    let digits = hexadecimal.as_str().expect("hexadecimal text");
    let places = (0..digits.len()).step_by(2);
    places.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("two digits")).collect()
}

/// A table with one key, which is wrapped by nothing.
struct OneKey {
    date: KeyDate,
    material: Vec<u8>,
}

impl OneKey {
    fn item(&self) -> WrappedBranchKey {
        let wrapped = self.material.clone();
        WrappedBranchKey { date: self.date, wrapped, kms_key: String::new(), created_at: sample::NOW }
    }
}

#[async_trait]
impl BranchKeyStore for OneKey {
    async fn newest(&self) -> Result<Option<WrappedBranchKey>, KeyError> {
        Ok(Some(self.item()))
    }

    async fn get(&self, date: KeyDate) -> Result<Option<WrappedBranchKey>, KeyError> {
        Ok((date == self.date).then(|| self.item()))
    }

    async fn create(&self, _: &WrappedBranchKey) -> Result<Creation, KeyError> {
        Ok(Creation::Existed(self.item()))
    }
}

#[async_trait]
impl KeyWrapping for OneKey {
    async fn generate(&self, _: WrappingContext<'_>) -> Result<GeneratedKey, KeyError> {
        Err(KeyError { operation: "generate", reason: "expected no wish for a key".to_owned(), source: None })
    }

    async fn unwrap(&self, wrapped: &[u8], _: WrappingContext<'_>) -> Result<KeyMaterial, KeyError> {
        Ok(KeyMaterial::copied_from(wrapped).expect("a key has 32 bytes"))
    }
}
