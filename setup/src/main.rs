//! `cargo run -p setup -- …`: registers the two apps in a tenant.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    setup::run().await
}
