use crate::faults::Fault;
use crate::scene::Scene;

const COMMAND: [&str; 2] = ["register", "--admin-consent"];
/// More requests than a registration makes.
const FAR: usize = 100;

/// The whole registration, and how many requests it took.
async fn whole() -> (String, usize) {
    let scene = Scene::start().await;
    scene.door.set(Fault::None);
    scene.ran(&COMMAND).await;
    let requests = scene.door.seen().len();
    (scene.shape().await, requests)
}

async fn cut_and_completed(fault: fn(usize) -> Fault) {
    let (expected, requests) = whole().await;
    assert!((15..FAR).contains(&requests), "{requests}");
    for number in 1..=requests {
        let scene = Scene::start().await;
        scene.door.set(fault(number));
        let cut = scene.run(&COMMAND).await;
        assert!(cut.result.is_err(), "request {number} was lost, and nobody noticed:\n{}", cut.text);
        scene.door.set(Fault::None);
        let completed = scene.ran(&COMMAND).await;
        assert_eq!(scene.shape().await, expected, "cut at request {number}, then\n{completed}");
        let again = scene.ran(&COMMAND).await;
        assert!(again.contains("Nothing to do"), "cut at request {number}, then\n{again}");
    }
}

#[tokio::test]
async fn a_registration_that_was_cut_off_before_any_request_is_completed_by_the_next_run() {
    cut_and_completed(Fault::CutBefore).await;
}

#[tokio::test]
async fn a_registration_whose_answer_was_lost_at_any_request_is_completed_by_the_next_run() {
    cut_and_completed(Fault::CutAfter).await;
}

#[tokio::test]
async fn a_clean_up_that_was_cut_off_anywhere_is_completed_by_the_next_run() {
    let scene = Scene::start().await;
    let empty = (scene.directory().await, scene.files());
    scene.ran(&COMMAND).await;
    scene.door.set(Fault::None);
    scene.ran(&["clean-up", "--yes"]).await;
    let requests = scene.door.seen().len();
    assert_eq!((scene.directory().await, scene.files()), empty);
    for number in 1..=requests {
        for fault in [Fault::CutBefore(number), Fault::CutAfter(number)] {
            scene.ran(&COMMAND).await;
            scene.door.set(fault);
            let cut = scene.run(&["clean-up", "--yes"]).await;
            assert!(cut.result.is_err(), "{fault:?}\n{}", cut.text);
            scene.door.set(Fault::None);
            scene.ran(&["clean-up", "--yes"]).await;
            assert_eq!((scene.directory().await, scene.files()), empty, "{fault:?}");
        }
    }
}
