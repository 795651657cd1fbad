//! Which accounts there are.

use super::OperatorTable;
use crate::activity;
use crate::due_index::{self, MAX_PARTITION_KEY_BYTES};
use crate::error::store_error;
use crate::item::{Item, Reader, number, text};
use crate::keys::{self, ACTIVITY, PARTITION_KEY, SORT_KEY, STATUS, TTL};
use crate::store::key;
use domain::account::{AccountActivity, AccountStatus, DueAccount};
use domain::error::StoreError;
use domain::identity::HomeAccountId;
use domain::ports::DueCursor;
use domain::shard::ShardName;

/// Which accounts are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct AccountQuery {
    /// Only those with this status.
    pub status: Option<AccountStatus>,
    /// Only those whose turn has come. They are read from the due index, shard after shard, earliest first; all others by
    /// reading the whole table, in no order.
    pub due: bool,
}

/// A page of accounts.
#[derive(Debug, Clone)]
pub struct AccountPage {
    pub accounts: Vec<Listed>,
    /// Where the next page begins, which may turn out to be empty; `None` when there is none. It is good for the same query
    /// only.
    pub next: Option<String>,
}

/// An activity item.
#[derive(Debug, Clone)]
pub enum Listed {
    Account {
        account: HomeAccountId,
        activity: Box<AccountActivity>,
    },
    /// Not as this program writes it. The account has no turns until its user is back.
    Unreadable {
        partition_key: String,
        defect: String,
    },
}

impl OperatorTable {
    /// Up to `limit` accounts from `after` on, which an earlier page of this query gave out as its `next`.
    ///
    /// Items are shown as they lie in the table, but for those past their time to live. One that an erasure was about to
    /// delete is still listed; [`inspect`](Self::inspect) tells.
    ///
    /// # Errors
    /// `SenselessCursor` for an `after` that is no place in the due index, if `due`, and otherwise for one that is no key. A
    /// key that no page gave out is a place like any other.
    pub async fn page(
        &self,
        query: AccountQuery,
        limit: usize,
        after: Option<&str>,
    ) -> Result<AccountPage, StoreError> {
        if query.due {
            self.due_accounts(query.status, limit, after).await
        } else {
            self.scan(query.status, limit, after).await
        }
    }

    async fn scan(
        &self,
        status: Option<AccountStatus>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<AccountPage, StoreError> {
        let store = &self.store;
        let mut accounts = Vec::new();
        let mut start = after.map(position).transpose()?;
        loop {
            let mut request = store
                .client
                .scan()
                .table_name(&store.table)
                .filter_expression("#sk = :activity AND NOT (#ttl <= :now)")
                .expression_attribute_names("#sk", SORT_KEY)
                .expression_attribute_names("#ttl", TTL)
                .expression_attribute_values(":activity", text(ACTIVITY))
                .expression_attribute_values(":now", number(store.now_seconds()))
                .set_exclusive_start_key(start);
            if let Some(status) = status {
                request = request
                    .filter_expression("#sk = :activity AND NOT (#ttl <= :now) AND #status = :status")
                    .expression_attribute_names("#status", STATUS)
                    .expression_attribute_values(":status", activity::encode_status(status));
            }
            let page = request.send().await.map_err(|error| store_error("scan", &store.table, error))?;
            let items = page.items();
            for (index, item) in items.iter().enumerate() {
                accounts.push(listed(item));
                // To look for one more could mean to read the rest of the table.
                if accounts.len() >= limit {
                    let is_last = index + 1 == items.len() && page.last_evaluated_key.is_none();
                    let next = (!is_last).then(|| partition_key_of(item));
                    return Ok(AccountPage { accounts, next });
                }
            }
            start = page.last_evaluated_key;
            if start.is_none() {
                return Ok(AccountPage { accounts, next: None });
            }
        }
    }

    async fn due_accounts(
        &self,
        status: Option<AccountStatus>,
        limit: usize,
        after: Option<&str>,
    ) -> Result<AccountPage, StoreError> {
        let now = self.store.clock.now();
        let (first, mut cursor) = after.map(|after| self.due_position(after)).transpose()?.unzip();
        let mut accounts = Vec::new();
        let all = self.store.shards.names();
        for shard in all.skip_while(|shard| first.is_some_and(|first| *shard != first)) {
            let mut start = cursor.take();
            loop {
                let wanted = u32::try_from(limit - accounts.len()).unwrap_or(u32::MAX);
                let page = self.store.due_page(shard, now, wanted, start.as_ref()).await?;
                for due in &page.accounts {
                    if let Some(listed) = self.listed_due(*due, status).await? {
                        accounts.push(listed);
                    }
                    if accounts.len() == limit {
                        let DueCursor(cursor) = due_index::cursor_behind(shard, *due);
                        return Ok(AccountPage { accounts, next: Some(format!("{shard}/{cursor}")) });
                    }
                }
                start = page.next;
                if start.is_none() {
                    break;
                }
            }
        }
        Ok(AccountPage { accounts, next: None })
    }

    /// `<shard>/<cursor in it>`
    fn due_position(&self, after: &str) -> Result<(ShardName, DueCursor), StoreError> {
        let parse = || {
            let (shard, cursor) = after.split_once('/')?;
            let shard = shard.parse().ok().filter(|shard| self.store.shards.include(*shard))?;
            Some((shard, DueCursor(cursor.to_owned())))
        };
        parse().ok_or(StoreError::SenselessCursor { reason: "this one names no shard of this deployment" })
    }

    /// The index names the account only; `None` if it is no longer there, or has another status.
    async fn listed_due(
        &self,
        due: DueAccount,
        status: Option<AccountStatus>,
    ) -> Result<Option<Listed>, StoreError> {
        let store = &self.store;
        let request =
            store.client.get_item().table_name(&store.table).set_key(Some(key(&due.account, ACTIVITY)));
        let answer = request.send().await.map_err(|error| store_error("get_item", &store.table, error))?;
        let listed = answer.item.as_ref().map(listed);
        Ok(listed.filter(|listed| match (listed, status) {
            (_, None) => true,
            (Listed::Account { activity, .. }, Some(status)) => activity.status == status,
            (Listed::Unreadable { .. }, Some(_)) => false,
        }))
    }
}

fn listed(item: &Item) -> Listed {
    let partition_key = partition_key_of(item);
    let Some(account) = keys::account_of(&partition_key) else {
        let defect = "pk: expected ACCOUNT#<home account id>".to_owned();
        return Listed::Unreadable { partition_key, defect };
    };
    match activity::decode(item) {
        Ok(kept) => Listed::Account { account, activity: Box::new(kept.value) },
        Err(defect) => Listed::Unreadable { partition_key, defect: defect.to_string() },
    }
}

fn partition_key_of(item: &Item) -> String {
    Reader(item).optional_text(PARTITION_KEY).ok().flatten().unwrap_or_default().to_owned()
}

/// The key of the activity item in this partition, behind which a scan goes on.
fn position(partition_key: &str) -> Result<Item, StoreError> {
    // DynamoDB refuses these, and that would look like a table that is not as it should be.
    if partition_key.is_empty() || partition_key.len() > MAX_PARTITION_KEY_BYTES {
        return Err(StoreError::SenselessCursor { reason: "this one cannot be a key" });
    }
    Ok(Item::from([(PARTITION_KEY.to_owned(), text(partition_key)), (SORT_KEY.to_owned(), text(ACTIVITY))]))
}
