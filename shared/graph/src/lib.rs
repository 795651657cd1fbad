//! Microsoft Graph over HTTP.
