//! Which account is meant: by home account id, or by the user's sign-in name.

use super::{CommandError, Deployment};
use domain::identity::{HomeAccountId, UserPrincipalName};
use domain::ports::AccountStore as _;
use domain::sweep_accounts::AccountTarget;

/// `<object id>.<tenant id>`, else a name.
pub(super) fn parse(text: &str) -> AccountTarget {
    let text = text.trim();
    text.parse().map_or_else(|_| AccountTarget::Name(UserPrincipalName::new(text)), AccountTarget::Id)
}

impl Deployment {
    /// All that are called so.
    pub(super) async fn find(&self, text: &str) -> Result<Vec<HomeAccountId>, CommandError> {
        let found = match parse(text) {
            AccountTarget::Id(account) => vec![account],
            AccountTarget::Name(name) => self.table.accounts().find_by_user_principal_name(&name).await?,
        };
        if found.is_empty() { Err(CommandError::Unknown(text.to_owned())) } else { Ok(found) }
    }

    /// The one that is called so: what changes something must not pick among several.
    pub(super) async fn find_one(&self, text: &str) -> Result<HomeAccountId, CommandError> {
        match self.find(text).await?[..] {
            [account] => Ok(account),
            ref several => Err(CommandError::Ambiguous {
                name: text.to_owned(),
                ids: several.iter().map(ToString::to_string).collect(),
            }),
        }
    }
}
