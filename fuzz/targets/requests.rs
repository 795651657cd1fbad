#![no_main]

#[path = "../checks/requests.rs"]
mod checks;
#[path = "../checks/api_answer.rs"]
mod api_answer;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
