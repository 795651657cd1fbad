//! What the use cases need from outside, named by role. Each method is one request unless it says otherwise; a token
//! request is sent once more with a renewed credential when Entra refused ours.

use crate::account::{
    AccountActivity, AccountRecord, AccountStatus, DueAccount, Failure, LastSweep, Lease, StoredTokens,
    Tombstone,
};
use crate::error::{GraphError, SealingError, StoreError, TokenError, UnreadableCause};
use crate::event::DomainEvent;
use crate::identity::{HomeAccountId, ObjectId, TenantId, UserPrincipalName};
use crate::profile::{Profile, ProfileSnapshot};
use crate::scope::ScopeSet;
use crate::shard::ShardName;
use crate::shard_task::ShardTask;
use crate::token::{AccessToken, IssuedTokens, RefreshToken, UserAssertion};
use async_trait::async_trait;
use time::{Duration, OffsetDateTime};

/// The time, passed in so that every rule can be tested at a fixed one.
pub trait Clock: Send + Sync {
    fn now(&self) -> OffsetDateTime;
}

/// Chance, passed in so that jitter can be tested with a seed.
pub trait Chance: Send + Sync {
    /// Uniform in `0.0..1.0`.
    fn fraction(&self) -> f64;
}

/// Waiting, passed in so that tests need not.
#[async_trait]
pub trait Timer: Send + Sync {
    async fn wait(&self, pause: Duration);
}

/// What a token must be good for.
#[derive(Debug, Clone, Copy)]
pub struct TokenRequirements<'a> {
    pub scopes: &'a ScopeSet,
    /// The claims challenge (JSON) with which an API refused the last token; the adapter adds what our application is
    /// capable of.
    pub claims: Option<&'a str>,
}

impl<'a> From<&'a ScopeSet> for TokenRequirements<'a> {
    /// These scopes, and no challenge.
    fn from(scopes: &'a ScopeSet) -> Self {
        Self { scopes, claims: None }
    }
}

/// Trades assertions and refresh tokens for access tokens at the authority. No caching, no merging.
#[async_trait]
pub trait TokenExchange: Send + Sync {
    /// On-Behalf-Of (RFC 7523 §2.1 with `requested_token_use=on_behalf_of`). `tenant` is that of the assertion.
    async fn on_behalf_of(
        &self,
        tenant: TenantId,
        assertion: &UserAssertion,
        required: TokenRequirements<'_>,
    ) -> Result<IssuedTokens, TokenError>;

    /// Refresh (RFC 6749 §6). `account` is the one that the refresh token was issued to, at its home. The answer may lack a
    /// refresh token; then the old one stays good.
    async fn refresh(
        &self,
        tenant: TenantId,
        account: HomeAccountId,
        refresh_token: &RefreshToken,
        required: TokenRequirements<'_>,
    ) -> Result<IssuedTokens, TokenError>;
}

/// Who a request to Graph is for: under load Graph sheds background work first (`x-ms-throttle-priority`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requester<'a> {
    /// A user, who is waiting.
    User,
    /// A turn of the sweep; nobody is waiting. A repetition of the turn has the same key.
    Turn { idempotency_key: &'a str },
}

/// Reads the signed-in user's profile.
#[async_trait]
pub trait ProfileReader: Send + Sync {
    async fn me(&self, token: &AccessToken, requester: Requester<'_>) -> Result<FetchedProfile, GraphError>;
}

/// An answer of Graph `/me`.
#[derive(Debug, Clone)]
pub struct FetchedProfile {
    pub profile: Profile,
    pub etag: Option<String>,
}

/// Where a sealed blob lies. Everything here is bound into the seal, so that a blob cannot be moved to another place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemAddress {
    pub table: String,
    pub partition_key: String,
    pub sort_key: String,
    pub client_id: String,
}

/// Encrypts cache blobs, bound to the place where they lie.
#[async_trait]
pub trait Sealer: Send + Sync {
    async fn seal(&self, address: &ItemAddress, plaintext: &[u8]) -> Result<Vec<u8>, SealingError>;

    /// # Errors
    /// `Unreadable` for a blob that this key cannot open: the caller treats it as a miss. `Unavailable` when the key
    /// itself cannot be had just now.
    async fn open(&self, address: &ItemAddress, sealed: &[u8]) -> Result<Vec<u8>, SealingError>;
}

/// The table of accounts. Times to live are honoured by the reader: what is past them is not returned, because DynamoDB
/// deletes late.
#[async_trait]
pub trait AccountStore: Send + Sync {
    /// Everything of the account in one strongly consistent read.
    async fn load(&self, account: &HomeAccountId) -> Result<AccountRecord, StoreError>;

    /// The place of the account's token blob, for sealing.
    fn token_item(&self, account: &HomeAccountId) -> ItemAddress;

    /// Replaces the token blob if nobody else did since it was read. Returns the new version.
    async fn put_tokens(&self, account: &HomeAccountId, write: TokenWrite) -> Result<u64, PutTokensError>;

    /// Lets the token item live until `expires_at`, if it still has this version; `false` if not: whoever wrote it then has
    /// set its life.
    async fn extend_tokens(
        &self,
        account: &HomeAccountId,
        version: u64,
        expires_at: OffsetDateTime,
    ) -> Result<bool, StoreError>;

    /// Puts a blob that cannot be opened aside, before it is replaced, for an operator to look into. One per account is
    /// kept: the newest. An erasure takes it along.
    async fn quarantine(&self, account: &HomeAccountId, blob: QuarantinedBlob) -> Result<(), StoreError>;

    /// Notes that the user was here and gives the account its next turn. Never moves `last_activity` back.
    async fn record_activity(
        &self,
        account: &HomeAccountId,
        activity: ActivityUpdate,
    ) -> Result<(), StoreError>;

    async fn put_profile(
        &self,
        account: &HomeAccountId,
        snapshot: &ProfileSnapshot,
        expires_at: OffsetDateTime,
    ) -> Result<(), StoreError>;

    /// Removes tokens, activity and profile, and leaves the tombstone. What was begun at or before `tombstone.erased_at`
    /// must not bring anything back: `put_tokens` refuses it and `load` hides it. Compared in milliseconds, because a user
    /// can be back within the second.
    async fn erase(&self, account: &HomeAccountId, tombstone: &Tombstone) -> Result<(), StoreError>;

    /// One page of the accounts of a shard that are due at `now`, earliest first.
    ///
    /// # Errors
    /// `SenselessCursor` for a cursor that no page of this shard gave out.
    async fn accounts_due(
        &self,
        shard: ShardName,
        now: OffsetDateTime,
        limit: u32,
        cursor: Option<DueCursor>,
    ) -> Result<DuePage, StoreError>;

    /// The place in the index behind this account, for whoever goes on there.
    fn due_cursor(&self, shard: ShardName, after: DueAccount) -> DueCursor;

    /// Notes that this tick is being handled; `false` if somebody noted it before.
    async fn begin_tick(&self, tick: &str, expires_at: OffsetDateTime) -> Result<bool, StoreError>;

    /// Takes an account for one worker: succeeds only if its turn is still `due_at` and nobody holds a live lease.
    async fn claim(&self, due: DueAccount, lease: Lease, now: OffsetDateTime) -> Result<Claim, StoreError>;

    /// Ends a turn and lets go of the lease; `false` if the lease was no longer `owner`'s, and then nothing is written.
    async fn finish_turn(
        &self,
        account: &HomeAccountId,
        owner: &str,
        end: TurnEnd,
    ) -> Result<bool, StoreError>;

    /// Until when Entra wants no token requests for this tenant, as whoever was told so last noted it; `None` when it does
    /// not mind.
    async fn brake(&self, tenant: TenantId) -> Result<Option<OffsetDateTime>, StoreError>;

    /// Tells every environment of the deployment. Never shortens a pause that is already noted.
    async fn set_brake(&self, tenant: TenantId, until: OffsetDateTime) -> Result<(), StoreError>;

    /// Accounts with this sign-in name; several when a name was given to another person.
    async fn find_by_user_principal_name(
        &self,
        name: &UserPrincipalName,
    ) -> Result<Vec<HomeAccountId>, StoreError>;
}

/// A token blob to be written.
#[derive(Debug, Clone)]
pub struct TokenWrite {
    pub sealed: Vec<u8>,
    /// The version that was read; `None` when there was no item.
    pub expected_version: Option<u64>,
    /// When the sign-in or turn that this comes from began; an erasure after it outlaws the write.
    pub begun_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
}

/// A token blob that cannot be opened.
#[derive(Clone)]
pub struct QuarantinedBlob {
    /// As it was found, still sealed.
    pub sealed: Vec<u8>,
    /// The version that the token item had.
    pub version: u64,
    pub cause: UnreadableCause,
    pub found_at: OffsetDateTime,
    /// When the work began that replaces it; an erasure after it outlaws this too.
    pub begun_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
}

impl std::fmt::Debug for QuarantinedBlob {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("QuarantinedBlob")
            .field("bytes", &self.sealed.len())
            .field("version", &self.version)
            .field("cause", &self.cause)
            .finish_non_exhaustive()
    }
}

/// Why a token blob was not written.
#[derive(Debug, thiserror::Error)]
pub enum PutTokensError {
    /// Somebody else wrote first; their item, as it is now (`None`: they removed it).
    #[error("the token item changed since it was read")]
    Conflict(Option<StoredTokens>),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A user was here.
#[derive(Debug, Clone)]
pub struct ActivityUpdate {
    pub tenant_id: TenantId,
    pub object_id: ObjectId,
    pub user_principal_name: Option<UserPrincipalName>,
    /// When the request began; an erasure after it outlaws the update.
    pub last_activity: OffsetDateTime,
    /// The account's next turn. `None` leaves it as it is: a parked account stays parked while its user lives on tokens
    /// from before.
    pub due_at: Option<OffsetDateTime>,
    /// The user signed in anew: status and failure are cleared.
    pub returned: bool,
    pub expires_at: OffsetDateTime,
}

/// A place in the due index at which the next page begins. Opaque outside the store, small, and safe to pass on in a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueCursor(pub String);

#[derive(Debug, Clone)]
pub struct DuePage {
    pub accounts: Vec<DueAccount>,
    pub next: Option<DueCursor>,
}

/// The answer to a claim.
#[derive(Debug, Clone)]
pub enum Claim {
    /// The account is ours until the lease ends; its activity as it is now.
    Taken(Box<AccountActivity>),
    /// Another worker has it, or it is no longer due at that time.
    Lost,
}

/// What a turn leaves behind on the activity item.
#[derive(Debug, Clone)]
pub struct TurnEnd {
    pub last_sweep: LastSweep,
    pub status: AccountStatus,
    pub failure: Option<Failure>,
    pub failure_count: u32,
    /// `None` parks the account.
    pub due_at: Option<OffsetDateTime>,
    /// Kept on the item until a turn gets them out.
    pub unpublished: Vec<DomainEvent>,
    pub expires_at: OffsetDateTime,
}

/// Hands tasks to workers, each at least once.
#[async_trait]
pub trait ShardTaskQueue: Send + Sync {
    /// # Errors
    /// When not all of them were taken; some may have been.
    async fn send(&self, tasks: &[ShardTask]) -> Result<(), PublishError>;
}

/// Tells the outside world what happened.
#[async_trait]
pub trait EventPublisher: Send + Sync {
    async fn publish(&self, event: DomainEvent) -> Result<(), PublishError>;
}

/// An event did not get out.
#[derive(Debug, thiserror::Error)]
#[error("the event was not published: {reason}")]
pub struct PublishError {
    pub reason: String,
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}
