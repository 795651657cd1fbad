//! The unified MSAL cache format: read, merge, write; no I/O.
