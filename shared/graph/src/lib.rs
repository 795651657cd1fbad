//! Microsoft Graph over HTTP.
//!
//! The HTTP client is passed in and must not follow redirects, or a token could be sent elsewhere.

mod challenge;
mod me;

pub use me::GraphProfileReader;
