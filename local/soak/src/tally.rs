//! Counting by name, from many tasks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How often each thing happened, in groups that are printed as one line each.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<BTreeMap<(&'static str, String), u64>>);

impl Tally {
    pub(crate) fn add(&self, group: &'static str, name: impl Into<String>) {
        self.add_many(group, name, 1);
    }

    pub(crate) fn add_many(&self, group: &'static str, name: impl Into<String>, times: u64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((group, name.into())).or_default() += times;
    }

    /// One line a group: `group   name 3, other 4`.
    pub(crate) fn lines(&self) -> Vec<String> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for ((group, name), count) in &*counts {
            groups.entry(group).or_default().push(format!("{name} {count}"));
        }
        groups.iter().map(|(group, counts)| format!("  {group:<18} {}", counts.join(", "))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_counts_of_its_group() {
        let tally = Tally::default();
        tally.add("answers", "200");
        tally.add_many("answers", "503", 2);
        tally.add("faults", "429");
        assert_eq!(tally.lines(), ["  answers            200 1, 503 2", "  faults             429 1"]);
    }
}
