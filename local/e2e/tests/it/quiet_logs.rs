//! What the log tells of a day with everything in it: what happened, and of nobody by name.

use crate::lab::{ADELE, AWAY, BRUNO, LONG_AWAY, Lab};
use entra_emulator::UserAction;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn no_token_and_no_name_is_ever_logged() {
    let lab = Lab::start().await;
    let adele = lab.visit(ADELE).await;
    lab.visit(BRUNO).await;

    // Silent renewal, a parked account, a challenge, outages, a tampered token, an end.
    lab.pass(LONG_AWAY);
    lab.emulator().revoke(BRUNO).unwrap();
    assert_eq!(lab.sweep().await, [("acted", 1), ("needs_user", 1)].into());
    let stale = lab.profile(&adele).await;
    assert_eq!(stale.status, 401);
    let adele = lab.sign_in(ADELE).await;
    lab.emulator().act_on_user(ADELE, UserAction::RequireMfa).unwrap();
    let challenge = lab.profile(&adele).await;
    let adele = lab.visitor.sign_in_with_claims(ADELE, Some(&challenge.challenged_claims())).await.unwrap();
    for outage in [
        json!({ "entra": { "fail": { "status": 500 } } }),
        json!({ "entra": { "garbage": {} } }),
        json!({ "graph": { "throttle": { "retryAfterSeconds": 5 } } }),
        json!({ "graph": { "garbage": {} } }),
    ] {
        lab.emulator().change_scenarios(&outage).unwrap();
        lab.profile(&adele).await;
        lab.pass(AWAY);
        lab.sweep().await;
        lab.emulator().reset_scenarios();
    }
    lab.profile(&adele).await.assert_ok();
    lab.background_access(&adele).await.assert_ok();
    lab.call(Method::GET, "/api/profile", "not.a.token").await;
    let tampered = format!("{}x", adele.access_token);
    lab.call(Method::GET, "/api/profile", &tampered).await;
    let object_ids: Vec<String> =
        lab.accounts().await.iter().map(|account| account.account.object_id.to_string()).collect();
    lab.watch.hears(&format!("{:?}", lab.accounts().await));
    lab.call(Method::DELETE, "/api/background-access", &adele.access_token).await;

    assert!(lab.watch.known() > 20, "there is little to look for: {}", lab.watch.known());
    let log = lab.watch.heard();
    for expected in [
        "profile.read",
        "sweep.account",
        "sweep.completed",
        "request.failed",
        "background_access.ended",
        // The metrics.
        "OnBehalfOfMilliseconds",
        "SweepLagSeconds",
    ] {
        assert!(log.contains(expected), "{expected} is not in the log, so nothing was heard");
    }
    assert!(log.contains("TRACE"), "the log is not at its most talkative");

    // The functions' own lines name nobody; libraries that log requests do it below info.
    let lines =
        || log.lines().filter(|line| [" INFO ", " WARN ", "ERROR "].iter().any(|level| line.contains(level)));
    assert!(lines().count() > 10);
    for name in [ADELE, BRUNO, "Adele", "Bruno"].into_iter().chain(object_ids.iter().map(String::as_str)) {
        assert_eq!(lines().find(|line| line.contains(name)), None, "{name}");
    }
}

/// The search itself: what it is for, it finds.
#[tokio::test]
async fn a_part_of_a_token_in_a_line_of_the_log_is_found() {
    let adele = {
        let lab = Lab::start().await;
        let adele = lab.visit(ADELE).await;
        assert_eq!(lab.watch.leak(), None);
        adele
    };
    let claims = adele.access_token.split('.').nth(1).unwrap();
    for (what, said) in [
        ("a whole token", adele.access_token.as_str()),
        ("the end of its signature", &adele.access_token[adele.access_token.len() - 20..]),
        ("some of its claims", &claims[7..40]),
        ("some of a refresh token", &adele.refresh_token[50..90]),
    ] {
        let lab = Lab::start().await;
        lab.watch.secret(
            "a token of the other lab",
            &adele.access_token[adele.access_token.find('.').unwrap() + 1..],
        );
        lab.watch.secret("a token of the other lab", &adele.refresh_token);
        tracing::info!("it went wrong: \"{said}\"");
        let leak = lab.watch.leak().unwrap_or_else(|| panic!("{what} is not found"));
        assert!(leak.contains("it went wrong") && !leak.contains(said), "{leak}");
        std::mem::forget(lab.watch);
    }
}
