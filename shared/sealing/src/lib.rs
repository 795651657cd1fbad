//! Encryption of token cache blobs: byte format, derived keys, key sources.
