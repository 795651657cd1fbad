//! Values for tests: people, identifiers, tokens. Change single fields with struct update syntax.

use domain::account::{AccountStatus, LastSweep, Lease, Tombstone, TurnOutcome};
use domain::caller::Caller;
use domain::identity::{ClientId, HomeAccountId, ObjectId, TenantId, UserPrincipalName};
use domain::ports::{ActivityUpdate, FetchedProfile, TokenWrite, TurnEnd};
use domain::profile::{Profile, ProfileSnapshot};
use domain::scope::ScopeSet;
use domain::token::{AccessToken, IdToken, IssuedTokens, RefreshToken, UserAssertion};
use time::macros::datetime;
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// A Monday morning, a century on: Amazon's DynamoDB Local deletes what is past its `ttl` by its own clock, and tests that
/// run there must not find their items gone.
pub const NOW: OffsetDateTime = datetime!(2126-03-04 09:00:00 UTC);

/// How long items live in tests.
pub const TTL: Duration = Duration::days(14);

pub const TENANT: TenantId = TenantId::from_uuid(Uuid::from_u128(0x7e4a_0000_0000_4000_8000_0000_0000_0001));

/// Our own application.
pub const CLIENT: ClientId = ClientId::from_uuid(Uuid::from_u128(0xc11e_0000_0000_4000_8000_0000_0000_0001));

/// The application in the browser.
pub const SPA_CLIENT: ClientId =
    ClientId::from_uuid(Uuid::from_u128(0xc11e_0000_0000_4000_8000_0000_0000_0002));

/// The `number`th user of the tenant.
pub fn account(number: u32) -> HomeAccountId {
    let object_id = Uuid::from_u128(0x0b1e_0000_0000_4000_8000_0000_0000_0000 + u128::from(number));
    HomeAccountId::new(ObjectId::from_uuid(object_id), TENANT)
}

/// The `number`th user's sign-in name.
pub fn user_principal_name(number: u32) -> UserPrincipalName {
    UserPrincipalName::new(&format!("user{number}@lakeside.example"))
}

/// `User.Read`, as asked of Graph.
pub fn graph_scopes() -> ScopeSet {
    ScopeSet::parse("https://graph.microsoft.com/User.Read")
}

/// A bearer token of the `number`th user, just issued, good for an hour.
pub fn caller(number: u32, now: OffsetDateTime) -> Caller {
    let account = account(number);
    Caller {
        account,
        tenant_id: account.tenant_id,
        object_id: account.object_id,
        client_id: SPA_CLIENT,
        scopes: ScopeSet::parse("Profile.Read Profile.ReadWrite"),
        user_principal_name: Some(user_principal_name(number)),
        assertion: UserAssertion::new(format!("assertion-{number}-{}", now.unix_timestamp())),
        issued_at: now,
        expires_at: now + Duration::hours(1),
    }
}

/// A full answer of the token endpoint. The secrets name the user and the time, so that two answers differ.
pub fn issued_tokens(number: u32, now: OffsetDateTime) -> IssuedTokens {
    let account = account(number);
    let label = format!("{number}-{}", now.unix_timestamp());
    IssuedTokens {
        access_token: AccessToken::new(format!("access-{label}")),
        scopes: graph_scopes(),
        issued_at: now,
        expires_at: now + Duration::hours(1),
        extended_expires_at: now + Duration::hours(2),
        refresh_at: None,
        refresh_token: Some(RefreshToken::new(format!("refresh-{label}"))),
        refresh_token_expires_at: Some(now + Duration::days(90)),
        id_token: Some(IdToken::new(format!("id-{label}"))),
        home_account: Some(account),
        client_info: None,
        username: Some(user_principal_name(number).as_str().to_owned()),
        name: Some(format!("User {number}")),
    }
}

pub fn profile(number: u32) -> Profile {
    Profile {
        display_name: Some(format!("User {number}")),
        user_principal_name: Some(user_principal_name(number).as_str().to_owned()),
        city: Some("Lakeside".to_owned()),
        ..Profile::default()
    }
}

pub fn fetched_profile(number: u32) -> FetchedProfile {
    FetchedProfile { profile: profile(number), etag: Some(format!("W/\"{number}\"")) }
}

pub fn snapshot(number: u32, refreshed_at: OffsetDateTime) -> ProfileSnapshot {
    ProfileSnapshot { profile: profile(number), etag: Some(format!("W/\"{number}\"")), refreshed_at }
}

/// A first write of a token blob.
pub fn token_write(blob: &[u8], now: OffsetDateTime) -> TokenWrite {
    TokenWrite { sealed: blob.to_vec(), expected_version: None, begun_at: now, expires_at: now + TTL }
}

/// The `number`th user was here and is due half a minute later.
pub fn activity_update(number: u32, now: OffsetDateTime) -> ActivityUpdate {
    let account = account(number);
    ActivityUpdate {
        tenant_id: account.tenant_id,
        object_id: account.object_id,
        user_principal_name: Some(user_principal_name(number)),
        last_activity: now,
        due_at: Some(now + Duration::seconds(30)),
        returned: false,
        expires_at: now + TTL,
    }
}

/// A lease of two minutes.
pub fn lease(owner: &str, now: OffsetDateTime) -> Lease {
    Lease { owner: owner.to_owned(), until: now + Duration::minutes(2) }
}

/// A turn that worked; the next is an hour later.
pub fn turn_end(now: OffsetDateTime) -> TurnEnd {
    TurnEnd {
        last_sweep: LastSweep { at: now, outcome: TurnOutcome::Unchanged },
        status: AccountStatus::Active,
        failure: None,
        failure_count: 0,
        due_at: Some(now + Duration::hours(1)),
        unpublished: Vec::new(),
        expires_at: now + TTL,
    }
}

pub fn tombstone(erased_at: OffsetDateTime) -> Tombstone {
    Tombstone { erased_at, refused_assertions: vec!["hash".to_owned()], expires_at: erased_at + TTL }
}
