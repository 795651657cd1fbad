use serde_json::json;

use crate::scene::Scene;

#[tokio::test]
async fn nothing_is_left_of_what_was_registered() {
    let scene = Scene::start().await;
    scene.write(".env", "SWEEP_SHARDS=8\n");
    let before = (scene.directory().await, scene.files());
    scene.ran(&["register", "--admin-consent"]).await;
    assert_ne!(scene.directory().await, before.0);
    scene.ran(&["clean-up", "--yes"]).await;
    assert_eq!((scene.directory().await, scene.files()), before);
    let again = scene.ran(&["clean-up", "--yes"]).await;
    assert!(again.contains("Nothing to remove"), "{again}");
}

#[tokio::test]
async fn it_is_asked_for_first() {
    let mut scene = Scene::start().await;
    scene.ran(&["register"]).await;
    let before = (scene.directory().await, scene.files());
    let answers: [fn(&str) -> Option<bool>; 2] = [|_| Some(false), |_| None];
    for answer in answers {
        scene.confirm = answer;
        let refused = scene.run(&["clean-up"]).await.result.unwrap_err().to_string();
        assert!(refused.contains("--yes"), "{refused}");
        assert_eq!((scene.directory().await, scene.files()), before);
    }
    scene.confirm = |_| Some(true);
    scene.ran(&["clean-up"]).await;
    assert_eq!(scene.api().await["error"]["code"], "Request_ResourceNotFound");
}

#[tokio::test]
async fn what_does_not_carry_the_tag_is_left_alone() {
    let scene = Scene::start().await;
    let url = format!("{}/applications(uniqueName='token-cache-api')", scene.emulator.graph_base_url());
    assert_eq!(scene.create_by_name(&url, &json!({ "displayName": "somebody else's" })).await, 201);
    // Files of somebody who uses that application.
    let api = scene.api().await["appId"].as_str().unwrap().to_owned();
    scene.write(".env", &format!("ENTRA_CLIENT_ID={api}\nENTRA_CLIENT_SECRET=theirs\n"));
    let (before, files) = (scene.directory().await, scene.files());
    let refused = scene.run(&["register"]).await.result.unwrap_err().to_string();
    assert!(refused.contains("somebody else made it") && refused.contains("--name"), "{refused}");
    let text = scene.ran(&["clean-up", "--yes"]).await;
    assert!(text.contains("left alone"), "{text}");
    assert_eq!((scene.directory().await, scene.files()), (before, files));
}

#[tokio::test]
async fn what_was_left_restorable_comes_back_with_its_ids() {
    let scene = Scene::start().await;
    scene.ran(&["register"]).await;
    let api = scene.setting("ENTRA_CLIENT_ID");
    let text = scene.ran(&["clean-up", "--yes", "--restorable"]).await;
    assert!(text.contains("30 days"), "{text}");
    let deleted = scene.graph("/directory/deletedItems/microsoft.graph.application").await;
    assert_eq!(deleted["value"].as_array().unwrap().len(), 2);
    let text = scene.ran(&["register"]).await;
    assert!(text.contains("application token-cache-api from the deleted items"), "{text}");
    assert_eq!(scene.setting("ENTRA_CLIENT_ID"), api);
    let again = scene.ran(&["register"]).await;
    assert!(again.contains("Nothing to do"), "{again}");
    scene.ran(&["clean-up", "--yes", "--restorable"]).await;
    scene.ran(&["clean-up", "--yes"]).await;
    let deleted = scene.graph("/directory/deletedItems/microsoft.graph.application").await;
    assert_eq!(deleted["value"], json!([]), "a later clean-up removes them for good");
}
