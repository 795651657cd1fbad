//! In-memory ports, fixed clock, key pairs and token builders for tests.
