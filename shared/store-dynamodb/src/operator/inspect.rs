//! What is kept of one account, whether it counts or not: sizes, versions and times, never tokens.

use super::OperatorTable;
use crate::erasure::decode_tombstone;
use crate::error::store_error;
use crate::item::{Defect, Item, Reader};
use crate::keys::{
    ACTIVITY, BLOB, CAUSE, FOUND_AT, PARKED_REASON, PROFILE, SORT_KEY, TOMBSTONE, TTL, VERSION,
};
use crate::load::Kept;
use crate::{activity, profile, tokens};
use domain::account::{AccountActivity, Tombstone};
use domain::error::StoreError;
use domain::identity::HomeAccountId;
use time::{Duration, OffsetDateTime};

/// Everything kept of one account.
#[derive(Debug, Clone)]
pub struct Inspection {
    pub activity: Part<AccountActivity>,
    /// Why an operator parked it, if the last who did said so.
    pub parked_reason: Option<String>,
    pub tokens: Part<TokensSummary>,
    pub profile: Part<ProfileSummary>,
    pub tombstone: Part<Tombstone>,
    pub quarantine: Part<QuarantineSummary>,
    /// Sort keys of what else lies in the account's partition, such as tokens of other applications.
    pub others: Vec<String>,
}

/// One item.
#[derive(Debug, Clone)]
pub enum Part<T> {
    Absent,
    /// Not as this program writes it; the defect names the attribute.
    Unreadable {
        defect: String,
    },
    Kept {
        value: T,
        standing: Standing,
    },
}

/// Whether an item counts for the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Counts,
    /// Past its time to live, and not deleted by DynamoDB yet.
    Expired,
    /// From before an erasure.
    Erased,
}

/// The sealed cache, from outside.
#[derive(Debug, Clone)]
pub struct TokensSummary {
    pub bytes: usize,
    pub version: u64,
    /// When the sign-in or turn began that wrote it; `None` in an item of another program.
    pub begun_at: Option<OffsetDateTime>,
    pub expires_at: OffsetDateTime,
}

#[derive(Debug, Clone)]
pub struct ProfileSummary {
    pub refreshed_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
}

/// Tokens that could not be opened.
#[derive(Debug, Clone)]
pub struct QuarantineSummary {
    pub bytes: usize,
    pub version: u64,
    /// Why not (`docs/data-model.md`).
    pub cause: String,
    pub found_at: OffsetDateTime,
    pub expires_at: OffsetDateTime,
}

impl Inspection {
    /// Nothing at all is there of the account, not even something that no longer counts.
    pub fn is_empty(&self) -> bool {
        matches!(
            self,
            Self {
                activity: Part::Absent,
                tokens: Part::Absent,
                profile: Part::Absent,
                tombstone: Part::Absent,
                quarantine: Part::Absent,
                others,
                ..
            } if others.is_empty()
        )
    }
}

impl<T> Part<T> {
    /// What counts for the functions.
    pub fn counting(&self) -> Option<&T> {
        match self {
            Self::Kept { value, standing: Standing::Counts } => Some(value),
            _ => None,
        }
    }
}

impl OperatorTable {
    /// Two consistent reads.
    pub async fn inspect(&self, account: &HomeAccountId) -> Result<Inspection, StoreError> {
        let store = &self.store;
        let mut items = store.items_of(account).await?;
        let mut take = |sort_key: &str| {
            let place = items.iter().position(|item| sort_key_of(item) == sort_key)?;
            Some(items.swap_remove(place))
        };
        let (activity, tokens) = (take(ACTIVITY), take(&store.tokens_sort_key()));
        let (profile, tombstone) = (take(PROFILE), take(TOMBSTONE));
        let mut others: Vec<String> = items.iter().map(|item| sort_key_of(item).to_owned()).collect();
        others.sort_unstable();
        let quarantined = store
            .client
            .get_item()
            .table_name(&store.table)
            .set_key(Some(store.quarantine_key(account)))
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| store_error("get_item", &store.table, error))?;
        let now = store.now_seconds();
        let tombstone = Part::of_unlike(tombstone.as_ref(), now, |item| {
            let tombstone = decode_tombstone(item)?;
            Ok((tombstone.expires_at, tombstone))
        });
        let judge = Judge { now, tombstone: tombstone.counting() };
        Ok(Inspection {
            parked_reason: activity
                .as_ref()
                .and_then(|item| Reader(item).optional_text(PARKED_REASON).ok().flatten())
                .map(str::to_owned),
            activity: judge.part(activity.as_ref(), activity::decode),
            tokens: judge.part(tokens.as_ref(), tokens_summary),
            profile: judge.part(profile.as_ref(), profile_summary),
            quarantine: Part::of_unlike(quarantined.item.as_ref(), now, quarantine_summary),
            others,
            tombstone,
        })
    }
}

/// What decides whether an item counts.
struct Judge<'a> {
    now: i64,
    tombstone: Option<&'a Tombstone>,
}

impl Judge<'_> {
    fn part<T>(&self, item: Option<&Item>, decode: impl Fn(&Item) -> Result<Kept<T>, Defect>) -> Part<T> {
        let Some(item) = item else { return Part::Absent };
        match decode(item) {
            Err(defect) => Part::Unreadable { defect: defect.to_string() },
            Ok(kept) => {
                let standing = if kept.expired(self.now) {
                    Standing::Expired
                } else if kept.outlawed_by(self.tombstone) {
                    Standing::Erased
                } else {
                    Standing::Counts
                };
                Part::Kept { value: kept.value, standing }
            }
        }
    }
}

impl<T> Part<T> {
    /// An item that is not like the others: no erasure outlaws it.
    fn of_unlike(
        item: Option<&Item>,
        now: i64,
        decode: impl Fn(&Item) -> Result<(OffsetDateTime, T), Defect>,
    ) -> Self {
        let Some(item) = item else { return Self::Absent };
        match decode(item) {
            Err(defect) => Self::Unreadable { defect: defect.to_string() },
            Ok((expires_at, value)) => {
                let expired = expires_at.unix_timestamp() <= now;
                let standing = if expired { Standing::Expired } else { Standing::Counts };
                Self::Kept { value, standing }
            }
        }
    }
}

fn tokens_summary(item: &Item) -> Result<Kept<TokensSummary>, Defect> {
    let Kept { value, begun_at, expires_at } = tokens::decode(item)?;
    let begun = begun_at.and_then(|milliseconds| {
        OffsetDateTime::UNIX_EPOCH.checked_add(Duration::milliseconds(milliseconds))
    });
    let summary = TokensSummary {
        bytes: value.blob.len(),
        version: value.version,
        begun_at: begun,
        expires_at: value.expires_at,
    };
    Ok(Kept { value: summary, begun_at, expires_at })
}

fn profile_summary(item: &Item) -> Result<Kept<ProfileSummary>, Defect> {
    let Kept { value, begun_at, expires_at } = profile::decode(item)?;
    let until = Reader(item).seconds(TTL)?;
    let summary = ProfileSummary { refreshed_at: value.refreshed_at, expires_at: until };
    Ok(Kept { value: summary, begun_at, expires_at })
}

fn quarantine_summary(item: &Item) -> Result<(OffsetDateTime, QuarantineSummary), Defect> {
    let reader = Reader(item);
    let expires_at = reader.seconds(TTL)?;
    let summary = QuarantineSummary {
        bytes: reader.binary(BLOB)?.len(),
        version: reader.number(VERSION)?,
        cause: reader.parsed(CAUSE, "a string")?,
        found_at: reader.seconds(FOUND_AT)?,
        expires_at,
    };
    Ok((expires_at, summary))
}

fn sort_key_of(item: &Item) -> &str {
    Reader(item).optional_text(SORT_KEY).ok().flatten().unwrap_or_default()
}
