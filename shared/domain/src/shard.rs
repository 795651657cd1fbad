//! Parts of the due index, so that many workers can read it at once.
//!
//! Their number is part of the data: an account lies in the shard in which it was last written. To change the number, the
//! generation is raised too; accounts move over as they are written, and both generations are read until the old one is
//! empty. Nothing has to be rewritten for it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;

/// One shard: its generation and its number in it. Written `v1#07`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ShardName {
    pub generation: u32,
    pub number: u32,
}

impl fmt::Display for ShardName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "v{}#{:02}", self.generation, self.number)
    }
}

/// A text that names no shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the name of a shard, such as v1#07")]
pub struct NoShardName;

impl FromStr for ShardName {
    type Err = NoShardName;

    fn from_str(text: &str) -> Result<Self, NoShardName> {
        let (generation, number) =
            text.strip_prefix('v').and_then(|rest| rest.split_once('#')).ok_or(NoShardName)?;
        let parse = |digits: &str| digits.parse::<u32>().map_err(|_| NoShardName);
        let name = Self { generation: parse(generation)?, number: parse(number)? };
        // One spelling each, so that names can be compared as texts.
        if name.to_string() == text { Ok(name) } else { Err(NoShardName) }
    }
}

impl TryFrom<String> for ShardName {
    type Error = NoShardName;

    fn try_from(text: String) -> Result<Self, NoShardName> {
        text.parse()
    }
}

impl From<ShardName> for String {
    fn from(name: ShardName) -> Self {
        name.to_string()
    }
}

/// The shards of a deployment. All its functions must agree on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shards {
    /// Where accounts are written to.
    pub generation: u32,
    pub count: NonZeroU32,
    /// How many the generation before had, while it is not empty yet.
    pub draining: Option<NonZeroU32>,
}

impl Shards {
    /// The first generation.
    pub fn first(count: NonZeroU32) -> Self {
        Self { generation: 1, count, draining: None }
    }

    /// All that are read: first what is draining, because what waits there has waited longest.
    pub fn names(self) -> impl Iterator<Item = ShardName> + Clone + Send {
        let of = |generation: u32, count: u32| (0..count).map(move |number| ShardName { generation, number });
        let draining = self.draining.map_or(0, NonZeroU32::get);
        of(self.generation.saturating_sub(1), draining).chain(of(self.generation, self.count.get()))
    }

    /// Whether this deployment reads it.
    pub fn include(self, name: ShardName) -> bool {
        let draining = self.draining.map_or(0, NonZeroU32::get);
        (name.generation == self.generation && name.number < self.count.get())
            || (name.generation.checked_add(1) == Some(self.generation) && name.number < draining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shards(generation: u32, count: u32, draining: u32) -> Shards {
        Shards { generation, count: NonZeroU32::new(count).unwrap(), draining: NonZeroU32::new(draining) }
    }

    #[test]
    fn a_name_has_one_spelling() {
        for text in ["v1#00", "v1#07", "v12#99", "v1#100"] {
            assert_eq!(text.parse::<ShardName>().unwrap().to_string(), text);
        }
        for text in
            ["", "v1", "1#07", "v1#7", "v01#07", "v1#007", "v#07", "v1#-1", "v1#+1", "v1#07 ", "V1#07"]
        {
            assert_eq!(text.parse::<ShardName>(), Err(NoShardName), "{text}");
        }
    }

    #[test]
    fn both_generations_are_read_until_the_old_one_is_empty() {
        let names: Vec<String> = shards(2, 3, 2).names().map(|name| name.to_string()).collect();
        assert_eq!(names, ["v1#00", "v1#01", "v2#00", "v2#01", "v2#02"]);
        let names: Vec<String> = shards(2, 3, 0).names().map(|name| name.to_string()).collect();
        assert_eq!(names, ["v2#00", "v2#01", "v2#02"]);
    }

    #[test]
    fn only_what_is_read_is_included() {
        let shards = shards(2, 3, 2);
        for name in shards.names() {
            assert!(shards.include(name));
        }
        for text in ["v1#02", "v2#03", "v3#00", "v0#00", "v4294967295#00", "v1#4294967295"] {
            assert!(!shards.include(text.parse().unwrap()), "{text}");
        }
    }
}
