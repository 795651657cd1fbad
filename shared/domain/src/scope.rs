//! Permissions, compared as Entra compares them: as a set and without regard to case.

use std::fmt;

/// Scopes that ask for parts of the answer and are never part of an access token.
const RESERVED: [&str; 4] = ["openid", "profile", "offline_access", "email"];

/// A set of delegated permissions in the order given, without duplicates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeSet(Vec<String>);

impl ScopeSet {
    /// Reads the form of OAuth 2.0 (RFC 6749 §3.3): separated by blanks, and by nothing else that looks like one.
    pub fn parse(text: &str) -> Self {
        let mut scopes: Vec<String> = Vec::new();
        for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
            if !scopes.iter().any(|present| present.eq_ignore_ascii_case(scope)) {
                scopes.push(scope.to_owned());
            }
        }
        Self(scopes)
    }

    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|present| present.eq_ignore_ascii_case(scope))
    }

    pub fn contains_any(&self, scopes: &[&str]) -> bool {
        scopes.iter().any(|scope| self.contains(scope))
    }

    /// Without `openid`, `profile`, `offline_access` and `email`, which never appear in an access token.
    #[must_use]
    pub fn without_reserved(&self) -> Self {
        Self(
            self.0
                .iter()
                .filter(|scope| !RESERVED.iter().any(|one| one.eq_ignore_ascii_case(scope)))
                .cloned()
                .collect(),
        )
    }

    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.join(" "))
    }
}
