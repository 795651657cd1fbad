//! What fuzzing once tried holds on stable too, and so do the caches of the other libraries.

#[path = "../../../../fuzz/checks/msal_cache.rs"]
mod checks;
#[path = "../../../../fuzz/checks/corpus.rs"]
mod corpus;

#[test]
fn what_the_fuzz_target_checks_holds_for_its_corpus() {
    corpus::replay("../../fuzz/corpus/msal_cache", 5, checks::check);
    corpus::replay("tests/caches", 5, checks::check);
}
