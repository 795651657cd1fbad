//! Access tokens whose signature and claims were found good before: the same token is not verified again.

use crate::access_token::AccessTokenClaims;
use crate::jwks::SigningKey;
use domain::identity::HomeAccountId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use time::OffsetDateTime;

/// How many are remembered: 256, about 1 KB each. One execution environment has a handful of users at a time.
const CAPACITY: usize = 256;

/// Tokens by the hash of the whole token, signature and all. Whether they are still in time is not remembered; that a key still
/// counts is looked at each time.
#[derive(Default)]
pub(crate) struct VerifiedTokens {
    by_hash: Mutex<HashMap<String, Verified>>,
}

struct Verified {
    claims: Arc<AccessTokenClaims>,
    /// All keys that its key id stood for.
    keys: Vec<Arc<SigningKey>>,
}

impl VerifiedTokens {
    /// The claims, if this very token was found good with these very keys: keys that were fetched since are others.
    pub(crate) fn get(&self, hash: &str, keys: &[Arc<SigningKey>]) -> Option<Arc<AccessTokenClaims>> {
        let by_hash = self.by_hash();
        let verified = by_hash.get(hash)?;
        let same_keys = verified.keys.len() == keys.len()
            && verified.keys.iter().zip(keys).all(|(then, now)| Arc::ptr_eq(then, now));
        same_keys.then(|| verified.claims.clone())
    }

    /// Remembers a token that was just found good. Where there are too many, what has expired goes, and else what expires first.
    pub(crate) fn remember(
        &self,
        hash: &str,
        claims: Arc<AccessTokenClaims>,
        keys: Vec<Arc<SigningKey>>,
        now: OffsetDateTime,
    ) {
        let mut by_hash = self.by_hash();
        if by_hash.len() >= CAPACITY && !by_hash.contains_key(hash) {
            by_hash.retain(|_, verified| verified.claims.expires_at > now);
        }
        if by_hash.len() >= CAPACITY && !by_hash.contains_key(hash) {
            let first = by_hash.iter().min_by_key(|(_, verified)| verified.claims.expires_at);
            if let Some(first) = first.map(|(hash, _)| hash.clone()) {
                by_hash.remove(&first);
            }
        }
        by_hash.insert(hash.to_owned(), Verified { claims, keys });
    }

    /// Forgets all tokens of an account.
    pub(crate) fn forget(&self, account: HomeAccountId) {
        self.by_hash().retain(|_, verified| verified.claims.account() != account);
    }

    pub(crate) fn len(&self) -> usize {
        self.by_hash().len()
    }

    fn by_hash(&self) -> MutexGuard<'_, HashMap<String, Verified>> {
        self.by_hash.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwks;
    use aws_lc_rs::rsa::{KeyPair, KeySize};
    use aws_lc_rs::signature::KeyPair as _;
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;
    use time::Duration;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn key() -> Arc<SigningKey> {
        let pair = KeyPair::generate(KeySize::Rsa2048).unwrap();
        // SEQUENCE { INTEGER modulus, INTEGER exponent } (RFC 8017 A.1.1), of fixed length for 2048 bits and 65537.
        let modulus = BASE64_URL_SAFE_NO_PAD.encode(&pair.public_key().as_ref()[9..265]);
        let document = serde_json::json!({
            "keys": [{ "kty": "RSA", "use": "sig", "kid": "k", "n": modulus, "e": "AQAB" }],
        });
        let mut keys = jwks::parse(document.to_string().as_bytes()).unwrap();
        Arc::new(keys.remove(0))
    }

    fn claims(user: u128, lives: Duration) -> Arc<AccessTokenClaims> {
        Arc::new(AccessTokenClaims::for_tests(user, NOW + lives))
    }

    #[test]
    fn a_token_is_known_by_its_hash_and_its_keys() {
        let (tokens, keys, others) = (VerifiedTokens::default(), vec![key()], vec![key()]);
        tokens.remember("a", claims(1, Duration::HOUR), keys.clone(), NOW);
        assert!(tokens.get("a", &keys).is_some());
        assert!(tokens.get("b", &keys).is_none());
        assert!(tokens.get("a", &others).is_none());
        assert!(tokens.get("a", &[]).is_none());
        assert!(tokens.get("a", &[keys[0].clone(), others[0].clone()]).is_none());
    }

    #[test]
    fn an_account_takes_all_its_tokens_with_it_and_no_others() {
        let (tokens, keys) = (VerifiedTokens::default(), vec![key()]);
        for (hash, user) in [("a", 1), ("b", 2), ("c", 1)] {
            tokens.remember(hash, claims(user, Duration::HOUR), keys.clone(), NOW);
        }
        tokens.forget(claims(1, Duration::HOUR).account());
        assert_eq!(["a", "b", "c"].map(|hash| tokens.get(hash, &keys).is_some()), [false, true, false]);
    }

    #[test]
    fn their_number_is_bounded_and_those_go_that_are_of_least_use() {
        let (tokens, keys) = (VerifiedTokens::default(), vec![key()]);
        let hash = |number: usize| format!("token {number}");
        for number in 0..CAPACITY {
            let lives = Duration::seconds(i64::try_from(number).unwrap() + 10);
            tokens.remember(&hash(number), claims(1, lives), keys.clone(), NOW);
        }
        // None has expired: the one that expires first goes.
        tokens.remember("next", claims(1, Duration::HOUR), keys.clone(), NOW);
        assert_eq!(tokens.len(), CAPACITY);
        assert!(tokens.get(&hash(0), &keys).is_none() && tokens.get(&hash(1), &keys).is_some());
        // The same once more needs no room.
        tokens.remember("next", claims(1, Duration::HOUR), keys.clone(), NOW);
        assert!(tokens.get(&hash(1), &keys).is_some());
        // Half have expired: all of them go.
        tokens.remember("last", claims(1, Duration::HOUR), keys.clone(), NOW + Duration::seconds(10 + 128));
        assert_eq!(tokens.len(), CAPACITY - 128 + 1);
        assert!(tokens.get("last", &keys).is_some() && tokens.get("next", &keys).is_some());
    }
}
