//! The activity item: when the user was here last, and the turn that follows from it.

use crate::error::{Conditional, conditional};
use crate::expression::Update;
use crate::item::{Defect, Item, Reader, epoch_milliseconds, number, seconds, text};
use crate::keys::{
    ACTIVITY, ACTIVITY_DUE_AT, BEGUN_AT, DUE_AT, FAILURE, FAILURE_COUNT, LAST_ACTIVITY, LAST_SWEEP,
    LEASE_OWNER, LEASE_UNTIL, OBJECT_ID, PARTITION_KEY, SORT_KEY, STATUS, SWEEP_SHARD, TENANT_ID, TTL,
    UNPUBLISHED, USER_PRINCIPAL_NAME,
};
use crate::load::Kept;
use crate::store::{DynamoDbAccountStore, key};
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue, ReturnValuesOnConditionCheckFailure};
use domain::account::{AccountActivity, AccountStatus, Lease};
use domain::error::StoreError;
use domain::identity::{HomeAccountId, UserPrincipalName};
use domain::ports::ActivityUpdate;

const OPERATION: &str = "record_activity";

/// The largest value of an index's partition key, in bytes.
const MAX_INDEX_KEY_BYTES: usize = 2048;

pub(crate) fn decode(item: &Item) -> Result<Kept<AccountActivity>, Defect> {
    let reader = Reader(item);
    let lease = match (reader.optional_text(LEASE_OWNER)?, reader.optional_seconds(LEASE_UNTIL)?) {
        (Some(owner), Some(until)) => Some(Lease { owner: owner.to_owned(), until }),
        _ => None,
    };
    let activity = AccountActivity {
        tenant_id: reader.parsed(TENANT_ID, "a tenant id (GUID)")?,
        object_id: reader.parsed(OBJECT_ID, "an object id (GUID)")?,
        user_principal_name: reader.optional_text(USER_PRINCIPAL_NAME)?.map(UserPrincipalName::new),
        last_activity: reader.seconds(LAST_ACTIVITY)?,
        status: decode_status(reader)?,
        failure: reader.optional_document(FAILURE)?,
        failure_count: reader.optional_number(FAILURE_COUNT)?.unwrap_or(0),
        last_sweep: reader.optional_document(LAST_SWEEP)?,
        due_at: reader.optional_seconds(DUE_AT)?,
        lease,
        // Not worth the account's turns when it cannot be read.
        unpublished: reader.optional_document(UNPUBLISHED).ok().flatten().unwrap_or_default(),
        expires_at: reader.seconds(TTL)?,
    };
    Kept::new(activity, reader)
}

pub(crate) fn encode_status(status: AccountStatus) -> AttributeValue {
    crate::item::document(&status)
}

fn decode_status(reader: Reader<'_>) -> Result<AccountStatus, Defect> {
    reader.document(STATUS)
}

/// What was there before an update.
enum Before {
    Nothing,
    /// Corrupt or past its time: the update has mixed new values with old ones that must not count.
    NotCounting,
    Counting,
}

impl DynamoDbAccountStore {
    /// One request for an account that is known, two for a new one. More only where requests of one user overtake each
    /// other, or the item is parked, past its time or corrupt.
    pub(crate) async fn write_activity(
        &self,
        account: &HomeAccountId,
        activity: &ActivityUpdate,
    ) -> Result<(), StoreError> {
        match self.update_activity(account, activity).await? {
            Conditional::Done(Before::Counting) => Ok(()),
            Conditional::Done(Before::NotCounting) => self.replace_activity(account, activity).await,
            Conditional::Done(Before::Nothing) => {
                let begun_at = epoch_milliseconds(activity.last_activity);
                self.take_back_if_erased(account, ACTIVITY, begun_at).await?;
                Ok(())
            }
            Conditional::Refused(present) => {
                let present = present.as_ref().and_then(|item| decode(item).ok());
                let Some(present) = present.filter(|kept| !kept.expired(self.now_seconds())) else {
                    return self.replace_activity(account, activity).await;
                };
                let later =
                    present.value.last_activity.unix_timestamp() > activity.last_activity.unix_timestamp();
                match (later, activity.returned) {
                    // Somebody has written a later one.
                    (true, false) => Ok(()),
                    (true, true) => self.revive(account, activity).await,
                    // Parked, and not by this sign-in to be brought back.
                    (false, _) => self.touch_parked(account, activity).await,
                }
            }
        }
    }

    async fn update_activity(
        &self,
        account: &HomeAccountId,
        activity: &ActivityUpdate,
    ) -> Result<Conditional<Before>, StoreError> {
        let mut update = Update::default();
        set_presence(&mut update, activity);
        if activity.returned {
            set_returned(&mut update);
        } else {
            update.set_if_absent(STATUS, encode_status(AccountStatus::Active));
            update.set_if_absent(FAILURE_COUNT, number(0));
        }
        self.set_turn(&mut update, account, activity);
        let mut condition = not_overtaken(&mut update, activity);
        if activity.due_at.is_some() && !activity.returned {
            let status = update.name(STATUS);
            let parked = update.value("parked", encode_status(AccountStatus::NeedsUser));
            condition = format!("{condition} AND NOT ({status} = {parked})");
        }
        Ok(match self.send_activity(account, update, condition).await? {
            Conditional::Refused(present) => Conditional::Refused(present),
            Conditional::Done(old) => Conditional::Done(match old {
                None => Before::Nothing,
                // DynamoDB answers nothing where there was nothing; the embedded server answers the key.
                Some(old) if old.keys().all(|name| name == PARTITION_KEY || name == SORT_KEY) => {
                    Before::Nothing
                }
                Some(old) => match self.readable(ACTIVITY, decode(&old)) {
                    Some(kept) if !kept.expired(self.now_seconds()) => Before::Counting,
                    _ => Before::NotCounting,
                },
            }),
        })
    }

    /// Notes that the user was here, and leaves the account out of the index.
    async fn touch_parked(
        &self,
        account: &HomeAccountId,
        activity: &ActivityUpdate,
    ) -> Result<(), StoreError> {
        let mut update = Update::default();
        set_presence(&mut update, activity);
        update.set_if_absent(STATUS, encode_status(AccountStatus::Active));
        let condition = not_overtaken(&mut update, activity);
        self.send_activity(account, update, condition).await?;
        Ok(())
    }

    /// A sign-in that was overtaken by a later request still ends the parking.
    async fn revive(&self, account: &HomeAccountId, activity: &ActivityUpdate) -> Result<(), StoreError> {
        let mut update = Update::default();
        set_returned(&mut update);
        self.set_turn(&mut update, account, activity);
        let (partition_key, status) = (update.name(PARTITION_KEY), update.name(STATUS));
        let active = update.value(STATUS, encode_status(AccountStatus::Active));
        let condition = format!("attribute_exists({partition_key}) AND NOT ({status} = {active})");
        self.send_activity(account, update, condition).await?;
        Ok(())
    }

    /// Writes the whole item anew.
    async fn replace_activity(
        &self,
        account: &HomeAccountId,
        activity: &ActivityUpdate,
    ) -> Result<(), StoreError> {
        let mut update = Update::default();
        set_presence(&mut update, activity);
        update.set(STATUS, encode_status(AccountStatus::Active));
        update.set(FAILURE_COUNT, number(0));
        self.set_turn(&mut update, account, activity);
        let mut item = key(account, ACTIVITY);
        item.extend(update.into_attributes());
        let mut condition = Update::default();
        let expression = not_overtaken(&mut condition, activity);
        let request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression(expression)
            .set_expression_attribute_names(Some(condition.names))
            .set_expression_attribute_values(Some(condition.values));
        conditional(OPERATION, &self.table, request.send().await)?;
        Ok(())
    }

    /// Names the next turn and puts the account in the index for it.
    fn set_turn(&self, update: &mut Update, account: &HomeAccountId, activity: &ActivityUpdate) {
        if let Some(due_at) = activity.due_at {
            update.set(DUE_AT, seconds(due_at));
            update.set(ACTIVITY_DUE_AT, seconds(due_at));
            update.set(SWEEP_SHARD, text(self.shard_of(account)));
        }
    }

    async fn send_activity(
        &self,
        account: &HomeAccountId,
        update: Update,
        condition: String,
    ) -> Result<Conditional<Option<Item>>, StoreError> {
        let request = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(account, ACTIVITY)))
            .update_expression(update.expression())
            .condition_expression(condition)
            .set_expression_attribute_names(Some(update.names))
            .set_expression_attribute_values(Some(update.values))
            .return_values(ReturnValue::AllOld)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        Ok(match conditional(OPERATION, &self.table, request.send().await)? {
            // AWS answers nothing for an item that was not there; the embedded server answers its two keys.
            Conditional::Done(output) => Conditional::Done(output.attributes.filter(|old| old.len() > 2)),
            Conditional::Refused(present) => Conditional::Refused(present),
        })
    }
}

/// Who was here, when, and until when that is kept.
fn set_presence(update: &mut Update, activity: &ActivityUpdate) {
    update.set(TENANT_ID, text(activity.tenant_id.to_string()));
    update.set(OBJECT_ID, text(activity.object_id.to_string()));
    update.set(LAST_ACTIVITY, seconds(activity.last_activity));
    update.set(BEGUN_AT, number(epoch_milliseconds(activity.last_activity)));
    update.set(TTL, seconds(activity.expires_at));
    let name = activity.user_principal_name.as_ref().map(UserPrincipalName::as_str);
    // An index key that DynamoDB does not take would cost the whole write.
    if let Some(name) = name.filter(|name| !name.is_empty() && name.len() <= MAX_INDEX_KEY_BYTES) {
        update.set(USER_PRINCIPAL_NAME, text(name));
    }
}

/// A new sign-in ends parking and failures. It also takes a lease from its owner: what a worker finds out with the tokens from
/// before says nothing about the new ones, so that worker must not be able to park the account. Until the lease would have
/// ended nobody else gets one, because that worker may still be redeeming the refresh token.
fn set_returned(update: &mut Update) {
    update.set(STATUS, encode_status(AccountStatus::Active));
    update.set(FAILURE_COUNT, number(0));
    for attribute in [FAILURE, LEASE_OWNER] {
        update.remove(attribute);
    }
}

/// Holds unless a later activity is noted already. Written with NOT, so that it holds for a corrupt attribute, too.
fn not_overtaken(update: &mut Update, activity: &ActivityUpdate) -> String {
    let name = update.name(LAST_ACTIVITY);
    let value = update.value(LAST_ACTIVITY, seconds(activity.last_activity));
    format!("NOT ({name} > {value})")
}
