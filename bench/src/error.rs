//! Why a measurement came to no figures.

/// A part that was needed did not work, or what was to be measured did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error("cannot {action}: {reason}")]
    Cannot { action: String, reason: String },
    #[error("{0}")]
    NotMeasured(String),
}

/// Used as `.map_err(cannot("start the stack"))`.
pub(crate) fn cannot<E: std::error::Error>(action: impl Into<String>) -> impl FnOnce(E) -> BenchError {
    let action = action.into();
    move |error| BenchError::Cannot { action, reason: with_causes(&error) }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        // Transparent errors repeat their source.
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}
