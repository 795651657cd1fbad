//! What fuzzing once tried holds on stable too.

#[path = "../../../../fuzz/checks/unseal.rs"]
mod checks;
#[path = "../../../../fuzz/checks/replay.rs"]
mod replay;

#[test]
fn what_the_fuzz_target_checks_holds_for_its_corpus() {
    replay::folder("../../fuzz/corpus/unseal", 5, checks::check);
}
