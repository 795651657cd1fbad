//! What fuzzing once tried holds on stable too.

#![cfg(test)]

#[path = "../../../fuzz/checks/answers.rs"]
mod answers;
#[path = "../../../fuzz/checks/api_answer.rs"]
mod api_answer;
#[path = "../../../fuzz/checks/loopback.rs"]
mod loopback;
#[path = "../../../fuzz/checks/replay.rs"]
mod replay;
#[path = "../../../fuzz/checks/requests.rs"]
mod requests;

#[test]
fn what_is_checked_of_answers_of_entra_and_graph_holds_for_their_corpus() {
    replay::folder("../../fuzz/corpus/answers", 10, answers::check);
}

#[test]
fn what_is_checked_of_requests_holds_for_their_corpus() {
    replay::folder("../../fuzz/corpus/requests", 10, requests::check);
}
