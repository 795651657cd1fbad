//! What a seal promises, whatever its key comes from.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test that uses them")]

mod corpus;
mod deployment;
mod kms_over_http;
mod kms_sealer;
mod local_sealer;
mod on_moto;
mod vectors;

use domain::ports::ItemAddress;

/// The place of one account's tokens.
fn address() -> ItemAddress {
    ItemAddress {
        table: "accounts".into(),
        partition_key: "ACCOUNT#ana".into(),
        sort_key: "TOKENS#client".into(),
        client_id: "client".into(),
    }
}
