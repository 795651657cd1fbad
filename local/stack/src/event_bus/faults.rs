//! What goes wrong on purpose.

use serde::{Deserialize, Serialize};
use time::Duration;

/// Things that happen at Amazon now and then, made to happen always. None by default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Faults {
    /// Every so many entries of `PutEvents`, counted over all requests since the start, one fails with
    /// `ThrottlingException`. 1 refuses all, 0 none.
    pub refuse_every: u32,
    /// Every task is put into the queue twice, as two messages with one event id.
    pub deliver_twice: bool,
    /// How long a task stays hidden at first.
    pub delay_seconds: u32,
    /// What came last is delivered first.
    pub newest_first: bool,
}

impl Faults {
    /// Whether the entry of this number, counted from 1, fails.
    pub(super) fn refuses(self, number: u64) -> bool {
        self.refuse_every != 0 && number.is_multiple_of(self.refuse_every.into())
    }

    pub(super) fn deliveries(self) -> usize {
        if self.deliver_twice { 2 } else { 1 }
    }

    pub(super) fn delay(self) -> Duration {
        Duration::seconds(self.delay_seconds.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nth_entry_is_refused() {
        let refused = |every| {
            let faults = Faults { refuse_every: every, ..Faults::default() };
            (1..=6).filter(|number| faults.refuses(*number)).collect::<Vec<u64>>()
        };
        assert!(refused(0).is_empty());
        assert_eq!(refused(1), [1, 2, 3, 4, 5, 6]);
        assert_eq!(refused(3), [3, 6]);
    }

    #[test]
    fn a_misspelt_fault_is_an_error() {
        assert!(serde_json::from_str::<Faults>(r#"{"deliverTwice": true}"#).unwrap().deliver_twice);
        assert!(serde_json::from_str::<Faults>(r#"{"deliver_twice": true}"#).is_err());
    }
}
