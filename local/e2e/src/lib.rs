//! Whole-system tests; they are in `tests/`, and with other languages' tools in `python/`, `node/` and `dotnet/`.
