//! Vocabulary, use cases and ports of the shared token cache; no HTTP, no AWS, no environment.
