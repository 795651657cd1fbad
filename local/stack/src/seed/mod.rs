//! `cargo local seed`: accounts by the thousand, in the table and at the emulator.

mod control;
mod items;
mod plan;
mod table;

use crate::attached::{AttachError, Attached, Needs};
use crate::settings::{Authority, Database};
use aws_sdk_dynamodb::error::DisplayErrorContext;
use control::EmulatorControl;
use domain::error::SealingError;
use domain::services::Services;
use futures::stream::{self, StreamExt as _};
use plan::{Plan, Planned};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use table::SeedTable;
use wiring::Environment;

/// Accounts that are made together: one request to the emulator for all of them.
const CHUNK: u32 = 1_000;
/// Chunks under way at once.
const CHUNKS_AT_ONCE: usize = 2;

/// What to make.
#[derive(Debug, Clone, Copy)]
pub struct SeedOptions {
    pub accounts: u32,
    /// Over how many tenants they are spread: 1 to 100.
    pub tenants: u16,
    /// Their first turns are spread over so many seconds from now on; 0 makes all due at once.
    pub due_within_seconds: u32,
    /// How many of a hundred users are revoked, so that their first turn parks them: 0 to 100.
    pub revoked_percent: u8,
    /// Fixes who is revoked and when each is due.
    pub seed: u64,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SeedStep {
    /// Accounts that are as they should be, made now or there before.
    pub done: u32,
    /// Of these, made now.
    pub added: u32,
    /// Of these, revoked.
    pub revoked: u32,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedReport {
    pub step: SeedStep,
    /// It was asked to stop before the end; the next run adds the rest.
    pub stopped: bool,
    pub table: String,
}

/// Why accounts were not made.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error("expected 1 to 10000000 accounts in 1 to 100 tenants, of which 0 to 100 percent are revoked")]
    Options,
    #[error(
        "accounts are made for the emulator, but ENTRA_AUTHORITY_HOST, ENTRA_TENANT_ID or ENTRA_CLIENT_ID names an \
         authority of your own, which would not know them"
    )]
    OwnAuthority,
    #[error(
        "made-up accounts are not written to a table at Amazon: set AWS_ENDPOINT_URL_DYNAMODB to another server, or leave \
         TABLE_NAME away"
    )]
    AtAmazon,
    #[error(transparent)]
    Attach(#[from] AttachError),
    #[error("the emulator did not issue refresh tokens")]
    Emulator(#[source] reqwest::Error),
    #[error("the emulator issued {got} refresh tokens where {expected} were asked for")]
    Answer { got: usize, expected: usize },
    #[error(transparent)]
    Sealing(#[from] SealingError),
    #[error("the table cannot be {action}: {reason}")]
    Table { action: &'static str, reason: String },
}

impl SeedError {
    fn table<E>(action: &'static str) -> impl FnOnce(E) -> Self
    where
        E: std::error::Error + 'static,
    {
        move |error| Self::Table { action, reason: DisplayErrorContext(error).to_string() }
    }
}

/// Adds what is missing of the first `options.accounts` accounts of the emulator's crowd; `hear` hears how far it is. Turns
/// to its end soon after `stop` turned true: what was begun is finished, and another run goes on from there.
pub async fn seed(
    environment: &Environment,
    folder: &Path,
    options: SeedOptions,
    stop: &AtomicBool,
    hear: &(dyn Fn(SeedStep) + Sync),
) -> Result<SeedReport, SeedError> {
    if !(1..=10_000_000).contains(&options.accounts)
        || !(1..=100).contains(&options.tenants)
        || options.revoked_percent > 100
    {
        return Err(SeedError::Options);
    }
    if Authority::of(environment) == Authority::Foreign {
        return Err(SeedError::OwnAuthority);
    }
    if Database::of(environment) == Database::Amazon {
        return Err(SeedError::AtAmazon);
    }
    let attached = Attached::open(environment, folder, Needs::TableAndEmulator).await?;
    let report = fill(&attached, options, stop, hear).await;
    attached.close().await;
    report
}

async fn fill(
    attached: &Attached,
    options: SeedOptions,
    stop: &AtomicBool,
    hear: &(dyn Fn(SeedStep) + Sync),
) -> Result<SeedReport, SeedError> {
    let emulator = attached.emulator.clone().ok_or(SeedError::OwnAuthority)?;
    let services = &attached.services;
    let seeder = Seeder {
        services,
        table: SeedTable { client: &attached.client, name: &attached.table, timer: services.timer.as_ref() },
        emulator: EmulatorControl::new(emulator, services.settings.client_id.to_string()),
        plan: Plan {
            home_tenant: entra_emulator::TENANT_ID.parse().expect("the sample's tenant id is a GUID"),
            tenants: options.tenants,
            due_within_seconds: options.due_within_seconds,
            revoked_percent: options.revoked_percent,
            seed: options.seed,
        },
    };
    let mut sum = SeedStep::default();
    let first_numbers = (1..=options.accounts).step_by(CHUNK as usize);
    let chunks = stream::iter(first_numbers)
        .take_while(|_| std::future::ready(!stop.load(Ordering::Relaxed)))
        .map(|first| seeder.chunk(first, (first + CHUNK - 1).min(options.accounts)))
        .buffer_unordered(CHUNKS_AT_ONCE);
    let mut chunks = std::pin::pin!(chunks);
    while let Some(done) = chunks.next().await {
        let done = done?;
        sum.done += done.done;
        sum.added += done.added;
        sum.revoked += done.revoked;
        hear(sum);
    }
    Ok(SeedReport { step: sum, stopped: sum.done < options.accounts, table: attached.table.clone() })
}

struct Seeder<'a> {
    services: &'a Services,
    table: SeedTable<'a>,
    emulator: EmulatorControl,
    plan: Plan,
}

/// An account, and which of its items are missing.
struct Missing {
    planned: Planned,
    tokens: bool,
    activity: bool,
}

impl Seeder<'_> {
    async fn chunk(&self, first: u32, last: u32) -> Result<SeedStep, SeedError> {
        let planned: Vec<Planned> = (first..=last).map(|number| self.plan.account(number)).collect();
        let missing = self.missing(planned).await?;
        let without_tokens: Vec<&Planned> =
            missing.iter().filter(|one| one.tokens).map(|one| &one.planned).collect();
        let names: Vec<&str> = without_tokens.iter().map(|one| one.user_principal_name.as_str()).collect();
        let issued = self.emulator.refresh_tokens(&names).await?;
        // Before anything is written: a run that ends in between must not leave an account that should be parked and is not.
        let revoked: Vec<&str> = without_tokens
            .iter()
            .filter(|one| one.revoked)
            .map(|one| one.user_principal_name.as_str())
            .collect();
        if !revoked.is_empty() {
            self.emulator.revoke(&revoked).await?;
        }
        let now = self.services.clock.now();
        let mut items = Vec::with_capacity(missing.len() * 2);
        let mut issued = issued.into_iter();
        for one in &missing {
            if let (true, Some(token)) = (one.tokens, one.tokens.then(|| issued.next()).flatten()) {
                items.push(items::tokens(self.services, &one.planned, &token, now).await?);
            }
            if one.activity {
                items.push(items::activity(self.services, &one.planned, now));
            }
        }
        self.table.put(items).await?;
        let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
        Ok(SeedStep { done: last - first + 1, added: count(missing.len()), revoked: count(revoked.len()) })
    }

    /// The accounts of which something is missing.
    async fn missing(&self, planned: Vec<Planned>) -> Result<Vec<Missing>, SeedError> {
        let keys = planned.iter().flat_map(|one| items::keys(self.services, &one.account)).collect();
        let present = self.table.present(keys, self.services.clock.now()).await?;
        Ok(planned
            .into_iter()
            .map(|planned| {
                let [tokens, activity] = items::keys(self.services, &planned.account)
                    .map(|key| !present.contains(&table::name(&key)));
                Missing { planned, tokens, activity }
            })
            .filter(|one| one.tokens || one.activity)
            .collect())
    }
}
