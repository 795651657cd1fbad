//! The accounts of a run: who they are, what happened to some of them before the first turn, and what must come of each.

use crate::error::{SoakError, cannot, promise};
use domain::account::{AccountActivity, AccountRecord, AccountStatus, FailureClass};
use domain::identity::{HomeAccountId, ObjectId, TenantId};
use domain::services::Services;
use entra_emulator::{CrowdMember, TENANT_ID, UserAction};
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use stack::{SeedOptions, Stack};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use time::OffsetDateTime;
use uuid::Uuid;

/// Over how many tenants the accounts are spread: brakes and authorities are by tenant.
const TENANTS: u16 = 10;
/// Accounts read or changed at once.
const AT_ONCE: usize = 16;
/// Users that the emulator changes in one go.
const CHUNK: usize = 1_000;

/// What became of a user while away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fate {
    /// Nothing: is to be acted for in every turn.
    Well,
    Revoked,
    Disabled,
    MfaRequired,
    ConsentWithdrawn,
    /// The token item is past its time.
    NoTokens,
}

impl Fate {
    /// So many of a thousand accounts have each.
    const SHARES: [(Self, u64); 5] = [
        (Self::Revoked, 10),
        (Self::Disabled, 5),
        (Self::MfaRequired, 5),
        (Self::ConsentWithdrawn, 5),
        (Self::NoTokens, 10),
    ];

    fn draw(rng: &mut fastrand::Rng) -> Self {
        let mut drawn = rng.u64(0..1_000);
        for (fate, share) in Self::SHARES {
            if drawn < share {
                return fate;
            }
            drawn -= share;
        }
        Self::Well
    }

    fn action(self) -> Option<UserAction> {
        match self {
            Self::Revoked => Some(UserAction::Revoke),
            Self::Disabled => Some(UserAction::Disable),
            Self::MfaRequired => Some(UserAction::RequireMfa),
            Self::ConsentWithdrawn => Some(UserAction::WithdrawConsent),
            Self::Well | Self::NoTokens => None,
        }
    }

    /// The class and the AADSTS number that the account is to be parked with; `None`: it is not to be parked.
    fn parked_with(self) -> Option<(FailureClass, Option<u32>)> {
        match self {
            Self::Well => None,
            Self::Revoked => Some((FailureClass::UserNeeded, Some(50_173))),
            Self::Disabled => Some((FailureClass::UserNeeded, Some(50_057))),
            Self::MfaRequired => Some((FailureClass::UserNeeded, Some(50_076))),
            Self::ConsentWithdrawn => Some((FailureClass::UserNeeded, Some(65_001))),
            Self::NoTokens => Some((FailureClass::MissingTokens, None)),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Well => "well",
            Self::Revoked => "revoked",
            Self::Disabled => "disabled",
            Self::MfaRequired => "MFA required",
            Self::ConsentWithdrawn => "consent withdrawn",
            Self::NoTokens => "without tokens",
        }
    }
}

/// One account.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) account: HomeAccountId,
    /// The object id, by which Graph knows the user.
    pub(super) user: Uuid,
    pub(super) fate: Fate,
}

pub(super) struct Population(Vec<Member>);

impl Population {
    /// What a seed makes of so many accounts.
    pub(super) fn plan(accounts: u32, seed: u64) -> Result<Self, SoakError> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let home: Uuid = TENANT_ID.parse().map_err(cannot("read the home tenant's id"))?;
        let member = |number: u32| {
            let tenant = u16::try_from((number - 1) % u32::from(TENANTS)).unwrap_or_default();
            let member = CrowdMember { number, tenant };
            let user = member.object_id().0;
            let tenant = TenantId::from_uuid(member.tenant_id(entra_emulator::TenantId(home)).0);
            let account = HomeAccountId::new(ObjectId::from_uuid(user), tenant);
            Member { account, user, fate: Fate::draw(&mut rng) }
        };
        Ok(Self((1..=accounts).map(member).collect()))
    }

    /// Makes the accounts, all due at once, and lets happen what is to happen to some.
    pub(super) async fn seed(
        &self,
        stack: &Stack,
        seed: u64,
        hear: &(dyn Fn(u32) + Sync),
    ) -> Result<(), SoakError> {
        let options = SeedOptions {
            accounts: u32::try_from(self.0.len()).unwrap_or(u32::MAX),
            tenants: TENANTS,
            due_within_seconds: 0,
            revoked_percent: 0,
            seed,
        };
        let never = AtomicBool::new(false);
        // Without variables: those of the running stack, whose folder names its addresses, are taken.
        let nothing = wiring::Environment::default();
        stack::seed(&nothing, stack.data_folder(), options, &never, &|step| hear(step.done))
            .await
            .map_err(cannot("seed the accounts"))?;
        let emulator = stack.emulator().ok_or_else(|| cannot("reach the emulator")("there is none"))?;
        for (fate, _) in Fate::SHARES {
            let Some(action) = fate.action() else { continue };
            let users: Vec<String> = self.of(fate).map(|member| member.user.to_string()).collect();
            for users in users.chunks(CHUNK) {
                let users: Vec<&str> = users.iter().map(String::as_str).collect();
                emulator.act_on_users(&users, action).map_err(cannot("change users"))?;
            }
        }
        let services = stack.sweeper().services();
        let without: Vec<Member> = self.of(Fate::NoTokens).copied().collect();
        stream::iter(without)
            .map(|member| async move { outdate_tokens(services, member).await })
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }

    fn of(&self, fate: Fate) -> impl Iterator<Item = &Member> {
        self.0.iter().filter(move |member| member.fate == fate)
    }

    pub(super) fn members(&self) -> &[Member] {
        &self.0
    }

    /// How many are to be acted for.
    pub(super) fn well(&self) -> u64 {
        self.of(Fate::Well).count() as u64
    }

    /// How many are to be parked for each reason: `revoked 10, disabled 5`.
    pub(super) fn parked(&self) -> String {
        let mut counts = BTreeMap::new();
        for member in self.0.iter().filter(|member| member.fate != Fate::Well) {
            *counts.entry(member.fate).or_insert(0_u64) += 1;
        }
        let parts: Vec<String> =
            counts.iter().map(|(fate, count)| format!("{} {count}", fate.name())).collect();
        if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
    }

    /// Reads every account as it lies in the table and compares it with what must have come of it since `since`.
    pub(super) async fn check(&self, services: &Services, since: OffsetDateTime) -> Result<(), SoakError> {
        stream::iter(self.0.iter().copied())
            .map(|member| async move {
                let record = services.store.load(&member.account).await.map_err(cannot("read an account"))?;
                member
                    .is_as_it_must_be(&record, services.clock.now(), since)
                    .map_err(|wrong| member.broken(&wrong))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        Ok(())
    }
}

/// Such an item does not count any more, and DynamoDB may take its time to delete it.
async fn outdate_tokens(services: &Services, member: Member) -> Result<(), SoakError> {
    let record = services.store.load(&member.account).await.map_err(cannot("read an account"))?;
    let tokens = record.tokens.ok_or_else(|| member.broken("it was not seeded with tokens"))?;
    let past = services.clock.now() - time::Duration::seconds(1);
    let done = services.store.extend_tokens(&member.account, tokens.version, past).await;
    let done = done.map_err(cannot("end a token item's life"))?;
    promise(done, || "the token item changed while it was seeded".to_owned())
}

impl Member {
    pub(super) fn broken(&self, what: &str) -> SoakError {
        SoakError::Broken(format!("account {} ({}): {what}", self.account, self.fate.name()))
    }

    /// Is to be acted for.
    pub(super) fn is_well(&self) -> bool {
        self.fate == Fate::Well
    }

    fn is_as_it_must_be(
        &self,
        record: &AccountRecord,
        now: OffsetDateTime,
        since: OffsetDateTime,
    ) -> Result<(), String> {
        let activity = record.activity.as_ref().ok_or("it has no activity item")?;
        if let Some(lease) = &activity.lease {
            return Err(format!("nobody works on it, and {} has its lease", lease.owner));
        }
        match self.fate.parked_with() {
            None => has_had_its_turn(activity, now, since),
            Some((class, code)) => is_parked(activity, class, code),
        }
    }
}

fn has_had_its_turn(
    activity: &AccountActivity,
    now: OffsetDateTime,
    since: OffsetDateTime,
) -> Result<(), String> {
    let AccountActivity { status, failure, failure_count, .. } = activity;
    if *status != AccountStatus::Active || failure.is_some() || *failure_count != 0 {
        return Err(format!("expected it active and without failure, found {status:?}, {failure:?}"));
    }
    if activity.due_at.is_none_or(|due_at| due_at <= now) {
        return Err(format!("expected a next turn, found {:?}", activity.due_at));
    }
    match activity.last_sweep {
        // Kept to the second.
        Some(last) if last.at.unix_timestamp() >= since.unix_timestamp() => Ok(()),
        last => Err(format!("expected the turn to be recorded, found {last:?}")),
    }
}

fn is_parked(activity: &AccountActivity, class: FailureClass, code: Option<u32>) -> Result<(), String> {
    let AccountActivity { status, failure, due_at, .. } = activity;
    let found = failure.as_ref().map(|failure| (failure.class, failure.code));
    if *status == AccountStatus::NeedsUser && due_at.is_none() && found == Some((class, code)) {
        return Ok(());
    }
    Err(format!(
        "expected it parked with {class:?} {code:?} and without a turn, found {status:?} {found:?}, due {due_at:?}"
    ))
}
