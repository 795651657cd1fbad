//! Words for what is kept.

use domain::account::{AccountActivity, AccountStatus, Failure, LastSweep};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub(super) const NOTHING: &str = "-";

/// As in the table and in answers of the API.
pub(super) fn status(status: AccountStatus) -> &'static str {
    match status {
        AccountStatus::Active => "active",
        AccountStatus::Failing => "failing",
        AccountStatus::NeedsUser => "needs_user",
    }
}

/// To the second, in UTC.
pub(super) fn instant(time: OffsetDateTime) -> String {
    let whole = time.replace_nanosecond(0).unwrap_or(time);
    whole.format(&Rfc3339).unwrap_or_else(|_| time.unix_timestamp().to_string())
}

pub(super) fn optional_instant(time: Option<OffsetDateTime>) -> String {
    time.map_or_else(|| NOTHING.to_owned(), instant)
}

pub(super) fn last_turn(last: Option<&LastSweep>) -> String {
    last.map_or_else(|| NOTHING.to_owned(), |last| format!("{} {}", instant(last.at), last.outcome.as_str()))
}

/// `user_needed AADSTS50173`
pub(super) fn failure(failure: &Failure) -> String {
    let code = failure.code.map(|code| format!(" AADSTS{code}")).unwrap_or_default();
    let suberror = failure.suberror.as_ref().map(|text| format!(" ({text})")).unwrap_or_default();
    format!("{}{code}{suberror}", failure.class.as_str())
}

pub(super) fn name(activity: &AccountActivity) -> &str {
    activity.user_principal_name.as_ref().map_or(NOTHING, |name| name.as_str())
}

/// `null` in JSON where there is nothing.
pub(super) fn json_instant(time: Option<OffsetDateTime>) -> Value {
    time.map_or(Value::Null, |time| instant(time).into())
}
