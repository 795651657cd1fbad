use entra_emulator::{API_CLIENT_ID, CLI_CLIENT_ID, SPA_CLIENT_ID, TENANT_ID, UserAction};
use time::Duration;

use crate::lab::{ADELE, Answer, Lab, answer, claims};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn start(lab: &Lab, client: &str) -> Answer {
    let scope = format!("api://{API_CLIENT_ID}/Profile.Read offline_access");
    let url = format!("{}/{TENANT_ID}/oauth2/v2.0/devicecode", lab.base);
    let form = [("client_id", client), ("scope", scope.as_str())];
    answer(lab.http.post(url).form(&form).send().await.unwrap()).await
}

async fn poll(lab: &Lab, device_code: &str) -> Answer {
    lab.token(&[("grant_type", GRANT), ("client_id", CLI_CLIENT_ID), ("device_code", device_code)], None)
        .await
}

async fn page(lab: &Lab, form: &[(&str, &str)]) -> String {
    lab.http.post(format!("{}/devicelogin", lab.base)).form(form).send().await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn the_device_gets_its_tokens_after_the_user_agreed() {
    let lab = Lab::start().await;
    let started = start(&lab, CLI_CLIENT_ID).await;
    assert_eq!(started.text("verification_uri"), format!("{}/devicelogin", lab.base));
    assert!(started.text("message").contains(&started.text("user_code")));
    let (code, user_code) = (started.text("device_code"), started.text("user_code"));
    poll(&lab, &code).await.assert_refused(400, "authorization_pending", 70_016);

    assert!(page(&lab, &[("user_code", "WRONG")]).await.contains("did not work"));
    let typed = user_code.to_lowercase();
    assert!(page(&lab, &[("user_code", &typed)]).await.contains("Pick an account"));
    lab.emulator.act_on_user(ADELE, UserAction::RequireMfa).unwrap();
    assert!(page(&lab, &[("user_code", &typed), ("user", ADELE)]).await.contains("Approve sign-in"));
    let done = page(&lab, &[("user_code", &typed), ("user", ADELE), ("approve", "yes")]).await;
    assert!(done.contains("You have signed in"));

    let tokens = poll(&lab, &code).await;
    assert_eq!(tokens.status, 200, "{}", tokens.body);
    assert_eq!(claims(&tokens.text("access_token"))["azp"], CLI_CLIENT_ID);
    assert!(tokens.body["refresh_token"].is_string());
    poll(&lab, &code).await.assert_refused(400, "bad_verification_code", 70_000);
}

#[tokio::test]
async fn declining_waiting_too_long_and_wrong_clients_end_it() {
    let lab = Lab::start().await;
    let declined = start(&lab, CLI_CLIENT_ID).await;
    page(&lab, &[("user_code", &declined.text("user_code")), ("action", "cancel")]).await;
    poll(&lab, &declined.text("device_code")).await.assert_refused(400, "authorization_declined", 70_018);

    let slow = start(&lab, CLI_CLIENT_ID).await;
    lab.clock.advance(Duration::minutes(15));
    poll(&lab, &slow.text("device_code")).await.assert_refused(400, "expired_token", 70_019);
    assert!(
        page(&lab, &[("user_code", &slow.text("user_code")), ("user", ADELE)]).await.contains("did not work")
    );

    start(&lab, SPA_CLIENT_ID).await.assert_refused(401, "invalid_client", 7_000_218);
}
