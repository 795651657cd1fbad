#![no_main]

#[path = "../checks/msal_cache.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
