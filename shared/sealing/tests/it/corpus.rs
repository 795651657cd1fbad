//! What fuzzing once tried holds on stable too.

#[path = "../../../../fuzz/checks/unseal.rs"]
mod checks;
#[path = "../../../../fuzz/checks/corpus.rs"]
mod corpus;

#[test]
fn what_the_fuzz_target_checks_holds_for_its_corpus() {
    corpus::replay("../../fuzz/corpus/unseal", 5, checks::check);
}
