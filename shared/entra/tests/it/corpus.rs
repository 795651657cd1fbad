//! What fuzzing once tried holds on stable too.

#[path = "../../../../fuzz/checks/bearer.rs"]
mod bearer;
#[path = "../../../../fuzz/checks/jwks.rs"]
mod jwks;
#[path = "../../../../fuzz/checks/loopback.rs"]
mod loopback;
#[path = "../../../../fuzz/checks/replay.rs"]
mod replay;
#[path = "../../../../fuzz/checks/signer.rs"]
mod signer;

#[test]
fn what_is_checked_of_authorization_headers_holds_for_their_corpus() {
    replay::folder("../../fuzz/corpus/bearer", 10, bearer::check);
}

#[test]
fn what_is_checked_of_key_documents_holds_for_their_corpus() {
    replay::folder("../../fuzz/corpus/jwks", 10, jwks::check);
}
