//! Update expressions, with a placeholder for every name and value: many of the names are reserved words.

use aws_sdk_dynamodb::types::AttributeValue;
use std::collections::HashMap;

/// Collects what an `UpdateItem` sets and removes, and what its condition names.
#[derive(Default)]
pub(crate) struct Update {
    set: Vec<String>,
    remove: Vec<String>,
    pub(crate) names: HashMap<String, String>,
    pub(crate) values: HashMap<String, AttributeValue>,
}

impl Update {
    /// `SET attribute = value`.
    pub(crate) fn set(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(attribute, value));
        self.set.push(format!("{name} = {value}"));
    }

    /// `SET attribute = value`, unless it has one.
    pub(crate) fn set_if_absent(&mut self, attribute: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(attribute, value));
        self.set.push(format!("{name} = if_not_exists({name}, {value})"));
    }

    /// `SET attribute = other`, or to the value where there is no such other attribute.
    pub(crate) fn set_from(&mut self, attribute: &str, other: &str, value: AttributeValue) {
        let (name, value) = (self.name(attribute), self.value(attribute, value));
        let other = self.name(other);
        self.set.push(format!("{name} = if_not_exists({other}, {value})"));
    }

    pub(crate) fn remove(&mut self, attribute: &str) {
        let name = self.name(attribute);
        self.remove.push(name);
    }

    /// The placeholder of an attribute, for use in a condition.
    pub(crate) fn name(&mut self, attribute: &str) -> String {
        let placeholder = format!("#{attribute}");
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    /// A placeholder for a value, for use in a condition. One name holds one value.
    pub(crate) fn value(&mut self, name: &str, value: AttributeValue) -> String {
        let placeholder = format!(":{name}");
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    /// What an update that only sets would leave behind, for writing an item whole.
    pub(crate) fn into_attributes(self) -> impl Iterator<Item = (String, AttributeValue)> {
        debug_assert!(self.remove.is_empty(), "a whole item has nothing to remove");
        self.values.into_iter().map(|(placeholder, value)| (placeholder.replacen(':', "", 1), value))
    }

    pub(crate) fn expression(&self) -> String {
        let mut clauses = Vec::new();
        if !self.set.is_empty() {
            clauses.push(format!("SET {}", self.set.join(", ")));
        }
        if !self.remove.is_empty() {
            clauses.push(format!("REMOVE {}", self.remove.join(", ")));
        }
        clauses.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::number;

    #[test]
    fn every_name_and_value_is_a_placeholder() {
        let mut update = Update::default();
        update.set("status", number(1));
        update.set_if_absent("count", number(2));
        update.set_from("due_at", "activity_due_at", number(3));
        update.remove("lease_owner");
        assert_eq!(
            update.expression(),
            "SET #status = :status, #count = if_not_exists(#count, :count), \
             #due_at = if_not_exists(#activity_due_at, :due_at) REMOVE #lease_owner"
        );
        assert_eq!(update.names.len(), 5);
        assert_eq!(update.values.len(), 3);
    }
}
