//! Every class of error that Entra ID is known to answer, in the shape it answers it.

use crate::support::{FakeEntra, TENANT, account, assertion};
use domain::error::TokenError;
use domain::ports::TokenExchange as _;
use domain::scope::ScopeSet;
use domain::token::RefreshToken;
use serde_json::{Value, json};
use time::Duration;
use wiremock::ResponseTemplate;

const CLAIMS: &str = r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#;

#[derive(Clone, Copy)]
enum Grant {
    OnBehalfOf,
    Refresh,
}
use Grant::{OnBehalfOf, Refresh};

async fn ask(entra: &FakeEntra, grant: Grant, answer: ResponseTemplate) -> TokenError {
    entra.answer(answer).await;
    let exchange = entra.exchange();
    let scopes = ScopeSet::parse("User.Read");
    let outcome = match grant {
        OnBehalfOf => exchange.on_behalf_of(TENANT, &assertion(), (&scopes).into()).await,
        Refresh => exchange.refresh(TENANT, account(), &RefreshToken::new("rt"), (&scopes).into()).await,
    };
    assert_eq!(entra.requests().await.len(), 1, "one request, no retry");
    outcome.expect_err("an error")
}

/// In one word each, with what is kept of it.
fn summary(error: &TokenError) -> String {
    match error {
        TokenError::UserNeeded { error, code, suberror, claims } => format!(
            "user needed: {error} {} {} {}",
            code.unwrap_or_default(),
            suberror.as_deref().unwrap_or("-"),
            if claims.is_some() { "claims" } else { "-" }
        ),
        TokenError::StaleAssertion { code } => format!("stale: {}", code.unwrap_or_default()),
        TokenError::ApplicationRejected { error, code } => {
            format!("application: {error} {}", code.unwrap_or_default())
        }
        TokenError::Throttled { retry_after, code } => {
            format!("throttled: {:?} {}", retry_after.map(Duration::whole_seconds), code.unwrap_or_default())
        }
        TokenError::Unavailable { kind, retry_after, .. } => {
            format!("unavailable: {kind:?} {:?}", retry_after.map(Duration::whole_seconds))
        }
    }
}

/// An error body as the token endpoint writes it.
fn body(error: &str, suberror: Option<&str>, code: u32) -> Value {
    let mut body = json!({
        "error": error,
        "error_description": format!("AADSTS{code}: user1@lakeside.example is told so. Trace ID: 1 Correlation ID: 2"),
        "error_codes": [code],
        "timestamp": "2026-03-02 09:00:00Z",
        "trace_id": "9d2c3c5e-1111-4222-8333-444455556666",
        "correlation_id": "5b1f0c2a-1111-4222-8333-444455556666",
        "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
    });
    if let Some(suberror) = suberror {
        body["suberror"] = json!(suberror);
    }
    body
}

/// Grant, HTTP status, `error`, `suberror`, AADSTS number, and the class it has.
const TABLE: &str = "
# The user must act: park.
both     400 invalid_grant            -                            50173    | user needed: invalid_grant 50173 - -
both     400 invalid_grant            -                            50057    | user needed: invalid_grant 50057 - -
both     400 invalid_grant            -                            50034    | user needed: invalid_grant 50034 - -
refresh  400 invalid_grant            -                            700082   | user needed: invalid_grant 700082 - -
refresh  400 invalid_grant            -                            700084   | user needed: invalid_grant 700084 - -
both     400 invalid_grant            basic_action                 50076    | user needed: invalid_grant 50076 basic_action -
both     400 invalid_grant            additional_action            53000    | user needed: invalid_grant 53000 additional_action -
both     400 invalid_grant            message_only                 53003    | user needed: invalid_grant 53003 message_only -
both     400 invalid_grant            consent_required             65001    | user needed: invalid_grant 65001 consent_required -
both     400 invalid_grant            -                            65001    | user needed: invalid_grant 65001 - -
both     400 invalid_grant            user_password_expired        50055    | user needed: invalid_grant 50055 user_password_expired -
both     400 invalid_grant            device_authentication_failed 70002    | user needed: invalid_grant 70002 device_authentication_failed -
both     400 interaction_required     -                            50076    | user needed: interaction_required 50076 - -
both     400 login_required           -                            50058    | user needed: login_required 50058 - -
both     400 consent_required         -                            65001    | user needed: consent_required 65001 - -
both     403 access_denied            -                            53003    | user needed: access_denied 53003 - -
# No interaction cures these, but they are this account's alone and must not hold up others.
both     400 invalid_grant            client_mismatch              70000    | user needed: invalid_grant 70000 client_mismatch -
both     400 invalid_grant            protection_policy_required   53005    | user needed: invalid_grant 53005 protection_policy_required -
# The refresh token is spent, or the caller's token is: the same words, another cure.
refresh  400 invalid_grant            bad_token                    70000    | user needed: invalid_grant 70000 bad_token -
refresh  400 invalid_grant            token_expired                70000    | user needed: invalid_grant 70000 token_expired -
obo      400 invalid_grant            bad_token                    70000    | stale: 70000
obo      400 invalid_grant            token_expired                70000    | stale: 70000
obo      400 invalid_grant            -                            500133   | stale: 500133
obo      400 invalid_grant            -                            50013    | stale: 50013
obo      400 invalid_request          -                            50027    | stale: 50027
refresh  400 invalid_grant            -                            500133   | user needed: invalid_grant 500133 - -
# An operator must act: stop.
both     401 invalid_client           -                            7000215  | application: invalid_client 7000215
both     401 invalid_client           -                            7000222  | application: invalid_client 7000222
both     401 invalid_client           -                            700027   | application: invalid_client 700027
both     401 invalid_client           -                            700024   | application: invalid_client 700024
both     401 invalid_client           -                            7000214  | application: invalid_client 7000214
both     401 invalid_client           -                            1000502  | application: invalid_client 1000502
both     401 invalid_client           -                            7000274  | application: invalid_client 7000274
both     401 invalid_client           -                            7000277  | application: invalid_client 7000277
both     401 invalid_client           -                            7000218  | application: invalid_client 7000218
both     400 unauthorized_client      -                            700016   | application: unauthorized_client 700016
both     400 unauthorized_client      -                            7000112  | application: unauthorized_client 7000112
both     400 invalid_grant            -                            700016   | application: invalid_grant 700016
both     400 invalid_grant            -                            500131   | application: invalid_grant 500131
both     400 invalid_request          -                            90002    | application: invalid_request 90002
both     400 invalid_request          -                            900144   | application: invalid_request 900144
both     400 invalid_scope            -                            70011    | application: invalid_scope 70011
both     400 invalid_resource         -                            500011   | application: invalid_resource 500011
both     400 unsupported_grant_type   -                            70003    | application: unsupported_grant_type 70003
# Slow down, whatever the status.
both     429 temporarily_unavailable  -                            90055    | throttled: None 90055
both     400 invalid_grant            -                            50196    | throttled: None 50196
both     400 invalid_request          -                            90055    | throttled: None 90055
# Entra's own trouble.
both     503 temporarily_unavailable  -                            90033    | unavailable: Down None
both     500 server_error             -                            90000    | unavailable: Down None
both     400 temporarily_unavailable  -                            90033    | unavailable: Down None
both     504 server_error             -                            90000    | unavailable: Down None
both     408 request_timeout          -                            0        | unavailable: TimedOut None
# An error that nobody knows says nothing about the user or the application: try again later.
both     400 brand_new_error          -                            12345    | unavailable: BadAnswer None
";

#[tokio::test]
async fn each_known_error_has_its_class() {
    let entra = FakeEntra::start().await;
    for row in TABLE.lines().filter(|row| !row.is_empty() && !row.starts_with('#')) {
        let (answer, expected) = row.split_once(" | ").unwrap();
        let [grants, status, error, suberror, code] = answer.split_whitespace().collect::<Vec<_>>()[..]
        else {
            panic!("expected five columns: {row}")
        };
        let grants = match grants {
            "both" => &[OnBehalfOf, Refresh][..],
            "obo" => &[OnBehalfOf],
            "refresh" => &[Refresh],
            other => panic!("no such grant: {other}"),
        };
        let suberror = Some(suberror).filter(|suberror| *suberror != "-");
        for grant in grants {
            let body = body(error, suberror, code.parse().unwrap());
            let answer = ResponseTemplate::new(status.parse::<u16>().unwrap()).set_body_json(body);
            let got = ask(&entra, *grant, answer).await;
            assert_eq!(summary(&got), expected, "{row}");
            let text = format!("{got} {got:?}");
            assert!(!text.contains("lakeside"), "the description names users and stays out: {text}");
        }
    }
}

#[tokio::test]
async fn a_claims_challenge_is_kept_as_it_came() {
    let entra = FakeEntra::start().await;
    for (error, suberror) in
        [("interaction_required", None), ("invalid_grant", Some("basic_action")), ("brand_new_error", None)]
    {
        let mut body = body(error, suberror, 50_076);
        body["claims"] = json!(CLAIMS);
        let error = ask(&entra, OnBehalfOf, ResponseTemplate::new(400).set_body_json(body)).await;
        let TokenError::UserNeeded { claims, code: Some(50_076), .. } = error else {
            panic!("expected UserNeeded, got {error:?}")
        };
        assert_eq!(claims.as_deref(), Some(CLAIMS));
    }
}

#[tokio::test]
async fn claims_that_are_no_challenge_are_left_out() {
    let entra = FakeEntra::start().await;
    let huge = format!(r#"{{"x":"{}"}}"#, "y".repeat(8 * 1024));
    for claims in ["", "not JSON", "[]", "7", &huge] {
        let mut body = body("interaction_required", None, 50_076);
        body["claims"] = json!(claims);
        let error = ask(&entra, Refresh, ResponseTemplate::new(400).set_body_json(body)).await;
        assert_eq!(summary(&error), "user needed: interaction_required 50076 - -");
    }
}

#[tokio::test]
async fn retry_after_is_kept_for_throttling_and_outages() {
    let entra = FakeEntra::start().await;
    for (status, value, expected) in [
        (429, "17", "throttled: Some(17) 90055"),
        (429, "99999", "throttled: Some(3600) 90055"),
        (429, "soon", "throttled: None 90055"),
        (503, "5", "unavailable: Down Some(5)"),
    ] {
        let answer = ResponseTemplate::new(status).insert_header("retry-after", value).set_body_json(body(
            "temporarily_unavailable",
            None,
            90_055,
        ));
        assert_eq!(summary(&ask(&entra, OnBehalfOf, answer).await), expected);
    }
    let dated = ResponseTemplate::new(429)
        .insert_header("date", "Mon, 02 Mar 2026 09:00:00 GMT")
        .insert_header("retry-after", "Mon, 02 Mar 2026 09:00:40 GMT");
    assert_eq!(summary(&ask(&entra, OnBehalfOf, dated).await), "throttled: Some(40) 0");
    let looped = ResponseTemplate::new(400).insert_header("retry-after", "300").set_body_json(body(
        "invalid_grant",
        None,
        50_196,
    ));
    assert_eq!(summary(&ask(&entra, Refresh, looped).await), "throttled: Some(300) 50196");
}

#[tokio::test]
async fn the_code_is_found_in_the_description_when_it_is_nowhere_else() {
    let entra = FakeEntra::start().await;
    let body = json!({"error": "invalid_grant", "error_description": "AADSTS500133: Assertion is not within its range."});
    let error = ask(&entra, OnBehalfOf, ResponseTemplate::new(400).set_body_json(body)).await;
    assert_eq!(summary(&error), "stale: 500133");
    for description in ["AADSTS", "AADSTSx", "AADSTS99999999999999999999", "see AADSTS500133"] {
        let body =
            json!({"error": "invalid_grant", "error_description": description, "error_codes": ["x", -1]});
        let error = ask(&entra, OnBehalfOf, ResponseTemplate::new(400).set_body_json(body)).await;
        assert_eq!(summary(&error), "user needed: invalid_grant 0 - -", "{description}");
    }
}

#[tokio::test]
async fn garbage_is_a_bad_answer_unless_the_status_says_more() {
    let entra = FakeEntra::start().await;
    let bodies = [
        "",
        "<html>proxy</html>",
        r#"["invalid_grant",null,[50076],null,null,null,null]"#,
        "null",
        "[]",
        r#"{"error":7}"#,
        r#"{"error":""}"#,
        r#"{"error":"a b\nc"}"#,
    ];
    for body in bodies {
        for (status, expected) in [
            (400, "unavailable: BadAnswer None"),
            (401, "unavailable: BadAnswer None"),
            (404, "unavailable: BadAnswer None"),
            (302, "unavailable: BadAnswer None"),
            (429, "throttled: None 0"),
            (500, "unavailable: Down None"),
            (502, "unavailable: Down None"),
        ] {
            let answer = ResponseTemplate::new(status).set_body_string(body);
            assert_eq!(summary(&ask(&entra, OnBehalfOf, answer).await), expected, "{status} {body}");
        }
    }
}

#[tokio::test]
async fn a_suberror_that_is_no_word_does_not_get_through() {
    let entra = FakeEntra::start().await;
    for suberror in ["two words", "", &"x".repeat(65), "<b>"] {
        let answer = ResponseTemplate::new(400).set_body_json(body("invalid_grant", Some(suberror), 50_173));
        let error = ask(&entra, Refresh, answer).await;
        assert_eq!(summary(&error), "user needed: invalid_grant 50173 - -", "{suberror}");
    }
}
