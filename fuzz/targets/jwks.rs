#![no_main]

#[path = "../checks/jwks.rs"]
mod checks;
#[path = "../checks/loopback.rs"]
mod loopback;
#[path = "../checks/signer.rs"]
mod signer;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
