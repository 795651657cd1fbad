//! The table of accounts in memory, with the rules of the real one.

mod accounts;
mod controls;

pub use controls::StoreOperation;

use crate::{FixedClock, sample};
use accounts::{Account, round_up_to_second, truncate_to_second};
use async_trait::async_trait;
use controls::Controls;
use domain::account::{AccountRecord, DueAccount, Lease, Tombstone};
use domain::error::StoreError;
use domain::identity::{HomeAccountId, TenantId, UserPrincipalName};
use domain::ports::{
    AccountStore, ActivityUpdate, Claim, Clock, DueCursor, DuePage, ItemAddress, PutTokensError,
    QuarantinedBlob, TokenWrite, TurnEnd,
};
use domain::profile::ProfileSnapshot;
use domain::shard::{ShardName, Shards};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use time::OffsetDateTime;

/// As much as the real table keeps of one account's tokens, in bytes.
const BLOB_LIMIT: usize = 64 * 1024;

/// Keeps the contract of [`crate::store_contract`], counts what is asked of it, and fails on demand.
pub struct InMemoryAccountStore {
    clock: Arc<dyn Clock>,
    shards: Shards,
    accounts: Arc<Mutex<BTreeMap<HomeAccountId, Account>>>,
    brakes: Arc<Mutex<BTreeMap<TenantId, OffsetDateTime>>>,
    ticks: Arc<Mutex<BTreeSet<String>>>,
    controls: Arc<Controls>,
}

impl InMemoryAccountStore {
    /// As many as [`Self::with_clock`] has.
    pub const SHARDS: NonZeroU32 = NonZeroU32::new(4).expect("4 is not 0");

    pub fn new(clock: Arc<dyn Clock>, shards: Shards) -> Self {
        Self {
            clock,
            shards,
            accounts: Arc::default(),
            brakes: Arc::default(),
            ticks: Arc::default(),
            controls: Arc::default(),
        }
    }

    pub fn with_clock(clock: &FixedClock) -> Self {
        Self::new(Arc::new(clock.clone()), Shards::first(Self::SHARDS))
    }

    /// The same table, as functions with other shards see it.
    #[must_use]
    pub fn with_shards(&self, shards: Shards) -> Self {
        Self {
            clock: self.clock.clone(),
            shards,
            accounts: self.accounts.clone(),
            brakes: self.brakes.clone(),
            ticks: self.ticks.clone(),
            controls: self.controls.clone(),
        }
    }

    /// The next call of this operation fails with this error, and does nothing.
    pub fn fail_next(&self, operation: StoreOperation, error: StoreError) {
        self.controls.fail_next(operation, error);
    }

    /// Before the next `put_tokens` of any account, somebody else writes this blob to the same account. May be called
    /// several times, for several conflicts in a row.
    pub fn rival_writes_first(&self, sealed: Vec<u8>) {
        self.controls.rival_writes_first(sealed);
    }

    /// The next so many pages of accounts that are due have only entries that cannot be read, which are left out. They are
    /// entries more: no account is skipped.
    pub fn unreadable_pages(&self, count: u32) {
        self.controls.unreadable_pages(count);
    }

    /// How often an operation was called, failed calls included.
    pub fn calls(&self, operation: StoreOperation) -> usize {
        self.controls.calls(operation)
    }

    /// Calls that only read.
    pub fn reads(&self) -> usize {
        self.controls.count(StoreOperation::reads)
    }

    /// Calls that write.
    pub fn writes(&self) -> usize {
        self.controls.count(|operation| !operation.reads())
    }

    pub fn reset_calls(&self) {
        self.controls.reset();
    }

    /// Puts other bytes in place of an account's token blob, as a fault would; its version stays.
    ///
    /// # Panics
    /// When the account has no tokens.
    pub fn damage_tokens(&self, account: &HomeAccountId, blob: &[u8]) {
        let mut accounts = self.accounts();
        let tokens = accounts.get_mut(account).and_then(|account| account.tokens.as_mut());
        tokens.expect("the account has tokens").stored.blob = blob.to_vec();
    }

    /// What was put aside of an account.
    pub fn quarantined(&self, account: &HomeAccountId) -> Option<QuarantinedBlob> {
        self.with_account(account, |account| account.quarantined.clone())
    }

    fn accounts(&self) -> MutexGuard<'_, BTreeMap<HomeAccountId, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the account as it is now, without what is past its time.
    fn with_account<T>(&self, account: &HomeAccountId, act: impl FnOnce(&mut Account) -> T) -> T {
        let now = self.clock.now();
        let mut accounts = self.accounts();
        let entry = accounts.entry(*account).or_default();
        entry.drop_expired(now);
        act(entry)
    }

    fn shard_of(&self, account: &HomeAccountId) -> ShardName {
        let folded = account
            .to_string()
            .bytes()
            .fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
        ShardName { generation: self.shards.generation, number: folded % self.shards.count }
    }
}

#[async_trait]
impl AccountStore for InMemoryAccountStore {
    async fn load(&self, account: &HomeAccountId) -> Result<AccountRecord, StoreError> {
        self.controls.enter(StoreOperation::Load)?;
        Ok(self.with_account(account, |account| account.record()))
    }

    fn token_item(&self, account: &HomeAccountId) -> ItemAddress {
        ItemAddress {
            table: "in-memory".to_owned(),
            partition_key: account.to_string(),
            sort_key: "tokens".to_owned(),
            client_id: sample::CLIENT.to_string(),
        }
    }

    async fn put_tokens(&self, account: &HomeAccountId, write: TokenWrite) -> Result<u64, PutTokensError> {
        self.controls.enter(StoreOperation::PutTokens)?;
        let bytes = write.sealed.len();
        if bytes > BLOB_LIMIT {
            return Err(StoreError::TooLarge { bytes, limit: BLOB_LIMIT }.into());
        }
        let rival = self.controls.next_rival();
        self.with_account(account, |account| {
            if let Some(sealed) = rival {
                let expected_version = account.tokens.as_ref().map(|tokens| tokens.stored.version);
                account.put_tokens(TokenWrite { sealed, expected_version, ..write.clone() })?;
            }
            account.put_tokens(write)
        })
    }

    async fn extend_tokens(
        &self,
        account: &HomeAccountId,
        version: u64,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        self.controls.enter(StoreOperation::ExtendTokens)?;
        Ok(self.with_account(account, |account| account.extend_tokens(version, expires_at)))
    }

    async fn quarantine(&self, account: &HomeAccountId, blob: QuarantinedBlob) -> Result<(), StoreError> {
        self.controls.enter(StoreOperation::Quarantine)?;
        self.with_account(account, |account| account.quarantine(blob));
        Ok(())
    }

    async fn record_activity(
        &self,
        account: &HomeAccountId,
        activity: ActivityUpdate,
    ) -> Result<(), StoreError> {
        self.controls.enter(StoreOperation::RecordActivity)?;
        let shard = self.shard_of(account);
        self.with_account(account, |account| account.record_activity(&activity, shard));
        Ok(())
    }

    async fn put_profile(
        &self,
        account: &HomeAccountId,
        snapshot: &ProfileSnapshot,
        expires_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        self.controls.enter(StoreOperation::PutProfile)?;
        self.with_account(account, |account| account.put_profile(snapshot, expires_at));
        Ok(())
    }

    async fn erase(&self, account: &HomeAccountId, tombstone: &Tombstone) -> Result<(), StoreError> {
        self.controls.enter(StoreOperation::Erase)?;
        self.with_account(account, |account| account.erase(tombstone));
        Ok(())
    }

    async fn accounts_due(
        &self,
        shard: ShardName,
        now: OffsetDateTime,
        limit: u32,
        cursor: Option<DueCursor>,
    ) -> Result<DuePage, StoreError> {
        self.controls.enter(StoreOperation::AccountsDue)?;
        if self.controls.next_page_is_unreadable() {
            let before_all = DueAccount { account: sample::account(0), due_at: OffsetDateTime::UNIX_EPOCH };
            let next = cursor.unwrap_or_else(|| cursor_behind(&before_all));
            return Ok(DuePage { accounts: Vec::new(), next: Some(next) });
        }
        let after = cursor.map(|cursor| read_cursor(&cursor)).transpose()?;
        let limit = usize::try_from(limit.max(1)).unwrap_or(usize::MAX);
        let mut due: Vec<DueAccount> = self
            .accounts()
            .iter()
            .filter_map(|(account, kept)| {
                let (_, due_at) = kept.due().filter(|(listed, _)| *listed == shard)?;
                Some(DueAccount { account: *account, due_at })
            })
            .filter(|due| due.due_at <= now && after.is_none_or(|after| sort_key(due) > after))
            .collect();
        due.sort_by_key(sort_key);
        let more = due.len() > limit;
        due.truncate(limit);
        let next = due.last().filter(|_| more).map(cursor_behind);
        Ok(DuePage { accounts: due, next })
    }

    fn due_cursor(&self, _: ShardName, after: DueAccount) -> DueCursor {
        cursor_behind(&after)
    }

    async fn begin_tick(&self, tick: &str, _: OffsetDateTime) -> Result<bool, StoreError> {
        self.controls.enter(StoreOperation::BeginTick)?;
        Ok(self.ticks.lock().unwrap_or_else(PoisonError::into_inner).insert(tick.to_owned()))
    }

    async fn claim(&self, due: DueAccount, lease: Lease, now: OffsetDateTime) -> Result<Claim, StoreError> {
        self.controls.enter(StoreOperation::Claim)?;
        let due_at = truncate_to_second(due.due_at);
        Ok(self.with_account(&due.account, |account| account.claim(due_at, lease, now)))
    }

    async fn finish_turn(
        &self,
        account: &HomeAccountId,
        owner: &str,
        end: TurnEnd,
    ) -> Result<bool, StoreError> {
        self.controls.enter(StoreOperation::FinishTurn)?;
        let shard = self.shard_of(account);
        Ok(self.with_account(account, |account| account.finish_turn(owner, end, shard)))
    }

    async fn brake(&self, tenant: TenantId) -> Result<Option<OffsetDateTime>, StoreError> {
        self.controls.enter(StoreOperation::Brake)?;
        let now = self.clock.now();
        let until = self.brakes.lock().unwrap_or_else(PoisonError::into_inner).get(&tenant).copied();
        Ok(until.filter(|until| *until > now))
    }

    async fn set_brake(&self, tenant: TenantId, until: OffsetDateTime) -> Result<(), StoreError> {
        self.controls.enter(StoreOperation::SetBrake)?;
        let until = round_up_to_second(until);
        let mut brakes = self.brakes.lock().unwrap_or_else(PoisonError::into_inner);
        let noted = brakes.entry(tenant).or_insert(until);
        *noted = until.max(*noted);
        Ok(())
    }

    async fn find_by_user_principal_name(
        &self,
        name: &UserPrincipalName,
    ) -> Result<Vec<HomeAccountId>, StoreError> {
        self.controls.enter(StoreOperation::FindByUserPrincipalName)?;
        Ok(self
            .accounts()
            .iter()
            .filter(|(_, kept)| kept.is_named(name))
            .map(|(account, _)| *account)
            .collect())
    }
}

fn sort_key(due: &DueAccount) -> (OffsetDateTime, HomeAccountId) {
    (due.due_at, due.account)
}

fn cursor_behind(last: &DueAccount) -> DueCursor {
    DueCursor(format!("{}@{}", last.due_at.unix_timestamp(), last.account))
}

fn read_cursor(cursor: &DueCursor) -> Result<(OffsetDateTime, HomeAccountId), StoreError> {
    let parse = || {
        let (due_at, account) = cursor.0.split_once('@')?;
        let due_at = OffsetDateTime::from_unix_timestamp(due_at.parse().ok()?).ok()?;
        Some((due_at, account.parse().ok()?))
    };
    parse().ok_or(StoreError::SenselessCursor { reason: "this one has another form" })
}
