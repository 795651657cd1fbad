use crate::scene::{MEMBER, Scene};
use stack::{Stack, StackOptions, Visitor};

/// The registration, the settings that it wrote, and nothing else: a user signs in at the page, and the API calls Graph on
/// their behalf.
#[tokio::test]
async fn with_the_written_settings_a_user_signs_in_and_the_api_acts_for_them() {
    let scene = Scene::start().await;
    scene.ran(&["register"]).await;
    let options = StackOptions { environment: scene.environment(), ..StackOptions::for_tests() };
    let stack = Box::pin(Stack::start(options)).await.unwrap();
    assert!(stack.emulator().is_none(), "sign-in is where the settings say");
    let visitor = Visitor::at(&stack.addresses().page).await.unwrap();
    let signed_in = visitor.sign_in(MEMBER).await.unwrap();
    let url = format!("{}/api/profile", stack.addresses().api);
    let answer = scene.http.get(url).bearer_auth(&signed_in.access_token).send().await.unwrap();
    let (status, profile): (_, serde_json::Value) = (answer.status(), answer.json().await.unwrap());
    assert_eq!(status, 200, "{profile}");
    assert!(profile.to_string().contains("Retail Manager"), "{profile}");
    stack.stop().await;

    // When the registration is gone, so is everything that it allowed.
    scene.ran(&["clean-up", "--yes"]).await;
    let environment = scene.read(".env");
    assert!(!environment.contains("ENTRA_"), "{environment}");
}
