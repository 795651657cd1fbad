//! The profile item: the latest snapshot wins.

use crate::error::{Conditional, conditional};
use crate::item::{Defect, Item, Reader, document, epoch_milliseconds, number, seconds, text};
use crate::keys::{BEGUN_AT, ETAG, PROFILE, PROFILE_DATA, REFRESHED_AT, TTL};
use crate::load::Kept;
use crate::store::{DynamoDbAccountStore, key};
use aws_sdk_dynamodb::types::ReturnValue;
use domain::error::StoreError;
use domain::identity::HomeAccountId;
use domain::profile::ProfileSnapshot;
use time::OffsetDateTime;

pub(crate) fn decode(item: &Item) -> Result<Kept<ProfileSnapshot>, Defect> {
    let reader = Reader(item);
    let snapshot = ProfileSnapshot {
        profile: reader.document(PROFILE_DATA)?,
        etag: reader.optional_text(ETAG)?.map(str::to_owned),
        refreshed_at: reader.seconds(REFRESHED_AT)?,
    };
    Kept::new(snapshot, reader)
}

impl DynamoDbAccountStore {
    /// One request, two for the first snapshot of an account.
    pub(crate) async fn write_profile(
        &self,
        account: &HomeAccountId,
        snapshot: &ProfileSnapshot,
        expires_at: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let begun_at = epoch_milliseconds(snapshot.refreshed_at);
        let mut request = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(key(account, PROFILE)))
            .item(PROFILE_DATA, document(&snapshot.profile))
            .item(REFRESHED_AT, seconds(snapshot.refreshed_at))
            .item(BEGUN_AT, number(begun_at))
            .item(TTL, seconds(expires_at))
            .condition_expression("NOT (#begun_at > :begun_at)")
            .expression_attribute_names("#begun_at", BEGUN_AT)
            .expression_attribute_values(":begun_at", number(begun_at))
            .return_values(ReturnValue::AllOld);
        if let Some(etag) = &snapshot.etag {
            request = request.item(ETAG, text(etag.as_str()));
        }
        if let Conditional::Done(output) = conditional("put_profile", &self.table, request.send().await)?
            && output.attributes.is_none_or(|old| old.is_empty())
        {
            self.take_back_if_erased(account, PROFILE, begun_at).await?;
        }
        Ok(())
    }
}
