//! What fuzzing once tried holds on stable too.

#![cfg(test)]

#[path = "../../../fuzz/checks/answers.rs"]
mod answers;
#[path = "../../../fuzz/checks/api_answer.rs"]
mod api_answer;
#[path = "../../../fuzz/checks/loopback.rs"]
mod loopback;
#[path = "../../../fuzz/checks/requests.rs"]
mod requests;

use std::path::Path;

fn replay(corpus: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(corpus);
    let mut inputs = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let file = file.unwrap().path();
        // Only seen when it fails.
        println!("{}", file.display());
        check(&std::fs::read(file).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 10, "{} has {inputs} inputs", folder.display());
}

#[test]
fn what_is_checked_of_answers_of_entra_and_graph_holds_for_their_corpus() {
    replay("answers", answers::check);
}

#[test]
fn what_is_checked_of_requests_holds_for_their_corpus() {
    replay("requests", requests::check);
}
