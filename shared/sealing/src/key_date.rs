//! What branch keys in the table are called.

use std::fmt;
use std::str::FromStr;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;
use time::{Date, OffsetDateTime, UtcOffset};

const FORMAT: StaticFormatDescription = format_description!("[year]-[month]-[day]");

/// The day (UTC) on which a branch key was made, as `YYYY-MM-DD`: its name in the table, in blobs and in the encryption
/// context. Later dates are greater, as texts too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyDate(Date);

/// A text is not a date as branch keys are named by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a date such as 2026-11-22")]
pub struct InvalidKeyDate;

impl KeyDate {
    pub fn of(time: OffsetDateTime) -> Self {
        Self(time.to_offset(UtcOffset::UTC).date())
    }

    /// Whole days from this date to `today`; negative when it lies ahead (clocks differ a little).
    pub(crate) fn days_until(self, today: Self) -> i64 {
        (today.0 - self.0).whole_days()
    }
}

impl fmt::Display for KeyDate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.0.to_calendar_date();
        write!(formatter, "{year:04}-{:02}-{day:02}", u8::from(month))
    }
}

impl FromStr for KeyDate {
    type Err = InvalidKeyDate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let date = Self(Date::parse(text, FORMAT).map_err(|_| InvalidKeyDate)?);
        // One date, one text: a sign before the year would name the same key twice.
        if date.to_string() == text { Ok(date) } else { Err(InvalidKeyDate) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    #[test]
    fn the_day_is_that_of_utc() {
        let late = datetime!(2026-11-22 23:30 -3);
        assert_eq!(KeyDate::of(late).to_string(), "2026-11-23");
        assert_eq!("2026-11-23".parse(), Ok(KeyDate::of(late)));
    }

    #[test]
    fn only_the_one_spelling_is_a_date() {
        for text in ["", "local", "2026-11-31", "2026-1-2", "+2026-11-22", "2026-11-22 ", "20261122"] {
            assert_eq!(text.parse::<KeyDate>(), Err(InvalidKeyDate), "{text}");
        }
    }

    #[test]
    fn age_is_counted_in_days() {
        let (old, new) = ("2026-12-31".parse::<KeyDate>().unwrap(), "2027-01-02".parse().unwrap());
        assert_eq!((old.days_until(new), new.days_until(old)), (2, -2));
        assert!(old < new && old.to_string() < new.to_string());
    }
}
