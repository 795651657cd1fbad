//! What fuzzing once tried holds on stable too.

#[path = "../../../../fuzz/checks/bearer.rs"]
mod bearer;
#[path = "../../../../fuzz/checks/jwks.rs"]
mod jwks;
#[path = "../../../../fuzz/checks/loopback.rs"]
mod loopback;
#[path = "../../../../fuzz/checks/signer.rs"]
mod signer;

use std::path::Path;

fn replay(corpus: &str, check: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(corpus);
    let mut inputs = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let file = file.unwrap().path();
        // Only seen when it fails.
        println!("{}", file.display());
        check(&std::fs::read(file).unwrap());
        inputs += 1;
    }
    assert!(inputs >= 10, "{} has {inputs} inputs", folder.display());
}

#[test]
fn what_is_checked_of_authorization_headers_holds_for_their_corpus() {
    replay("bearer", bearer::check);
}

#[test]
fn what_is_checked_of_key_documents_holds_for_their_corpus() {
    replay("jwks", jwks::check);
}
