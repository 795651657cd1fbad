//! Many items at once.

use super::SeedError;
use super::items::{Item, counts};
use aws_sdk_dynamodb::types::{KeysAndAttributes, PutRequest, WriteRequest};
use domain::ports::Timer;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use std::collections::{HashMap, HashSet};
use time::{Duration, OffsetDateTime};

/// The most of one `BatchGetItem` and of one `BatchWriteItem`.
const READ_AT_ONCE: usize = 100;
const WRITTEN_AT_ONCE: usize = 25;
/// Requests under way at once.
const CONCURRENCY: usize = 4;
/// How often what a server left undone is asked for again, and the first pause before that.
const ATTEMPTS: u32 = 12;
const PAUSE: Duration = Duration::milliseconds(50);
const LONGEST_PAUSE: Duration = Duration::seconds(5);

pub(super) struct SeedTable<'a> {
    pub(super) client: &'a aws_sdk_dynamodb::Client,
    pub(super) name: &'a str,
    pub(super) timer: &'a dyn Timer,
}

/// Partition and sort key as one text.
pub(super) fn name(item: &Item) -> String {
    let part = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
    format!("{} {}", part("pk"), part("sk"))
}

impl SeedTable<'_> {
    /// Those of the keys under which an item lies that counts.
    pub(super) async fn present(
        &self,
        keys: Vec<Item>,
        now: OffsetDateTime,
    ) -> Result<HashSet<String>, SeedError> {
        let batches: Vec<Vec<Item>> = keys.chunks(READ_AT_ONCE).map(<[Item]>::to_vec).collect();
        let found: Vec<Vec<Item>> = stream::iter(batches)
            .map(|batch| self.read(batch))
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        Ok(found.iter().flatten().filter(|item| counts(item, now)).map(name).collect())
    }

    pub(super) async fn put(&self, items: Vec<Item>) -> Result<(), SeedError> {
        let batches: Vec<Vec<Item>> = items.chunks(WRITTEN_AT_ONCE).map(<[Item]>::to_vec).collect();
        stream::iter(batches)
            .map(|batch| self.write(batch))
            .buffer_unordered(CONCURRENCY)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }

    async fn read(&self, mut keys: Vec<Item>) -> Result<Vec<Item>, SeedError> {
        let mut found = Vec::with_capacity(keys.len());
        for attempt in 0..ATTEMPTS {
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(keys))
                .projection_expression("pk, sk, #ttl")
                .expression_attribute_names("#ttl", "ttl")
                .build()
                .map_err(SeedError::table("read"))?;
            let request = self.client.batch_get_item().request_items(self.name, wanted);
            let answer = request.send().await.map_err(SeedError::table("read"))?;
            found.extend(answer.responses.unwrap_or_default().remove(self.name).unwrap_or_default());
            keys = answer
                .unprocessed_keys
                .unwrap_or_default()
                .remove(self.name)
                .map(|rest| rest.keys)
                .unwrap_or_default();
            if keys.is_empty() {
                return Ok(found);
            }
            self.wait(attempt).await;
        }
        Err(left_undone("read"))
    }

    async fn write(&self, items: Vec<Item>) -> Result<(), SeedError> {
        let put = |item| {
            let put =
                PutRequest::builder().set_item(Some(item)).build().map_err(SeedError::table("written"))?;
            Ok::<_, SeedError>(WriteRequest::builder().put_request(put).build())
        };
        let mut writes: Vec<WriteRequest> = items.into_iter().map(put).collect::<Result<_, _>>()?;
        for attempt in 0..ATTEMPTS {
            let wanted = HashMap::from([(self.name.to_owned(), writes)]);
            let request = self.client.batch_write_item().set_request_items(Some(wanted));
            let answer = request.send().await.map_err(SeedError::table("written"))?;
            writes = answer.unprocessed_items.unwrap_or_default().remove(self.name).unwrap_or_default();
            if writes.is_empty() {
                return Ok(());
            }
            self.wait(attempt).await;
        }
        Err(left_undone("written"))
    }

    async fn wait(&self, attempt: u32) {
        self.timer.wait(PAUSE.saturating_mul(1 << attempt.min(16)).min(LONGEST_PAUSE)).await;
    }
}

fn left_undone(action: &'static str) -> SeedError {
    SeedError::Table { action, reason: format!("it left items undone {ATTEMPTS} times; it has no capacity") }
}
