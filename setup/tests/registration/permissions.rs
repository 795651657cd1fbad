use crate::faults::Fault;
use crate::scene::{ABSENT, DECLINING, GUEST, MEMBER, Scene};

async fn refused(user: &str, scopes: &str, command: &[&str]) -> String {
    let scene = Scene::of(user, scopes).await;
    let ran = scene.run(command).await;
    ran.result.expect_err(&ran.text).to_string()
}

#[tokio::test]
async fn a_missing_permission_is_named_with_the_role_and_whom_to_ask() {
    for (user, scopes) in [
        (MEMBER, "User.Read"),
        (MEMBER, "User.Read Application.Read.All"),
        (GUEST, "User.Read Application.ReadWrite.All"),
    ] {
        let text = refused(user, scopes, &["register"]).await;
        for named in
            ["Application.ReadWrite.All", "Application Developer", "Ask an administrator", "register-by-hand"]
        {
            assert!(text.contains(named), "{named} is missing for {user} with {scopes}: {text}");
        }
    }
}

#[tokio::test]
async fn consent_for_everybody_takes_an_administrator_and_the_rest_is_done_without() {
    let scopes = "User.Read Application.ReadWrite.All DelegatedPermissionGrant.ReadWrite.All";
    let scene = Scene::of(MEMBER, scopes).await;
    let error = scene.run(&["register", "--admin-consent"]).await.result.unwrap_err().to_string();
    assert!(
        error.contains("DelegatedPermissionGrant.ReadWrite.All")
            && error.contains("Cloud Application Administrator"),
        "{error}"
    );
    // What was done by then stays; without consent for everybody the registration is completed.
    scene.ran(&["register"]).await;
    assert!(scene.ran(&["register"]).await.contains("Nothing to do"));
}

#[tokio::test]
async fn who_may_not_see_everything_is_told_so_and_registers_all_the_same() {
    let scene = Scene::of(MEMBER, "User.Read Application.ReadWrite.All").await;
    scene.ran(&["register"]).await;
    scene.door.set(Fault::HiddenDeletedItems);
    let text = scene.ran(&["register"]).await;
    for hidden in ["may not see consent given for everybody", "may not see deleted items", "Nothing to do"] {
        assert!(text.contains(hidden), "{hidden} is missing in\n{text}");
    }
    scene.ran(&["clean-up", "--yes", "--restorable"]).await;
    scene.door.set(Fault::HiddenDeletedItems);
    let error = scene.run(&["register"]).await.result.unwrap_err().to_string();
    assert!(error.contains("deleted application") && error.contains("--name"), "{error}");
}

#[tokio::test]
async fn what_somebody_else_registered_takes_an_administrator() {
    let mut scene = Scene::start().await;
    scene.ran(&["register"]).await;
    scene.sign_in(MEMBER, "User.Read Application.ReadWrite.All").await;
    let before = scene.directory().await;
    let error = scene.run(&["clean-up", "--yes"]).await.result.unwrap_err().to_string();
    assert!(error.contains("somebody else registered"), "{error}");
    assert_eq!(scene.directory().await, before);
}

#[tokio::test]
async fn a_sign_in_that_is_declined_ends_at_once_and_changes_nothing() {
    let scene = Scene::start().await;
    let before = (scene.directory().await, scene.files());
    let ran = scene.run_bare(&["register"], DECLINING).await;
    let error = ran.result.unwrap_err().to_string();
    assert!(error.contains("declined"), "{error}");
    assert_eq!(ran.waits.len(), 2, "the poll after it");
    assert_eq!((scene.directory().await, scene.files()), before);
}

#[tokio::test]
async fn a_sign_in_that_nobody_makes_ends_with_its_code() {
    let scene = Scene::start().await;
    let ran = scene.run_bare(&["register"], ABSENT).await;
    let error = ran.result.unwrap_err().to_string();
    assert!(error.contains("nobody signed in"), "{error}");
    let waited: std::time::Duration = ran.waits.iter().sum();
    assert!(waited <= std::time::Duration::from_secs(15 * 60 + 5), "{waited:?}");
}

#[tokio::test]
async fn a_client_that_entra_does_not_know_is_told_in_its_words_and_one_that_is_missing_in_ours() {
    let scene = Scene::start().await;
    let unknown = "00000000-1111-4222-8333-444444444444";
    let error = scene.run_bare(&["register", "--client-id", unknown], MEMBER).await.result.unwrap_err();
    assert!(error.to_string().contains("AADSTS700016"), "{error}");
    let error = scene.run_bare(&["register", "--cloud", "china"], MEMBER).await.result.unwrap_err();
    assert!(error.to_string().contains("--client-id"), "{error}");
}

#[tokio::test]
async fn a_token_that_is_no_longer_good_is_said_to_be() {
    let scene = Scene::start().await;
    scene.emulator.advance_clock(time::Duration::hours(2)).unwrap();
    let error = scene.run(&["register"]).await.result.unwrap_err().to_string();
    assert!(error.contains("sign in anew"), "{error}");
}
