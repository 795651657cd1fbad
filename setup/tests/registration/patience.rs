use std::time::Duration;

use axum::http::StatusCode;

use crate::faults::Fault;
use crate::scene::Scene;

#[tokio::test]
async fn a_pause_that_graph_asks_for_is_kept() {
    let scene = Scene::start().await;
    scene.door.set(Fault::FirstTry(StatusCode::TOO_MANY_REQUESTS));
    let ran = scene.run(&["register", "--admin-consent"]).await;
    ran.result.unwrap();
    assert!(
        ran.waits.len() > 10 && ran.waits.iter().all(|wait| *wait == Duration::from_secs(7)),
        "{:?}",
        ran.waits
    );
    assert!(ran.text.contains("trying again in 7 s"), "{}", ran.text);
    scene.door.set(Fault::None);
    assert!(scene.ran(&["register", "--admin-consent"]).await.contains("Nothing to do"));
}

#[tokio::test]
async fn an_application_that_was_just_made_is_waited_for() {
    let scene = Scene::start().await;
    scene.door.set(Fault::NotKnownYet);
    let ran = scene.run(&["register"]).await;
    ran.result.unwrap();
    assert!(ran.text.contains("not known everywhere yet"), "{}", ran.text);
    assert_eq!(ran.waits[..2], [1, 2].map(Duration::from_secs));
    scene.door.set(Fault::None);
    assert!(scene.ran(&["register"]).await.contains("Nothing to do"));
}

#[tokio::test]
async fn a_failing_graph_is_asked_again_only_where_twice_is_no_more_than_once() {
    let scene = Scene::start().await;
    scene.door.set(Fault::FirstTry(StatusCode::SERVICE_UNAVAILABLE));
    let ran = scene.run(&["register"]).await;
    let error = ran.result.unwrap_err().to_string();
    assert!(error.contains("503") && error.contains("run the same command again"), "{error}");
    let posts = scene.door.seen().into_iter().filter(|one| one.method == "POST");
    assert_eq!(posts.count(), 1, "a POST that may have been done is not sent twice");
}

#[tokio::test]
async fn deleted_items_are_found_on_whatever_page_they_are() {
    let scene = Scene::start().await;
    scene.ran(&["register"]).await;
    // A hundred are on a page.
    for number in 0..120 {
        let path = format!("/applications(uniqueName='filler-{number}')");
        let url = format!("{}{path}", scene.emulator.graph_base_url());
        scene.create_by_name(&url, &serde_json::json!({ "displayName": "filler" })).await;
        scene.change_graph(reqwest::Method::DELETE, &path, serde_json::json!({})).await;
    }
    scene.ran(&["clean-up", "--yes", "--restorable"]).await;
    let text = scene.ran(&["clean-up", "--yes"]).await;
    assert!(text.contains("deleted application token-cache API removed for good"), "{text}");
}
