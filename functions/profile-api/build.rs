//! Makes JSON of `openapi.yaml`, so that the function carries the contract as it serves it.

use std::error::Error;
use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let yaml = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../openapi.yaml");
    println!("cargo:rerun-if-changed={}", yaml.display());
    let contract: serde_json::Value = serde_saphyr::from_str(&fs::read_to_string(yaml)?)?;
    let out = env::var_os("OUT_DIR").ok_or("cargo names OUT_DIR to build scripts")?;
    fs::write(Path::new(&out).join("openapi.json"), serde_json::to_vec(&contract)?)?;
    Ok(())
}
