//! The two items of an account as a sign-in leaves them. The names are the table's contract (`docs/data-model.md`); a test
//! compares them with what the store itself writes.

use super::SeedError;
use super::plan::Planned;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use domain::identity::HomeAccountId;
use domain::services::Services;
use msal_cache::{TokenGrant, UnifiedCache};
use serde_json::json;
use std::collections::HashMap;
use store_dynamodb::shard_of;
use time::{Duration, OffsetDateTime};

pub(super) type Item = HashMap<String, AttributeValue>;

/// How long the emulator's refresh tokens live.
const REFRESH_LIFETIME: Duration = Duration::days(90);

pub(super) const ACTIVITY: &str = "ACTIVITY";

/// The keys of the token item and of the activity item.
pub(super) fn keys(services: &Services, account: &HomeAccountId) -> [Item; 2] {
    let place = services.store.token_item(account);
    [key(&place.partition_key, &place.sort_key), key(&place.partition_key, ACTIVITY)]
}

fn key(partition_key: &str, sort_key: &str) -> Item {
    Item::from([("pk".to_owned(), text(partition_key)), ("sk".to_owned(), text(sort_key))])
}

/// A sealed cache that holds this refresh token and nothing else that could be used.
pub(super) async fn tokens(
    services: &Services,
    planned: &Planned,
    refresh_token: &str,
    now: OffsetDateTime,
) -> Result<Item, SeedError> {
    let account = planned.account;
    let address = services.store.token_item(&account);
    let cache = cache(services, planned, refresh_token, now);
    let sealed = services.sealer.seal(&address, &cache.to_bytes_at(now.unix_timestamp())).await?;
    let mut item = key(&address.partition_key, &address.sort_key);
    item.extend([
        ("blob".to_owned(), AttributeValue::B(Blob::new(sealed))),
        ("version".to_owned(), number(1)),
        ("begun_at".to_owned(), milliseconds(now)),
        ("ttl".to_owned(), seconds(now + services.settings.token_cache_ttl)),
    ]);
    Ok(item)
}

fn cache(services: &Services, planned: &Planned, refresh_token: &str, now: OffsetDateTime) -> UnifiedCache {
    let HomeAccountId { object_id, tenant_id } = planned.account;
    let client_info =
        BASE64_URL_SAFE_NO_PAD.encode(json!({ "uid": object_id, "utid": tenant_id }).to_string());
    let mut cache = UnifiedCache::default();
    let issued_at = now.unix_timestamp();
    cache.record(&TokenGrant {
        home_account_id: &planned.account.to_string(),
        environment: &services.settings.cache_environment,
        client_id: &services.settings.client_id.to_string(),
        realm: &tenant_id.to_string(),
        local_account_id: &object_id.to_string(),
        username: Some(&planned.user_principal_name),
        name: Some(&planned.display_name),
        client_info: Some(&client_info),
        // Past its time, so that it is dropped: the first turn has to redeem the refresh token.
        access_token: "",
        scopes: services.settings.graph_scopes.without_reserved().as_slice(),
        cached_at: issued_at,
        expires_on: issued_at - 1,
        extended_expires_on: issued_at - 1,
        refresh_on: None,
        refresh_token: Some(refresh_token),
        refresh_token_expires_on: Some((now + REFRESH_LIFETIME).unix_timestamp()),
        id_token: None,
        obtained_for: None,
    });
    cache
}

/// The activity of a user who was here one idle threshold before the account's turn, or just now.
pub(super) fn activity(services: &Services, planned: &Planned, now: OffsetDateTime) -> Item {
    let due_at = now + Duration::seconds(planned.due_in.into());
    let [_, mut item] = keys(services, &planned.account);
    let HomeAccountId { object_id, tenant_id } = planned.account;
    let last_activity = now.min(due_at - services.settings.sweep.idle);
    item.extend([
        ("tenant_id".to_owned(), text(&tenant_id.to_string())),
        ("object_id".to_owned(), text(&object_id.to_string())),
        ("user_principal_name".to_owned(), text(&planned.user_principal_name)),
        ("last_activity".to_owned(), seconds(last_activity)),
        ("begun_at".to_owned(), milliseconds(now)),
        ("ttl".to_owned(), seconds(now + services.settings.token_cache_ttl)),
        ("status".to_owned(), text("active")),
        ("failure_count".to_owned(), number(0)),
        ("due_at".to_owned(), seconds(due_at)),
        ("activity_due_at".to_owned(), seconds(due_at)),
        (
            "sweep_shard".to_owned(),
            text(&shard_of(&planned.account, services.settings.sweep.shards).to_string()),
        ),
    ]);
    item
}

/// Whether an item counts: DynamoDB deletes late.
pub(super) fn counts(item: &Item, now: OffsetDateTime) -> bool {
    let end = item.get("ttl").and_then(|ttl| ttl.as_n().ok()?.parse::<i64>().ok());
    end.is_some_and(|end| end > now.unix_timestamp())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn seconds(time: OffsetDateTime) -> AttributeValue {
    number(time.unix_timestamp())
}

fn milliseconds(time: OffsetDateTime) -> AttributeValue {
    number(time.unix_timestamp() * 1_000 + i64::from(time.millisecond()))
}
