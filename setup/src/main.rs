//! `cargo run -p setup -- …`: registers the two apps in a tenant, checks a deployment, and looks after its accounts.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    setup::run().await
}
