//! What is listed and shown.

use crate::{ADELE, BRUNO, Site, setup};
use serde_json::json;

#[tokio::test]
async fn accounts_are_listed_with_their_times_page_by_page() {
    let site = Site::start().await;
    site.visit(ADELE).await;
    site.visit(BRUNO).await;
    let all = site.json(&["list"]).await;
    let accounts = all["accounts"].as_array().unwrap();
    let mut names: Vec<&str> =
        accounts.iter().map(|account| account["userPrincipalName"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, [ADELE, BRUNO]);
    assert!(accounts.iter().all(|account| account["status"] == "active" && account["nextTurn"].is_string()));

    let first = site.json(&["list", "--limit", "1"]).await;
    let after = first["next"].as_str().unwrap();
    let second = site.json(&["list", "--limit", "5", "--after", after]).await;
    assert_eq!((&first["accounts"][0], &second["accounts"][0]), (&accounts[0], &accounts[1]));
    assert_eq!((second["accounts"].as_array().unwrap().len(), &second["next"]), (1, &json!(null)));

    let table = site.accounts(&["list", "--limit", "1"]).await;
    let lines: Vec<&str> = table.output.lines().collect();
    assert!(lines[0].starts_with("ACCOUNT") && lines[0].ends_with("NEXT TURN"), "{table:?}");
    assert!(lines[1].contains("@lakeside.example  active"), "{table:?}");
    assert_eq!(lines[2], format!("there may be more: --after '{after}'"));
}

#[tokio::test]
async fn accounts_are_picked_by_status_and_by_whether_they_are_due() {
    let site = Site::start().await;
    site.visit(ADELE).await;
    site.visit(BRUNO).await;
    site.accounts(&["park", BRUNO, "--reason", "asked to"]).await.assert_good("is parked");
    let names = async |arguments: &[&str]| {
        let page = site.json(&[&["list"], arguments].concat()).await;
        let accounts = page["accounts"].as_array().unwrap().clone();
        accounts.iter().map(|account| account["userPrincipalName"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&["--status", "needs_user"]).await, [BRUNO]);
    assert_eq!(names(&["--status", "active"]).await, [ADELE]);
    assert!(names(&["--status", "failing"]).await.is_empty());
    assert!(names(&["--due"]).await.is_empty(), "both were here just now");
    site.accounts(&["release", BRUNO]).await.assert_good("is due now");
    assert_eq!(names(&["--due"]).await, [BRUNO]);
    site.accounts(&["list", "--due", "--after", "rubbish"]).await.assert_refused("expected a cursor");
}

#[tokio::test]
async fn an_account_is_shown_by_name_and_by_id_without_tokens() {
    let site = Site::start().await;
    let signed_in = site.visit(ADELE).await;
    let id = site.id_of(ADELE).to_string();
    let shown = site.shown(ADELE).await;
    assert_eq!(shown, site.shown(&id).await);
    assert_eq!((&shown["account"], &shown["activity"]["status"]), (&json!(id), &json!("active")));
    assert!(shown["tokens"]["bytes"].as_u64().unwrap() > 500 && shown["tokens"]["counts"] == true);
    assert_eq!((&shown["quarantine"], &shown["tombstone"]), (&json!(null), &json!(null)));
    let pseudonym = site.stack.sweeper().services().settings.pseudonyms.of(&site.id_of(ADELE));
    assert_eq!(shown["inLogs"], pseudonym);

    let text = site.accounts(&["show", &ADELE.to_uppercase()]).await;
    text.assert_good("bytes, version 1, written ");
    for secret in [&signed_in.access_token, &signed_in.refresh_token, &signed_in.id_token] {
        assert!(!text.output.contains(secret.as_str()) && !shown.to_string().contains(secret.as_str()));
    }
    assert!(!text.output.contains(&site.variables["SEALING_LOCAL_KEY"]));
}

#[tokio::test]
async fn who_is_not_there_cannot_be_shown_or_changed() {
    let site = Site::start().await;
    let nobody = site.id_of(ADELE).to_string();
    for who in [ADELE, nobody.as_str()] {
        let expected = format!("nothing is kept of {who}");
        for command in
            [&["show", who][..], &["park", who, "--reason", "why"], &["release", who], &["erase", who]]
        {
            site.accounts(command).await.assert_refused(&expected);
        }
        site.accounts(&["sweep-now", who]).await.assert_refused(&expected);
    }
    assert_eq!(site.json(&["list"]).await["accounts"], json!([]));
}

#[tokio::test]
async fn looking_needs_no_more_settings_than_the_table() {
    let site = Site::start().await;
    site.visit(ADELE).await;
    let mut variables = site.variables.clone();
    for name in ["ENTRA_CLIENT_SECRET", "SEALING_LOCAL_KEY", "ENTRA_TENANT_ID", "ENTRA_ALLOWED_CLIENTS"] {
        variables.remove(name);
    }
    setup(&["accounts", "show", ADELE], &variables).await.assert_good(ADELE);
    setup(&["accounts", "park", ADELE, "--reason", "why"], &variables).await.assert_good("is parked");
    let refused = setup(&["accounts", "erase", ADELE, "--yes"], &variables).await;
    refused.assert_refused("ENTRA_TENANT_ID: is required");
    assert!(site.shown(ADELE).await["tokens"]["bytes"].is_u64(), "nothing was erased");
    variables.remove("TABLE_NAME");
    setup(&["accounts", "list"], &variables).await.assert_refused("TABLE_NAME: is required");
}
