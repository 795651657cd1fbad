//! The stable names of failures, and the statuses that they come with. A test holds `openapi.yaml` to this.

use http::StatusCode;

macro_rules! codes {
    ($($variant:ident = $name:literal, $($status:ident)|+;)+) => {
        /// What a problem's `code` says.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Code {
            /// Why validation refused the caller's token, in the validator's own word.
            Refused(&'static str),
            $($variant,)+
        }

        impl Code {
            /// All but those of the validator.
            #[cfg(test)]
            pub(crate) const OWN: &[Self] = &[$(Self::$variant),+];

            pub(crate) const fn as_str(self) -> &'static str {
                match self {
                    Self::Refused(name) => name,
                    $(Self::$variant => $name,)+
                }
            }

            /// The usual one first.
            pub(crate) const fn statuses(self) -> &'static [StatusCode] {
                match self {
                    Self::Refused(_) => &[StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN],
                    $(Self::$variant => &[$(StatusCode::$status),+],)+
                }
            }
        }
    };
}

codes! {
    MissingToken = "missing_token", UNAUTHORIZED;
    InsufficientClaims = "insufficient_claims", UNAUTHORIZED;
    ConsentRequired = "consent_required", UNAUTHORIZED;
    InteractionRequired = "interaction_required", UNAUTHORIZED;
    MissingTokens = "missing_tokens", UNAUTHORIZED;
    StaleToken = "stale_token", UNAUTHORIZED;
    InsufficientScope = "insufficient_scope", FORBIDDEN;
    GraphForbidden = "graph_forbidden", FORBIDDEN;
    UnknownRoute = "unknown_route", NOT_FOUND;
    WrongMethod = "wrong_method", METHOD_NOT_ALLOWED;
    BackgroundAccessEnded = "background_access_ended", CONFLICT;
    BodyTooLarge = "body_too_large", PAYLOAD_TOO_LARGE;
    HeadersTooLarge = "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE;
    InternalError = "internal_error", INTERNAL_SERVER_ERROR;
    ApplicationRejected = "application_rejected", INTERNAL_SERVER_ERROR;
    SealingFailed = "sealing_failed", INTERNAL_SERVER_ERROR;
    StoreRejected = "store_rejected", INTERNAL_SERVER_ERROR;
    TokenCacheTooLarge = "token_cache_too_large", INTERNAL_SERVER_ERROR;
    EntraUnavailable = "entra_unavailable", SERVICE_UNAVAILABLE | BAD_GATEWAY | GATEWAY_TIMEOUT;
    GraphUnavailable = "graph_unavailable", SERVICE_UNAVAILABLE | BAD_GATEWAY | GATEWAY_TIMEOUT;
    Throttled = "throttled", SERVICE_UNAVAILABLE;
    KeysUnavailable = "keys_unavailable", SERVICE_UNAVAILABLE;
    StoreUnavailable = "store_unavailable", SERVICE_UNAVAILABLE;
    SealingKeyUnavailable = "sealing_key_unavailable", SERVICE_UNAVAILABLE;
    OutOfTime = "out_of_time", GATEWAY_TIMEOUT;
}
