//! What Graph says no with, and what to do about it.

use std::fmt;

/// What a request is for, to be named in an error, and the rights it takes.
#[derive(Debug, Clone)]
pub(crate) struct Doing {
    pub(crate) what: String,
    pub(crate) needs: Needs,
}

/// Rights, as an administrator gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Needs {
    /// Nothing beyond a sign-in.
    SignIn,
    /// To make and change registrations.
    Registering,
    /// To agree to permissions for everybody.
    Consenting,
}

impl Needs {
    /// The delegated permission.
    pub(crate) fn permission(self) -> &'static str {
        match self {
            Self::SignIn => "User.Read",
            Self::Registering => "Application.ReadWrite.All",
            Self::Consenting => "DelegatedPermissionGrant.ReadWrite.All",
        }
    }

    fn role(self) -> &'static str {
        match self {
            Self::SignIn => "any user of the tenant",
            Self::Registering => {
                "Application Developer (or Cloud Application Administrator for what somebody else registered)"
            }
            Self::Consenting => "Cloud Application Administrator",
        }
    }
}

impl fmt::Display for Needs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the delegated permission {} of Microsoft Graph and the role {}",
            self.permission(),
            self.role()
        )
    }
}

/// Why a request to Graph led to nothing.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    #[error(
        "Microsoft Graph did not answer to `{what}`; run the same command again: it goes on where it stopped"
    )]
    NoAnswer {
        what: String,
        #[source]
        source: reqwest::Error,
    },
    #[error(
        "not allowed to {what} ({message}): it takes {needs}. Ask an administrator of the tenant to give you the role and to \
         approve the permission for the application that you sign in to, to run this command for you, or to follow \
         docs/register-by-hand.md"
    )]
    Denied { what: String, needs: String, message: String },
    #[error("the sign-in is no longer good ({message}); run the same command again and sign in anew")]
    SignInOver { message: String },
    #[error("cannot {what}: Microsoft Graph does not know it ({message})")]
    NotFound { what: String, message: String },
    #[error("cannot {what}: Microsoft Graph says {status} {code}: {message}")]
    Refused { what: String, status: u16, code: String, message: String },
    #[error(
        "cannot {what}: Microsoft Graph is busy or down ({status}); run the same command again in some minutes: it goes on \
         where it stopped"
    )]
    Busy { what: String, status: u16 },
    #[error(
        "cannot {what}: expected JSON of Microsoft Graph, got something else; check the address of Graph"
    )]
    Unreadable { what: String },
}
