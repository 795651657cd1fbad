//! Graph refuses a token for want of claims: Entra is asked for one that has them, and the user only if it needs them.

use crate::fixture::Fixture;
use domain::error::{GraphError, TokenError};
use domain::obtain_token::ObtainTokenError;
use domain::read_profile::ReadProfileError;
use test_support::{ExchangeCall, sample};

const CLAIMS: &str = r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#;

fn challenge() -> GraphError {
    GraphError::Unauthorized { claims: Some(CLAIMS.to_owned()) }
}

/// What was asked of Entra, with which claims.
fn claims_asked(fixture: &Fixture) -> Vec<Option<String>> {
    let of = |call| match call {
        ExchangeCall::OnBehalfOf { claims, .. } | ExchangeCall::Refresh { claims, .. } => claims,
    };
    fixture.exchange.calls().into_iter().map(of).collect()
}

fn revoked() -> TokenError {
    TokenError::UserNeeded {
        error: "invalid_grant".to_owned(),
        code: Some(50_173),
        suberror: None,
        claims: None,
    }
}

#[tokio::test]
async fn entra_is_asked_for_the_claims_before_the_user_is() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    for already_cached in [false, true] {
        if already_cached {
            fixture.clock.advance(time::Duration::SECOND);
        }
        fixture.profiles.push(Err(challenge()));
        fixture.read_profile(&caller).await.unwrap();
    }
    let asked = Some(CLAIMS.to_owned());
    assert_eq!(claims_asked(&fixture), [None, asked.clone(), asked]);
}

#[tokio::test]
async fn a_challenge_that_a_new_token_does_not_meet_goes_to_the_user() {
    let fixture = Fixture::new();
    for _ in 0..2 {
        fixture.profiles.push(Err(challenge()));
    }
    let error = fixture.read_profile(&fixture.caller(1)).await.unwrap_err();
    assert!(
        matches!(&error, ReadProfileError::Graph(GraphError::Unauthorized { claims: Some(claims) }) if claims == CLAIMS),
        "{error:?}"
    );
    assert_eq!(fixture.exchange.calls().len(), 2, "no further attempts");
}

#[tokio::test]
async fn entras_refusal_carries_graphs_challenge_where_it_has_none_of_its_own() {
    let fixture = Fixture::new();
    let caller = fixture.caller(1);
    fixture.read_profile(&caller).await.unwrap();
    for (own, expected) in [(None, CLAIMS), (Some(r#"{"access_token":{}}"#), r#"{"access_token":{}}"#)] {
        fixture.profiles.push(Err(challenge()));
        let TokenError::UserNeeded { error, code, suberror, .. } = revoked() else { unreachable!() };
        let claims = own.map(str::to_owned);
        fixture.exchange.push(Err(TokenError::UserNeeded { error, code, suberror, claims }));
        let error = fixture.read_profile(&caller).await.unwrap_err();
        let ReadProfileError::Token(ObtainTokenError::Token(TokenError::UserNeeded { claims, code, .. })) =
            error
        else {
            panic!("{error:?}")
        };
        assert_eq!((claims.as_deref(), code), (Some(expected), Some(50_173)));
    }
}

#[tokio::test]
async fn the_sweep_asks_for_the_claims_too_and_parks_with_them() {
    let fixture = Fixture::new();
    fixture.visit(1).await;
    fixture.go_away();
    fixture.profiles.push(Err(challenge()));
    let (_, turns) = fixture.sweep().await;
    assert_eq!(turns[0].outcome, domain::account::TurnOutcome::Acted);
    assert_eq!(claims_asked(&fixture), [None, Some(CLAIMS.to_owned())]);

    fixture.clock.advance(crate::fixture::INTERVAL);
    fixture.profiles.push(Err(challenge()));
    let mut renewed = sample::issued_tokens(1, fixture.now());
    renewed.home_account = None;
    fixture.exchange.push(Ok(renewed));
    fixture.exchange.push(Err(revoked()));
    let (_, turns) = fixture.sweep().await;
    assert_eq!(turns[0].outcome, domain::account::TurnOutcome::NeedsUser);
    let failure = fixture.record(1).await.activity.unwrap().failure.unwrap();
    assert_eq!((failure.code, failure.claims.as_deref()), (Some(50_173), Some(CLAIMS)));
}
