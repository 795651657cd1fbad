//! The adapter against scripted HTTP.

mod me;
