//! What fuzzing once tried holds on stable too, and so do the caches of the other libraries.

#[path = "../../../../fuzz/checks/msal_cache.rs"]
mod checks;
#[path = "../../../../fuzz/checks/replay.rs"]
mod replay;

#[test]
fn what_the_fuzz_target_checks_holds_for_its_corpus() {
    replay::folder("../../fuzz/corpus/msal_cache", 5, checks::check);
    replay::folder("tests/caches", 5, checks::check);
}
