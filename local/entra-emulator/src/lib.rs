//! Offline Microsoft Entra ID and Microsoft Graph for local runs and tests.
