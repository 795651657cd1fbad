//! Ticks that come twice, late, early or without a time, and a clock that jumps.

use crate::lab::{AWAY, Lab, outcomes, profile, scheduled};
use crate::server::Reply;
use domain::account::TurnOutcome;
use domain::ports::Clock as _;
use serde_json::json;
use time::Duration;
use time::format_description::well_known::Rfc3339;

const USERS: u32 = 3;

#[tokio::test]
async fn a_tick_counts_once_whenever_it_comes() {
    let at = |lab: &Lab, away: Duration| scheduled(&(lab.clock.now() + away).format(&Rfc3339).unwrap());
    for away in [Duration::ZERO, -Duration::minutes(50), -Duration::weeks(1), Duration::days(1)] {
        let lab = Lab::alone(USERS).await;
        let tick = at(&lab, away);
        let first = lab.invoke(tick.clone()).await.unwrap();
        assert_eq!(outcomes(&first), [("acted", 3)].into(), "{away}");
        let second = serde_json::to_value(lab.invoke(tick).await.unwrap()).unwrap();
        assert_eq!((&second["repeated"], &second["outcomes"]), (&json!(true), &json!({})), "{away}");
        assert!(lab.log.take_only("sweep.tick").iter().any(|line| line["repeated"] == true), "{away}");
        let other = lab.invoke(at(&lab, away + Duration::MINUTE)).await.unwrap();
        assert!(outcomes(&other).is_empty(), "{away}");
        assert!(lab.graph_requests().values().all(|requests| *requests == 1), "{away}");
    }
}

#[tokio::test]
async fn a_tick_without_a_time_touches_nothing_and_says_what_was_expected() {
    let lab = Lab::alone(USERS).await;
    let mut without = scheduled("");
    without.as_object_mut().unwrap().remove("time");
    for event in [without, scheduled(""), scheduled("soon"), scheduled(&"2".repeat(4_000))] {
        let error = lab.invoke(event).await.unwrap_err();
        assert!(error.to_string().contains("\"time\""), "{error}");
        assert_eq!(lab.log.take_only("sweep.failed").len(), 1);
    }
    assert!(lab.table.take().is_empty());
}

#[tokio::test]
async fn a_clock_that_jumps_between_ticks_loses_nobody_and_acts_twice_for_nobody() {
    for jump in [-Duration::SECOND, -Duration::hours(3), Duration::hours(1)] {
        let lab = Lab::alone(USERS).await;
        let right = lab.clock.now();
        lab.clock.advance(jump);
        let early = lab.tick().await.unwrap();
        lab.clock.set(right + Duration::SECOND);
        let later = lab.tick().await.unwrap();
        let acted = early.values().chain(later.values()).sum::<u64>();
        assert_eq!(acted, u64::from(USERS), "{jump}: {early:?} {later:?}");
        assert!(lab.graph_requests().values().all(|requests| *requests == 1), "{jump}");
        lab.clock.advance(AWAY);
        assert_eq!(
            lab.tick().await.unwrap().values().sum::<u64>(),
            u64::from(USERS),
            "{jump}: the turn after"
        );
    }
}

#[tokio::test]
async fn a_clock_that_jumps_during_a_turn_loses_nobody_and_acts_twice_for_nobody() {
    for jump in [Duration::hours(1), -Duration::SECOND, -Duration::minutes(5), -Duration::hours(1)] {
        let lab = Lab::alone(USERS).await;
        let (clock, mut jumped) = (lab.clock.clone(), false);
        lab.graph.rule(move |asked| {
            if !std::mem::replace(&mut jumped, true) {
                clock.advance(jump);
            }
            Reply::Json(200, profile(asked.user()))
        });
        assert_eq!(lab.tick().await.unwrap(), [("acted", 3)].into(), "{jump}");
        let lines = lab.log.take_only("sweep.account");
        assert!(lines.iter().all(|line| line["elapsed_ms"].is_u64()), "{jump}: {lines:?}");
        for user in 1..=USERS {
            let activity = lab.activity(user).await;
            assert!(activity.lease.is_none() && activity.due_at.is_some(), "{jump}");
        }
        assert!(lab.tick().await.unwrap().is_empty(), "{jump}");
        assert!(lab.graph_requests().values().all(|requests| *requests == 1), "{jump}");
        lab.clock.advance(AWAY);
        assert_eq!(
            lab.tick().await.unwrap().values().sum::<u64>(),
            u64::from(USERS),
            "{jump}: the turn after"
        );
        assert!(lab.swept(USERS, TurnOutcome::NeedsUser).await.is_empty(), "{jump}");
    }
}

#[tokio::test]
async fn a_task_whose_clock_jumped_is_left_to_the_next_tick() {
    for jump in [Duration::hours(2), -Duration::hours(2)] {
        let lab = Lab::with_bus(USERS).await;
        let right = lab.clock.now();
        let tasks = lab.tasks().await;
        lab.clock.advance(jump);
        let answer = lab.invoke(json!({ "Records": tasks })).await.unwrap();
        assert!(crate::lab::failures(&answer).is_empty());
        assert_eq!(lab.log.take_only("sweep.task_dropped").len(), 4, "{jump}");
        lab.clock.set(right + Duration::MINUTE);
        let tasks = lab.tasks().await;
        let answer = lab.invoke(json!({ "Records": tasks })).await.unwrap();
        assert_eq!(outcomes(&answer), [("acted", 3)].into(), "{jump}");
    }
}
