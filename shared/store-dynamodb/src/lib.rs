//! The DynamoDB table: token cache, account activity, due index, claims.
//!
//! Start at [`DynamoDbAccountStore`]. The items and their attributes are named in `keys`, how they are written and read in
//! `item`; [`table`] makes the table itself. All items of an account share a partition key, so that one consistent query
//! reads everything there is of it.
//!
//! | attribute | of | kept as |
//! |---|---|---|
//! | `ttl` | all | epoch seconds; the reader leaves out what is past it, because DynamoDB deletes late |
//! | `begun_at` | tokens, activity, profile | epoch milliseconds: when the request or turn began that this comes from |
//! | `erased_at`, `refused_assertions` | tombstone | epoch milliseconds: what began then or earlier is left out; list of strings |
//! | `blob`, `version` | tokens, quarantine; signing keys (no version) | binary, number |
//! | `cause`, `found_at` | quarantine | string, epoch seconds |
//! | `last_activity`, `due_at`, `lease_until` | activity | epoch seconds |
//! | `sweep_shard` | activity | `v1#07`; there only together with `due_at`, because an index key that is missing keeps the item out of the index |
//! | `activity_due_at` | activity | the turn that the user asked for since the last claim |
//! | `blocked_until` | brake | epoch seconds |
//! | `wrapped`, `kms_key`, `created_at` | branch key | binary, string, epoch seconds; these items have no `ttl` |
//! | `failure`, `last_sweep`, `profile` | activity, profile | maps |

mod activity;
mod brake;
mod branch_keys;
mod due_index;
mod erasure;
mod error;
mod expression;
mod item;
mod keys;
mod load;
pub mod operator;
pub mod probe;
mod profile;
mod quarantine;
mod signing_keys;
mod store;
pub mod table;
mod ticks;
mod tokens;
mod turn;

pub use branch_keys::{BranchKeyCreation, BranchKeyItem, DynamoDbBranchKeys};
pub use keys::shard_of;
pub use signing_keys::DynamoDbSigningKeys;
pub use store::DynamoDbAccountStore;
pub use tokens::MAX_BLOB_BYTES;
