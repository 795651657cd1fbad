//! What fuzzing once tried holds on stable too, and so do the caches of the other libraries.

#[path = "../../../../fuzz/checks/msal_cache.rs"]
mod checks;

use std::path::Path;

#[test]
fn what_the_fuzz_target_checks_holds_for_its_corpus() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["../../fuzz/corpus/msal_cache", "tests/caches"] {
        let folder = here.join(folder);
        let mut inputs = 0;
        for file in std::fs::read_dir(&folder).unwrap() {
            checks::check(&std::fs::read(file.unwrap().path()).unwrap());
            inputs += 1;
        }
        assert!(inputs >= 5, "{} has {inputs} inputs", folder.display());
    }
}
