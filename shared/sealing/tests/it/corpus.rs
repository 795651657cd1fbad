//! What fuzzing once tried holds on stable too.

#[path = "../../../../fuzz/checks/unseal.rs"]
mod checks;

use std::path::Path;

#[test]
fn what_the_fuzz_target_checks_holds_for_its_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/unseal");
    let mut inputs = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        checks::check(&std::fs::read(file.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 5, "{} has {inputs} inputs", folder.display());
}
