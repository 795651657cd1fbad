//! The adapter itself; what its methods do is in the modules they call.

use crate::due_index;
use crate::item::{Defect, Item, text};
use crate::keys::{self, PARTITION_KEY, SORT_KEY};
use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use domain::account::{AccountRecord, DueAccount, Lease, Tombstone};
use domain::error::StoreError;
use domain::identity::{ClientId, HomeAccountId, TenantId, UserPrincipalName};
use domain::ports::{
    AccountStore, ActivityUpdate, Claim, Clock, DueCursor, DuePage, ItemAddress, PutTokensError,
    QuarantinedBlob, TokenWrite, TurnEnd,
};
use domain::profile::ProfileSnapshot;
use domain::shard::{ShardName, Shards};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use time::OffsetDateTime;

/// The accounts of one application in one table.
pub struct DynamoDbAccountStore {
    pub(crate) client: Client,
    pub(crate) table: String,
    pub(crate) client_id: ClientId,
    pub(crate) shards: Shards,
    pub(crate) clock: Arc<dyn Clock>,
    corrupt_items: AtomicU64,
}

impl DynamoDbAccountStore {
    /// `client` must have its timeouts set. All functions of a deployment must agree on `shards`: an account in a
    /// partition that nobody asks for has no turns.
    pub fn new(
        client: Client,
        table: String,
        client_id: ClientId,
        shards: Shards,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { client, table, client_id, shards, clock, corrupt_items: AtomicU64::new(0) }
    }

    /// How many items this store has met that it could not read. Each was also logged, as `store.corrupt_item`.
    pub fn corrupt_items(&self) -> u64 {
        self.corrupt_items.load(Ordering::Relaxed)
    }

    pub(crate) fn note_corrupt(&self, kind: &'static str, defect: &Defect) {
        self.corrupt_items.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(event = "store.corrupt_item", item.kind = kind, item.defect = %defect);
    }

    pub(crate) fn now_seconds(&self) -> i64 {
        self.clock.now().unix_timestamp()
    }

    pub(crate) fn tokens_sort_key(&self) -> String {
        keys::tokens_sort_key(self.client_id)
    }

    pub(crate) fn shard_of(&self, account: &HomeAccountId) -> String {
        keys::shard_of(account, self.shards).to_string()
    }
}

/// The key attributes of an item.
pub(crate) fn key(account: &HomeAccountId, sort_key: &str) -> Item {
    Item::from([
        (PARTITION_KEY.to_owned(), text(keys::partition_key(account))),
        (SORT_KEY.to_owned(), text(sort_key)),
    ])
}

#[async_trait]
impl AccountStore for DynamoDbAccountStore {
    async fn load(&self, account: &HomeAccountId) -> Result<AccountRecord, StoreError> {
        self.load_account(account).await
    }

    fn token_item(&self, account: &HomeAccountId) -> ItemAddress {
        ItemAddress {
            table: self.table.clone(),
            partition_key: keys::partition_key(account),
            sort_key: self.tokens_sort_key(),
            client_id: self.client_id.to_string(),
        }
    }

    async fn put_tokens(&self, account: &HomeAccountId, write: TokenWrite) -> Result<u64, PutTokensError> {
        self.write_tokens(account, &write).await
    }

    async fn extend_tokens(
        &self,
        account: &HomeAccountId,
        version: u64,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError> {
        self.move_end_of_tokens(account, version, expires_at).await
    }

    async fn quarantine(&self, account: &HomeAccountId, blob: QuarantinedBlob) -> Result<(), StoreError> {
        self.write_quarantine(account, blob).await
    }

    async fn record_activity(
        &self,
        account: &HomeAccountId,
        activity: ActivityUpdate,
    ) -> Result<(), StoreError> {
        self.write_activity(account, &activity).await
    }

    async fn put_profile(
        &self,
        account: &HomeAccountId,
        snapshot: &ProfileSnapshot,
        expires_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        self.write_profile(account, snapshot, expires_at).await
    }

    async fn erase(&self, account: &HomeAccountId, tombstone: &Tombstone) -> Result<(), StoreError> {
        self.erase_account(account, tombstone).await
    }

    async fn accounts_due(
        &self,
        shard: ShardName,
        now: OffsetDateTime,
        limit: u32,
        cursor: Option<DueCursor>,
    ) -> Result<DuePage, StoreError> {
        self.due_page(shard, now, limit, cursor.as_ref()).await
    }

    fn due_cursor(&self, shard: ShardName, after: DueAccount) -> DueCursor {
        due_index::cursor_behind(shard, after)
    }

    async fn begin_tick(&self, tick: &str, expires_at: OffsetDateTime) -> Result<bool, StoreError> {
        self.write_tick(tick, expires_at).await
    }

    async fn claim(&self, due: DueAccount, lease: Lease, now: OffsetDateTime) -> Result<Claim, StoreError> {
        self.claim_turn(due, &lease, now).await
    }

    async fn finish_turn(
        &self,
        account: &HomeAccountId,
        owner: &str,
        end: TurnEnd,
    ) -> Result<bool, StoreError> {
        self.end_turn(account, owner, &end).await
    }

    async fn brake(&self, tenant: TenantId) -> Result<Option<OffsetDateTime>, StoreError> {
        self.read_brake(tenant).await
    }

    async fn set_brake(&self, tenant: TenantId, until: OffsetDateTime) -> Result<(), StoreError> {
        self.write_brake(tenant, until).await
    }

    async fn find_by_user_principal_name(
        &self,
        name: &UserPrincipalName,
    ) -> Result<Vec<HomeAccountId>, StoreError> {
        self.accounts_named(name).await
    }
}
