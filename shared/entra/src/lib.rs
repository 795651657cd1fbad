//! Microsoft Entra ID over HTTP: signing keys, access-token validation, On-Behalf-Of, refresh.
