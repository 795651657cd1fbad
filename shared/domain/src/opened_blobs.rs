//! Token blobs that this process has opened already: the same blob, read again, is neither unsealed nor parsed again.
//!
//! The table is read all the same, each time; what it holds then is compared byte by byte with what was opened. So nothing that
//! was replaced, erased or expired is ever served from here.

use crate::identity::HomeAccountId;
use msal_cache::UnifiedCache;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use time::{Duration, OffsetDateTime};

/// For how long: below the hour after which every environment has noticed that a sealing key was withdrawn.
const LIFE: Duration = Duration::minutes(15);

/// Accounts whose blobs are remembered by a function that serves users who are present: as many as call one environment within
/// a few minutes.
const ACCOUNTS: usize = 64;

/// Sealed bytes of all of them: 1 MiB. A blob has some 5 KB, opened about five times as much.
const SEALED_BYTES: usize = 1024 * 1024;

/// Opened blobs, one per account. [`Default`] remembers none, which suits a sweep: it sees each account once.
#[derive(Default)]
pub struct OpenedBlobs {
    accounts: usize,
    by_account: Mutex<HashMap<HomeAccountId, Opened>>,
}

struct Opened {
    sealed: Vec<u8>,
    tokens: Arc<UnifiedCache>,
    since: OffsetDateTime,
}

impl OpenedBlobs {
    /// For users who are present, who come back within minutes.
    pub fn of_present_users() -> Self {
        Self { accounts: ACCOUNTS, by_account: Mutex::default() }
    }

    /// What is in this blob, if it was opened for this account a short while ago.
    pub(crate) fn get(
        &self,
        account: &HomeAccountId,
        sealed: &[u8],
        now: OffsetDateTime,
    ) -> Option<Arc<UnifiedCache>> {
        let mut by_account = self.by_account();
        drop_old(&mut by_account, now);
        let opened = by_account.get(account)?;
        if opened.sealed != sealed {
            by_account.remove(account);
            return None;
        }
        Some(opened.tokens.clone())
    }

    /// Remembers what was just opened. Where there is no room, what was opened first goes.
    pub(crate) fn remember(
        &self,
        account: HomeAccountId,
        sealed: &[u8],
        tokens: Arc<UnifiedCache>,
        now: OffsetDateTime,
    ) {
        if self.accounts == 0 || sealed.len() > SEALED_BYTES {
            return;
        }
        let mut by_account = self.by_account();
        drop_old(&mut by_account, now);
        by_account.insert(account, Opened { sealed: sealed.to_vec(), tokens, since: now });
        while by_account.len() > self.accounts || sealed_bytes(&by_account) > SEALED_BYTES {
            let others = by_account.iter().filter(|(present, _)| **present != account);
            let oldest = others.min_by_key(|(_, opened)| opened.since).map(|(account, _)| *account);
            let Some(oldest) = oldest else { return };
            by_account.remove(&oldest);
        }
    }

    /// How many accounts' blobs are remembered.
    pub fn len(&self) -> usize {
        self.by_account().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn forget(&self, account: &HomeAccountId) {
        self.by_account().remove(account);
    }

    fn by_account(&self) -> MutexGuard<'_, HashMap<HomeAccountId, Opened>> {
        self.by_account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody's tokens outlast their time because nobody asked for them again.
fn drop_old(by_account: &mut HashMap<HomeAccountId, Opened>, now: OffsetDateTime) {
    by_account.retain(|_, opened| (Duration::ZERO..LIFE).contains(&(now - opened.since)));
}

fn sealed_bytes(by_account: &HashMap<HomeAccountId, Opened>) -> usize {
    by_account.values().map(|opened| opened.sealed.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{ObjectId, TenantId};
    use uuid::Uuid;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn account(number: usize) -> HomeAccountId {
        let number = u128::try_from(number).unwrap();
        HomeAccountId::new(ObjectId::from_uuid(Uuid::from_u128(number)), TenantId::from_uuid(Uuid::max()))
    }

    fn remember(blobs: &OpenedBlobs, number: usize, sealed: &[u8], now: OffsetDateTime) {
        blobs.remember(account(number), sealed, Arc::default(), now);
    }

    fn has(blobs: &OpenedBlobs, number: usize, sealed: &[u8], now: OffsetDateTime) -> bool {
        blobs.get(&account(number), sealed, now).is_some()
    }

    #[test]
    fn only_the_very_same_blob_of_the_same_account_is_known() {
        let blobs = OpenedBlobs::of_present_users();
        remember(&blobs, 1, b"sealed", NOW);
        assert!(!has(&blobs, 2, b"sealed", NOW));
        assert!(has(&blobs, 1, b"sealed", NOW));
        assert!(!has(&blobs, 1, b"sealed anew", NOW));
        // What came after it has made it useless.
        assert!(!has(&blobs, 1, b"sealed", NOW));
    }

    #[test]
    fn it_is_known_for_a_while_and_no_longer_wherever_the_clock_goes() {
        for (age, known) in [(0, true), (899, true), (900, false), (-1, false)] {
            let blobs = OpenedBlobs::of_present_users();
            remember(&blobs, 1, b"sealed", NOW);
            assert_eq!(has(&blobs, 1, b"sealed", NOW + Duration::seconds(age)), known, "{age}");
        }
    }

    #[test]
    fn the_request_of_another_user_ends_what_is_past_its_time() {
        let (asking, opening) = (OpenedBlobs::of_present_users(), OpenedBlobs::of_present_users());
        for blobs in [&asking, &opening] {
            remember(blobs, 1, b"sealed", NOW);
        }
        assert!(!has(&asking, 2, b"other", NOW + LIFE));
        assert!(asking.is_empty());
        remember(&opening, 2, b"other", NOW + LIFE);
        assert_eq!(opening.len(), 1);
    }

    #[test]
    fn what_is_forgotten_is_opened_again() {
        let blobs = OpenedBlobs::of_present_users();
        remember(&blobs, 1, b"sealed", NOW);
        blobs.forget(&account(1));
        assert!(!has(&blobs, 1, b"sealed", NOW));
    }

    #[test]
    fn their_number_is_bounded() {
        let blobs = OpenedBlobs::of_present_users();
        for number in 0..=ACCOUNTS {
            remember(&blobs, number, b"sealed", NOW + Duration::milliseconds(i64::try_from(number).unwrap()));
        }
        let later = NOW + Duration::seconds(1);
        assert_eq!(blobs.len(), ACCOUNTS);
        assert!(!has(&blobs, 0, b"sealed", later));
        assert!(has(&blobs, 1, b"sealed", later) && has(&blobs, ACCOUNTS, b"sealed", later));
    }

    #[test]
    fn their_size_is_bounded() {
        let blobs = OpenedBlobs::of_present_users();
        let large = vec![0; SEALED_BYTES / 2];
        for number in 0..3 {
            remember(&blobs, number, &large, NOW + Duration::seconds(i64::try_from(number).unwrap()));
        }
        let later = NOW + Duration::seconds(5);
        assert_eq!([0, 1, 2].map(|number| has(&blobs, number, &large, later)), [false, true, true]);
        let too_large = vec![0; SEALED_BYTES + 1];
        remember(&blobs, 4, &too_large, later);
        assert!(!has(&blobs, 4, &too_large, later));
    }

    #[test]
    fn a_sweep_remembers_nothing() {
        let blobs = OpenedBlobs::default();
        remember(&blobs, 1, b"sealed", NOW);
        assert!(!has(&blobs, 1, b"sealed", NOW));
    }
}
