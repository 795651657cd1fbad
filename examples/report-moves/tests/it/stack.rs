//! The job on the local stack: tokens from the emulator of Entra ID, profiles from that of Graph, a real table.

use crate::fixture::Moves;
use domain::account::TurnOutcome;
use domain::scope::ScopeSet;
use domain::services::Services;
use report_moves::ReportMoves;
use serde_json::json;
use stack::{Stack, StackOptions, Sweeper, Visitor};
use std::collections::BTreeMap;
use std::sync::Arc;
use wiring::Time;

pub(crate) const ADELE: &str = "adele@lakeside.example";

/// Longer than the idle threshold (30 s) and than the stack's interval (60 s).
const AWAY_SECONDS: i64 = 90;

/// A stack at whose page Adele has signed in and looked at her profile.
pub(crate) async fn with_adele() -> Stack {
    let stack = Box::pin(Stack::start(StackOptions::for_tests())).await.unwrap();
    let visitor = Visitor::at(&stack.addresses().page).await.unwrap();
    let adele = visitor.sign_in(ADELE).await.unwrap();
    let profile = visitor.http().get(format!("{}/api/profile", stack.addresses().api));
    let answer = profile.bearer_auth(&adele.access_token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    stack
}

/// The sweep of this stack, with the job in place of the shipped one.
async fn sweeper(stack: &Stack, moves: &Moves) -> Sweeper {
    Sweeper::new(services(stack, moves).await, stack.clock().clone())
}

async fn services(stack: &Stack, moves: &Moves) -> Services {
    let time = Time::with_clock(Arc::new(stack.clock().clone()));
    let mut services = wiring::sweep_services(stack.environment(), time).await.unwrap();
    services.job = Arc::new(ReportMoves::new(&services, moves.receiver()));
    services
}

#[tokio::test]
async fn a_move_of_an_absent_user_is_told_once_though_two_ticks_come_at_once() {
    let (stack, moves) = (with_adele().await, Moves::start().await);
    let sweeper = sweeper(&stack, &moves).await;
    let tick = async || {
        let summary = sweeper.tick().await.unwrap();
        summary
            .outcomes
            .into_iter()
            .map(|(outcome, count)| (outcome.as_str(), count))
            .collect::<BTreeMap<_, _>>()
    };
    stack.clock().advance(AWAY_SECONDS).unwrap();
    assert_eq!(tick().await, [("unchanged", 1)].into());
    assert_eq!(moves.told().await, []);

    let change = json!({ "department": "Procurement", "city": "Hilltop" });
    stack.emulator().unwrap().change_profile(ADELE, &change).unwrap();
    stack.clock().advance(AWAY_SECONDS).unwrap();
    let (one, other) = tokio::join!(tick(), tick());
    let acted = [&one, &other].map(|outcomes| outcomes.get("acted").copied().unwrap_or_default());
    assert_eq!(acted.iter().sum::<u64>(), 1, "{one:?} {other:?}");
    let told = moves.told().await;
    assert_eq!(told.len(), 1);
    let account = &stack.accounts().all().await.unwrap()[0];
    assert_eq!(told[0].body, json!({ "account": account.account, "changed": ["department"] }));
    stack.stop().await;
}

#[tokio::test]
async fn a_job_with_a_permission_of_its_own_costs_one_refresh() {
    let (stack, moves) = (with_adele().await, Moves::start().await);
    let mut services = services(&stack, &moves).await;
    Arc::make_mut(&mut services.settings).graph_scopes =
        ScopeSet::parse("https://graph.microsoft.com/User.Read https://graph.microsoft.com/Calendars.Read");
    let sweeper = Sweeper::new(services, stack.clock().clone());
    for refreshes in [1, 0] {
        stack.emulator().unwrap().reset_requests();
        stack.clock().advance(AWAY_SECONDS).unwrap();
        assert_eq!(sweeper.tick().await.unwrap().outcomes.get(&TurnOutcome::Unchanged), Some(&1));
        let counters = stack.emulator().unwrap().counters();
        let asked = counters.get("token.refresh").map_or(0, |counter| counter.total);
        assert_eq!(asked, refreshes);
    }
    stack.stop().await;
}
