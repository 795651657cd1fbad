//! Why a run ended early.

use std::fmt::Display;

/// Either the product broke a promise, or the run could not be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SoakError {
    /// A promise of the product does not hold.
    #[error("{0}")]
    Broken(String),
    #[error("cannot {action}: {reason}")]
    Cannot { action: &'static str, reason: String },
}

/// For `map_err`: what could not be done.
pub(crate) fn cannot<E: Display>(action: &'static str) -> impl FnOnce(E) -> SoakError {
    move |error| SoakError::Cannot { action, reason: error.to_string() }
}

/// `Ok` while the promise holds.
pub(crate) fn promise(holds: bool, broken: impl FnOnce() -> String) -> Result<(), SoakError> {
    if holds { Ok(()) } else { Err(SoakError::Broken(broken())) }
}
