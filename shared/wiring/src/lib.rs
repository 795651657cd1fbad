//! Environment to configuration to adapters to App; telemetry.
