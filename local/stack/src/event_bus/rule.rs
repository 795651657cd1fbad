//! Which events a rule passes on.

use super::entry::BusEvent;

/// An event pattern of exact values: an event matches if each field has one of them.
/// <https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html>
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    pub(super) sources: &'static [&'static str],
    pub(super) detail_types: &'static [&'static str],
}

impl Rule {
    pub(super) fn matches(self, event: &BusEvent) -> bool {
        self.sources.contains(&event.source.as_str())
            && self.detail_types.contains(&event.detail_type.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::super::SWEEP_TASKS;
    use super::*;
    use serde_json::json;
    use time::OffsetDateTime;

    #[test]
    fn source_and_detail_type_must_both_match() {
        for (source, detail_type, matches) in [
            ("shared-token-cache", "SweepShard", true),
            ("shared-token-cache", "sweepshard", false),
            ("shared-token-cache", "ProfileChanged", false),
            ("somebody-else", "SweepShard", false),
        ] {
            let entry = json!({ "Source": source, "DetailType": detail_type, "Detail": "{}" });
            let event = BusEvent::read(&entry, OffsetDateTime::UNIX_EPOCH).unwrap();
            assert_eq!(SWEEP_TASKS.matches(&event), matches, "{source} {detail_type}");
        }
    }
}
