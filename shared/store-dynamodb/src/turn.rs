//! The sweep's turns: taking an account, and letting go of it.

use crate::activity::{self, encode_status};
use crate::erasure::was_done;
use crate::error::{Conditional, conditional};
use crate::expression::Update;
use crate::item::{document, number, seconds, seconds_rounded_up, text};
use crate::keys::{
    ACTIVITY, ACTIVITY_DUE_AT, DUE_AT, FAILURE, FAILURE_COUNT, LAST_SWEEP, LEASE_OWNER, LEASE_UNTIL, STATUS,
    SWEEP_SHARD, TTL, UNPUBLISHED,
};
use crate::store::{DynamoDbAccountStore, key};
use aws_sdk_dynamodb::operation::update_item::UpdateItemOutput;
use aws_sdk_dynamodb::types::ReturnValue;
use domain::account::{DueAccount, Lease};
use domain::error::StoreError;
use domain::identity::HomeAccountId;
use domain::ports::{Claim, TurnEnd};
use time::{Duration, OffsetDateTime};

/// A lease that ends later than this was not given by a worker whose clock is right: a day, where leases take minutes. It
/// counts as none, or the account would wait for it for ever.
const FARTHEST_LEASE: Duration = Duration::DAY;

impl DynamoDbAccountStore {
    /// One request, whose condition makes duplicate deliveries and parallel workers harmless.
    pub(crate) async fn claim_turn(
        &self,
        due: DueAccount,
        lease: &Lease,
        now: OffsetDateTime,
    ) -> Result<Claim, StoreError> {
        let mut update = Update::default();
        update.set(LEASE_OWNER, text(lease.owner.as_str()));
        update.set(LEASE_UNTIL, seconds_rounded_up(lease.until));
        // Whatever is under this name when the turn ends came during the turn.
        update.remove(ACTIVITY_DUE_AT);
        let (due_at, claimed) = (update.name(DUE_AT), update.value(DUE_AT, seconds(due.due_at)));
        let (until, ttl) = (update.name(LEASE_UNTIL), update.name(TTL));
        let farthest = update.value("farthest", seconds(now + FARTHEST_LEASE));
        let now = update.value("now", seconds(now));
        // Written with NOT, so that it holds without a lease, and with one that is no time at all.
        let condition = format!(
            "{due_at} = {claimed} AND NOT ({until} BETWEEN {now} AND {farthest}) AND NOT ({ttl} <= {now})"
        );
        let output = match self.update_turn("claim", &due.account, update, condition).await? {
            Conditional::Done(output) => output,
            Conditional::Refused(_) => return Ok(Claim::Lost),
        };
        let claimed = output.attributes.unwrap_or_default();
        if let Some(kept) = self.readable(ACTIVITY, activity::decode(&claimed)) {
            return Ok(Claim::Taken(Box::new(kept.value)));
        }
        self.remove_from_index(&due.account, &lease.owner).await?;
        Ok(Claim::Lost)
    }

    /// A corrupt item cannot have turns; the user's next activity writes it anew. Left in the index, it would be claimed
    /// in vain for ever.
    async fn remove_from_index(&self, account: &HomeAccountId, owner: &str) -> Result<(), StoreError> {
        let mut update = Update::default();
        for attribute in [DUE_AT, SWEEP_SHARD, LEASE_OWNER, LEASE_UNTIL] {
            update.remove(attribute);
        }
        let condition = owned_by(&mut update, owner);
        self.update_turn("claim", account, update, condition).await?;
        Ok(())
    }

    /// One request. A turn that the user's activity asked for meanwhile wins over the one that `end` names.
    pub(crate) async fn end_turn(
        &self,
        account: &HomeAccountId,
        owner: &str,
        end: &TurnEnd,
    ) -> Result<bool, StoreError> {
        let mut update = Update::default();
        update.set(STATUS, encode_status(end.status));
        update.set(FAILURE_COUNT, number(end.failure_count));
        update.set(LAST_SWEEP, document(&end.last_sweep));
        update.set(TTL, seconds(end.expires_at));
        match &end.failure {
            Some(failure) => update.set(FAILURE, document(failure)),
            None => update.remove(FAILURE),
        }
        if end.unpublished.is_empty() {
            update.remove(UNPUBLISHED);
        } else {
            update.set(UNPUBLISHED, document(&end.unpublished));
        }
        if let Some(due_at) = end.due_at {
            update.set_from(DUE_AT, ACTIVITY_DUE_AT, seconds(due_at));
            update.set(SWEEP_SHARD, text(self.shard_of(account)));
        } else {
            update.remove(DUE_AT);
            update.remove(SWEEP_SHARD);
        }
        for attribute in [ACTIVITY_DUE_AT, LEASE_OWNER, LEASE_UNTIL] {
            update.remove(attribute);
        }
        let condition = owned_by(&mut update, owner);
        Ok(was_done(&self.update_turn("finish_turn", account, update, condition).await?))
    }

    async fn update_turn(
        &self,
        operation: &'static str,
        account: &HomeAccountId,
        update: Update,
        condition: String,
    ) -> Result<Conditional<UpdateItemOutput>, StoreError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(account, ACTIVITY)))
            .update_expression(update.expression())
            .condition_expression(condition)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values((!update.values.is_empty()).then_some(update.values))
            .return_values(ReturnValue::AllNew);
        conditional(operation, &self.table, request.send().await)
    }
}

fn owned_by(update: &mut Update, owner: &str) -> String {
    let (name, value) = (update.name(LEASE_OWNER), update.value("owner", text(owner)));
    format!("{name} = {value}")
}
