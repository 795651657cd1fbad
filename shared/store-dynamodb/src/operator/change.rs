//! Taking an account out of the sweep, and putting it back.

use super::OperatorTable;
use crate::activity::encode_status;
use crate::erasure::was_done;
use crate::error::conditional;
use crate::expression::Update;
use crate::item::{document, number, seconds, text};
use crate::keys::{
    ACTIVITY, ACTIVITY_DUE_AT, DUE_AT, FAILURE, FAILURE_COUNT, LEASE_OWNER, PARKED_REASON, PARTITION_KEY,
    STATUS, SWEEP_SHARD, TTL, UNPUBLISHED,
};
use crate::store::key;
use domain::account::{AccountStatus, Failure, FailureClass};
use domain::error::StoreError;
use domain::identity::HomeAccountId;

/// Whether there was an account to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Done,
    /// There is no activity item, or only one past its time to live.
    NotThere,
}

impl OperatorTable {
    /// Takes the account out of the due index, with the failure class `parked_by_operator`. A turn under way loses its
    /// lease, so that what it comes to does not undo this. It lasts until [`release`](Self::release) or the user's next
    /// sign-in; `reason` is kept for operators and shown to nobody else.
    ///
    /// Where events wait on the item, it stays in the index until they are out: that is all a parked account's turn does.
    pub async fn park(&self, account: &HomeAccountId, reason: &str) -> Result<Change, StoreError> {
        let failure = Failure {
            class: FailureClass::ParkedByOperator,
            code: None,
            suberror: None,
            claims: None,
            at: self.store.clock.now(),
        };
        // What is removed cannot depend on what is there, so it takes a second update where events wait.
        for stays_in_index in [false, true] {
            let mut update = Update::default();
            update.set(STATUS, encode_status(AccountStatus::NeedsUser));
            update.set(FAILURE, document(&failure));
            update.set(FAILURE_COUNT, number(0));
            update.set(PARKED_REASON, text(reason));
            // As with a sign-in, `lease_until` stays: whoever had the lease may still be redeeming the refresh token.
            update.remove(ACTIVITY_DUE_AT);
            update.remove(LEASE_OWNER);
            let no_events = (!stays_in_index).then(|| {
                update.remove(DUE_AT);
                update.remove(SWEEP_SHARD);
                format!("attribute_not_exists({})", update.name(UNPUBLISHED))
            });
            if self.change("park", account, update, no_events.as_deref()).await? == Change::Done {
                return Ok(Change::Done);
            }
        }
        Ok(Change::NotThere)
    }

    /// Ends any parking and puts the account into the due index, for now. An account that was not parked has its next turn
    /// now. What parked it may park it again.
    pub async fn release(&self, account: &HomeAccountId) -> Result<Change, StoreError> {
        let mut update = Update::default();
        update.set(STATUS, encode_status(AccountStatus::Active));
        update.set(FAILURE_COUNT, number(0));
        update.set(DUE_AT, seconds(self.store.clock.now()));
        update.set(SWEEP_SHARD, text(self.store.shard_of(account)));
        update.remove(FAILURE);
        update.remove(PARKED_REASON);
        self.change("release", account, update, None).await
    }

    /// Does the update where there is an account, and where `more` holds too.
    async fn change(
        &self,
        operation: &'static str,
        account: &HomeAccountId,
        mut update: Update,
        more: Option<&str>,
    ) -> Result<Change, StoreError> {
        let store = &self.store;
        let (partition_key, ttl) = (update.name(PARTITION_KEY), update.name(TTL));
        let now = update.value("now", number(store.now_seconds()));
        let mut condition = format!("attribute_exists({partition_key}) AND NOT ({ttl} <= {now})");
        if let Some(more) = more {
            condition = format!("{condition} AND {more}");
        }
        let request = store
            .client
            .update_item()
            .table_name(&store.table)
            .set_key(Some(key(account, ACTIVITY)))
            .update_expression(update.expression())
            .condition_expression(condition)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values));
        let outcome = conditional(operation, &store.table, request.send().await)?;
        Ok(if was_done(&outcome) { Change::Done } else { Change::NotThere })
    }
}
