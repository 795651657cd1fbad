//! The scheduled Lambda: works for users who have gone away.
