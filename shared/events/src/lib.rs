//! EventBridge publisher.
