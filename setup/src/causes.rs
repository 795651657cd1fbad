//! Errors for people.

use std::error::Error;

/// An error with everything that led to it, on one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut said = error.to_string().replace('\n', " ");
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string().replace('\n', " ");
        // Transparent errors repeat their source.
        if !said.ends_with(&text) {
            said = format!("{said}: {text}");
        }
        cause = error.source();
    }
    said
}
