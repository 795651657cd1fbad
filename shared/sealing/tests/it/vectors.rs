//! The vectors that programs in other languages check too (`tests/vectors.json`), made by another implementation.

use crate::deployment::{Deployment, TABLE};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::error::SealingError;
use domain::ports::{ItemAddress, Sealer};
use sealing::{BranchKey, LocalSealer, WrappedBranchKey, WrappingContext};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    sealed: Vec<Opens>,
    unreadable: Vec<Refused>,
}

#[derive(Deserialize)]
struct Key {
    branch_key: String,
    key_id: String,
}

#[derive(Deserialize)]
struct Place {
    table: String,
    pk: String,
    sk: String,
    client_id: String,
}

#[derive(Deserialize)]
struct Opens {
    name: String,
    #[serde(flatten)]
    key: Key,
    address: Place,
    nonce: String,
    plaintext: String,
    address_bytes: String,
    associated_data: String,
    sealed: String,
}

#[derive(Deserialize)]
struct Refused {
    name: String,
    reason: String,
    #[serde(flatten)]
    key: Key,
    address: Place,
    sealed: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../vectors.json")).unwrap()
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    assert!(hexadecimal.len().is_multiple_of(2), "{hexadecimal}");
    let digits = (0..hexadecimal.len()).step_by(2);
    digits.map(|at| u8::from_str_radix(&hexadecimal[at..at + 2], 16).unwrap()).collect()
}

impl Place {
    fn item(&self) -> ItemAddress {
        ItemAddress {
            table: self.table.clone(),
            partition_key: self.pk.clone(),
            sort_key: self.sk.clone(),
            client_id: self.client_id.clone(),
        }
    }
}

impl Key {
    /// Opens with this key, from configuration or from a table, as its id says.
    async fn open(&self, address: &Place, blob: &str) -> Result<Vec<u8>, SealingError> {
        let (address, blob) = (address.item(), bytes(blob));
        if self.key_id == BranchKey::LOCAL_ID {
            let text = BASE64_STANDARD.encode(bytes(&self.branch_key));
            let sealer = LocalSealer::new(BranchKey::local(&text.into()).unwrap());
            return sealer.open(&address, &blob).await;
        }
        let deployment = Deployment::default();
        let date = self.key_id.parse().unwrap();
        let material = bytes(&self.branch_key).try_into().unwrap();
        let wrapped = deployment.kms.wrap(material, WrappingContext { table: TABLE, date });
        let item =
            WrappedBranchKey { date, wrapped, kms_key: String::new(), created_at: test_support::sample::NOW };
        deployment.table.items.lock().unwrap().insert(date, item);
        deployment.environment().open(&address, &blob).await
    }
}

#[tokio::test]
async fn what_another_program_sealed_opens() {
    let vectors = vectors().sealed;
    assert!(vectors.iter().any(|vector| vector.key.key_id != BranchKey::LOCAL_ID));
    for vector in vectors {
        let opened = vector.key.open(&vector.address, &vector.sealed).await;
        assert_eq!(opened.unwrap(), bytes(&vector.plaintext), "{}", vector.name);
    }
}

#[test]
fn the_steps_on_the_way_are_as_specified() {
    for vector in vectors().sealed {
        let place = &vector.address;
        let mut address = Vec::new();
        for part in [&place.table, &place.pk, &place.sk, &place.client_id] {
            address.extend_from_slice(&u32::try_from(part.len()).unwrap().to_be_bytes());
            address.extend_from_slice(part.as_bytes());
        }
        assert_eq!(bytes(&vector.address_bytes), address, "{}", vector.name);
        let mut head = vec![1, u8::try_from(vector.key.key_id.len()).unwrap()];
        head.extend_from_slice(vector.key.key_id.as_bytes());
        assert_eq!(bytes(&vector.associated_data), [head.clone(), address].concat(), "{}", vector.name);
        let sealed = bytes(&vector.sealed);
        assert!(sealed.starts_with(&[head, bytes(&vector.nonce)].concat()), "{}", vector.name);
    }
}

#[tokio::test]
async fn what_must_not_open_does_not_and_says_why() {
    for vector in vectors().unreadable {
        match vector.key.open(&vector.address, &vector.sealed).await {
            Err(SealingError::Unreadable { cause, .. }) => {
                assert_eq!(cause.name(), vector.reason, "{}", vector.name);
            }
            other => panic!("{}: {other:?}", vector.name),
        }
    }
}
