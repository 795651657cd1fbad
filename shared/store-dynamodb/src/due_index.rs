//! The indexes: which accounts have a turn, and who is called what.

use crate::error::store_error;
use crate::item::{Item, Reader, number, seconds, text};
use crate::keys::{
    self, ACTIVITY, DUE_AT, DUE_INDEX, PARTITION_KEY, SORT_KEY, SWEEP_SHARD, USER_INDEX, USER_PRINCIPAL_NAME,
};
use crate::store::DynamoDbAccountStore;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::account::DueAccount;
use domain::error::StoreError;
use domain::identity::{HomeAccountId, UserPrincipalName};
use domain::ports::{DueCursor, DuePage};
use domain::shard::ShardName;
use serde::{Deserialize, Serialize};
use serde_json::Number;
use time::OffsetDateTime;

/// The longest keys that DynamoDB takes.
pub(crate) const MAX_PARTITION_KEY_BYTES: usize = 2048;
const MAX_SORT_KEY_BYTES: usize = 1024;

/// The index key at which the next page begins, as DynamoDB names it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    pk: String,
    sk: String,
    shard: String,
    /// A whole number, unless somebody else wrote the item.
    due_at: Number,
}

impl DynamoDbAccountStore {
    /// An index is read as it was a moment ago: an account may be listed that has had its turn, and the claim sorts it out.
    pub(crate) async fn due_page(
        &self,
        shard: ShardName,
        now: OffsetDateTime,
        limit: u32,
        cursor: Option<&DueCursor>,
    ) -> Result<DuePage, StoreError> {
        let shard = shard.to_string();
        let start = cursor.map(|cursor| Position::read(cursor, &shard, now)).transpose()?;
        let page = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(DUE_INDEX)
            .key_condition_expression("#shard = :shard AND #due_at <= :now")
            .expression_attribute_names("#shard", SWEEP_SHARD)
            .expression_attribute_names("#due_at", DUE_AT)
            .expression_attribute_values(":shard", text(shard))
            .expression_attribute_values(":now", seconds(now))
            .limit(i32::try_from(limit.max(1)).unwrap_or(i32::MAX))
            .set_exclusive_start_key(start.map(Position::into_key))
            .send()
            .await
            .map_err(|error| store_error("accounts_due", &self.table, error))?;
        let accounts = page.items().iter().filter_map(|item| self.due_account(item)).collect();
        let next = page.last_evaluated_key().and_then(Position::of).map(|position| position.write());
        Ok(DuePage { accounts, next })
    }

    fn due_account(&self, item: &Item) -> Option<DueAccount> {
        let reader = Reader(item);
        let account = self.indexed_account(item)?;
        self.readable("due index entry", reader.parsed::<ActivityKey>(SORT_KEY, ACTIVITY))?;
        let due_at = self.readable("due index entry", reader.seconds(DUE_AT))?;
        Some(DueAccount { account, due_at })
    }

    fn indexed_account(&self, item: &Item) -> Option<HomeAccountId> {
        let key = Reader(item).parsed::<AccountKey>(PARTITION_KEY, "ACCOUNT#<home account id>");
        self.readable("index entry", key).map(|key| key.0)
    }

    /// Each account once, also where the index has several pages.
    pub(crate) async fn accounts_named(
        &self,
        name: &UserPrincipalName,
    ) -> Result<Vec<HomeAccountId>, StoreError> {
        let mut accounts = Vec::new();
        // Nobody is called what cannot be a key.
        if name.as_str().is_empty() || name.as_str().len() > MAX_PARTITION_KEY_BYTES {
            return Ok(accounts);
        }
        let mut start = None;
        loop {
            let page = self
                .client
                .query()
                .table_name(&self.table)
                .index_name(USER_INDEX)
                .key_condition_expression("#name = :name")
                .expression_attribute_names("#name", USER_PRINCIPAL_NAME)
                .expression_attribute_values(":name", text(name.as_str()))
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| store_error("find_by_user_principal_name", &self.table, error))?;
            accounts.extend(page.items().iter().filter_map(|item| self.indexed_account(item)));
            start = page.last_evaluated_key;
            if start.is_none() {
                accounts.sort_unstable();
                accounts.dedup();
                return Ok(accounts);
            }
        }
    }
}

/// The index key of the account's entry, as a page that ended with it would give it out.
pub(crate) fn cursor_behind(shard: ShardName, last: DueAccount) -> DueCursor {
    let position = Position {
        pk: keys::partition_key(&last.account),
        sk: ACTIVITY.to_owned(),
        shard: shard.to_string(),
        due_at: last.due_at.unix_timestamp().into(),
    };
    position.write()
}

/// The sort key of what has turns.
struct ActivityKey;

impl std::str::FromStr for ActivityKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text == ACTIVITY { Ok(Self) } else { Err(()) }
    }
}

/// A partition key that names an account.
struct AccountKey(HomeAccountId);

impl std::str::FromStr for AccountKey {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        keys::account_of(text).map(Self).ok_or(())
    }
}

impl Position {
    fn of(key: &Item) -> Option<Self> {
        let reader = Reader(key);
        Some(Self {
            pk: reader.optional_text(PARTITION_KEY).ok()??.to_owned(),
            sk: reader.optional_text(SORT_KEY).ok()??.to_owned(),
            shard: reader.optional_text(SWEEP_SHARD).ok()??.to_owned(),
            due_at: reader.number(DUE_AT).ok()?,
        })
    }

    fn into_key(self) -> Item {
        Item::from([
            (PARTITION_KEY.to_owned(), text(self.pk)),
            (SORT_KEY.to_owned(), text(self.sk)),
            (SWEEP_SHARD.to_owned(), text(self.shard)),
            (DUE_AT.to_owned(), number(self.due_at)),
        ])
    }

    fn write(&self) -> DueCursor {
        let json = serde_json::to_vec(self).expect("strings and a number are always JSON");
        DueCursor(BASE64_URL_SAFE_NO_PAD.encode(json))
    }

    /// Only what a page of this shard up to `now` can have given out: DynamoDB refuses the rest, and that would look like a
    /// table that is not as it should be.
    fn read(cursor: &DueCursor, shard: &str, now: OffsetDateTime) -> Result<Self, StoreError> {
        let rejected = |reason| StoreError::SenselessCursor { reason };
        let json = BASE64_URL_SAFE_NO_PAD.decode(&cursor.0).map_err(|_| rejected("this is not base64url"))?;
        let position: Self =
            serde_json::from_slice(&json).map_err(|_| rejected("this is base64url of something else"))?;
        if position.shard != shard {
            return Err(rejected("this one is of another shard"));
        }
        if position.pk.is_empty() || position.sk.is_empty() {
            return Err(rejected("this one has an empty key"));
        }
        if position.pk.len() > MAX_PARTITION_KEY_BYTES || position.sk.len() > MAX_SORT_KEY_BYTES {
            return Err(rejected("this one has a key that is too long"));
        }
        #[expect(clippy::cast_precision_loss, reason = "epoch seconds are far below 2^53")]
        let ended = now.unix_timestamp() as f64;
        if position.due_at.as_f64().is_none_or(|due_at| due_at > ended) {
            return Err(rejected("this one is behind the end"));
        }
        Ok(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Duration;

    fn position() -> Position {
        Position {
            pk: "ACCOUNT#a".to_owned(),
            sk: "ACTIVITY".to_owned(),
            shard: "v1#03".to_owned(),
            due_at: 7.into(),
        }
    }

    fn read(cursor: &DueCursor) -> Result<Position, StoreError> {
        Position::read(cursor, "v1#03", OffsetDateTime::UNIX_EPOCH + Duration::seconds(7))
    }

    #[test]
    fn a_cursor_leads_back_to_its_position() {
        let cursor = position().write();
        assert_eq!(read(&cursor).unwrap(), position());
        assert_eq!(Position::of(&position().into_key()), Some(position()));
    }

    #[test]
    fn an_entry_of_somebody_elses_does_not_end_the_pages() {
        for due_at in ["0.5", "-3", "-1e30"] {
            let position = Position { pk: "x".to_owned(), due_at: due_at.parse().unwrap(), ..position() };
            let given_out = Position::of(&position.into_key()).unwrap();
            assert_eq!(read(&given_out.write()).unwrap(), given_out, "{due_at}");
        }
    }

    #[test]
    fn a_senseless_cursor_is_rejected_with_the_reason() {
        let encode = |text: &str| DueCursor(BASE64_URL_SAFE_NO_PAD.encode(text));
        let reason = |cursor: &DueCursor| read(cursor).unwrap_err().to_string();
        assert!(reason(&DueCursor("{}".to_owned())).ends_with("not base64url"));
        assert!(reason(&encode("{}")).ends_with("of something else"));
        let other = Position { shard: "v1#04".to_owned(), ..position() };
        assert!(reason(&other.write()).ends_with("another shard"));
        let empty = Position { pk: String::new(), ..position() };
        assert!(reason(&empty.write()).ends_with("empty key"));
        for huge in
            [Position { pk: "x".repeat(2049), ..position() }, Position { sk: "x".repeat(1025), ..position() }]
        {
            assert!(reason(&huge.write()).ends_with("too long"));
        }
        let later = Position { due_at: 8.into(), ..position() };
        assert!(reason(&later.write()).ends_with("behind the end"));
    }
}
