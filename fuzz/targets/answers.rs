#![no_main]

#[path = "../checks/answers.rs"]
mod checks;
#[path = "../checks/api_answer.rs"]
mod api_answer;
#[path = "../checks/loopback.rs"]
mod loopback;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::check(data));
