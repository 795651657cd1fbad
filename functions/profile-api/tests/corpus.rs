//! What fuzzing once tried holds on stable too.

#![cfg(test)]

#[path = "../../../fuzz/checks/answers.rs"]
mod answers;
#[path = "../../../fuzz/checks/api_answer.rs"]
mod api_answer;
#[path = "../../../fuzz/checks/corpus.rs"]
mod corpus;
#[path = "../../../fuzz/checks/loopback.rs"]
mod loopback;
#[path = "../../../fuzz/checks/requests.rs"]
mod requests;

#[test]
fn what_is_checked_of_answers_of_entra_and_graph_holds_for_their_corpus() {
    corpus::replay("../../fuzz/corpus/answers", 10, answers::check);
}

#[test]
fn what_is_checked_of_requests_holds_for_their_corpus() {
    corpus::replay("../../fuzz/corpus/requests", 10, requests::check);
}
