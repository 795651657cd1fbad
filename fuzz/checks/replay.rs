//! What fuzzing once tried holds on stable too. The tests of the crates include this; their folders lie two below the top.

use std::path::Path;

/// Runs a check on every input of a folder, named from the crate's own.
///
/// # Panics
/// When something does not hold, or there are fewer inputs than there should be.
pub(crate) fn folder(name: &str, at_least: usize, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let mut inputs = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let file = file.unwrap().path();
        // Only seen when it fails.
        println!("{}", file.display());
        check(&std::fs::read(file).unwrap());
        inputs += 1;
    }
    assert!(inputs >= at_least, "{} has {inputs} inputs", folder.display());
}
