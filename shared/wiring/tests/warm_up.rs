//! What a start opens ahead is what the first request uses, and nothing that hangs or fails there holds the start up.

#![cfg(test)]

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use domain::ports::{Requester, TokenRequirements};
use domain::scope::ScopeSet;
use domain::services::Services;
use domain::token::{AccessToken, RefreshToken};
use std::sync::Arc;
use std::time::{Duration, Instant};
use test_support::{FixedClock, KeptConnections, Manner, sample};
use wiring::{Api, Environment, Time};

/// The longest that a start may take: its own limits are 1.5 and 2 seconds, and the machine has other work.
const BOUND: Duration = Duration::from_secs(4);

/// Everything that the functions talk to.
struct World {
    authority: KeptConnections,
    graph: KeptConnections,
    table: KeptConnections,
}

impl World {
    async fn start() -> Self {
        let tokens = r#"{"token_type":"Bearer","expires_in":3600,"access_token":"access","refresh_token":"refresh","scope":"https://graph.microsoft.com/User.Read"}"#;
        Self {
            authority: KeptConnections::start(tokens).await,
            graph: KeptConnections::start(r#"{"displayName":"User 1"}"#).await,
            table: KeptConnections::start(r#"{"Items":[],"Count":0,"ScannedCount":0}"#).await,
        }
    }

    fn servers(&self) -> [&KeptConnections; 3] {
        [&self.authority, &self.graph, &self.table]
    }

    fn environment(&self) -> Environment {
        [
            ("ENTRA_AUTHORITY_HOST", self.authority.url.clone()),
            ("ENTRA_TENANT_ID", sample::TENANT.to_string()),
            ("ENTRA_CLIENT_ID", sample::CLIENT.to_string()),
            ("ENTRA_CLIENT_SECRET", "an invented secret".to_owned()),
            ("ENTRA_ALLOWED_CLIENTS", "*".to_owned()),
            ("GRAPH_BASE_URL", format!("{}/v1.0", self.graph.url)),
            ("TABLE_NAME", "accounts".to_owned()),
            ("SEALING_LOCAL_KEY", BASE64_STANDARD.encode([7; 32])),
            ("AWS_ENDPOINT_URL_DYNAMODB", self.table.url.clone()),
            ("AWS_REGION", "eu-north-1".to_owned()),
            ("AWS_ACCESS_KEY_ID", "local".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        ]
        .into_iter()
        .collect()
    }

    async fn start_sweep(&self) -> Services {
        wiring::sweep_services(&self.environment(), time()).await.unwrap()
    }

    async fn start_api(&self) -> Services {
        Api::start(&self.environment(), time()).await.unwrap().services
    }
}

fn time() -> Time {
    Time::with_clock(Arc::new(FixedClock::default()))
}

/// One request to each: what the first one of a user, or the first turn, begins with.
async fn first_requests(services: &Services) {
    let account = sample::account(1);
    assert!(services.store.load(&account).await.unwrap().tokens.is_none());
    let scopes = ScopeSet::parse("https://graph.microsoft.com/User.Read");
    let required = TokenRequirements::from(&scopes);
    let issued =
        services.tokens.refresh(sample::TENANT, account, &RefreshToken::new("refresh"), required).await;
    assert_eq!(issued.unwrap().access_token.expose(), "access");
    services.profiles.me(&AccessToken::new("access"), Requester::User).await.unwrap();
}

#[tokio::test]
async fn the_first_turn_uses_the_connections_of_the_start() {
    let world = World::start().await;
    let services = world.start_sweep().await;
    let opened = world.servers().map(KeptConnections::accepted);
    assert_eq!(opened, [1, 1, 1]);
    let asked: Vec<String> = world
        .servers()
        .iter()
        .flat_map(|server| server.take_seen())
        .map(|seen| format!("{} {}", seen.method, seen.path))
        .collect();
    assert_eq!(asked, ["HEAD /", "HEAD /", "POST /"], "nothing that counts");
    first_requests(&services).await;
    assert_eq!(world.servers().map(KeptConnections::accepted), opened);
}

#[tokio::test]
async fn the_first_request_uses_the_connections_of_the_start() {
    let world = World::start().await;
    let services = world.start_api().await;
    let opened = world.servers().map(KeptConnections::accepted);
    assert_eq!(opened, [1, 1, 1]);
    first_requests(&services).await;
    assert_eq!(world.servers().map(KeptConnections::accepted), opened);
}

#[tokio::test]
async fn what_hangs_or_fails_at_the_start_neither_holds_it_up_nor_ends_it() {
    for manner in [Manner::Hang, Manner::Fail] {
        for place in 0..3 {
            let world = World::start().await;
            world.servers()[place].set(manner);
            for of_api in [false, true] {
                let begun = Instant::now();
                let services = if of_api { world.start_api().await } else { world.start_sweep().await };
                let took = begun.elapsed();
                assert!(took < BOUND, "{manner:?} at {place}, API: {of_api}: {took:?}");
                drop(services);
            }
            world.servers()[place].set(Manner::Answer);
            first_requests(&world.start_sweep().await).await;
        }
    }
}

#[tokio::test]
async fn connections_that_died_while_the_function_was_frozen_are_replaced_without_a_word() {
    let world = World::start().await;
    let services = world.start_sweep().await;
    first_requests(&services).await;
    for server in world.servers() {
        server.close_idle();
    }
    first_requests(&services).await;
    for server in world.servers() {
        server.take_seen();
        server.set(Manner::BreakOffOnce);
    }
    first_requests(&services).await;
    for server in world.servers() {
        assert_eq!(server.take_seen().len(), 2, "the request, and one try more");
    }
}
