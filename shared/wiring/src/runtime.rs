//! How many threads a function works with.

use crate::environment::Environment;
use std::io;
use std::num::NonZero;
use std::thread::available_parallelism;
use tokio::runtime::{Builder, Runtime};

/// The memory at which Lambda gives a whole vCPU; less memory gets the same part of one
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>).
const MEGABYTES_PER_VCPU: usize = 1_769;

/// The runtime for this environment: one thread where there is no more than one vCPU, so that no thread has to wake another,
/// and a thread for each where there are more.
pub fn runtime(environment: &Environment) -> io::Result<Runtime> {
    match threads(environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")) {
        1 => Builder::new_current_thread().enable_all().build(),
        threads => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    }
}

/// As many as there are vCPUs, by the memory that Lambda names. Where nobody does, as many as the machine has.
fn threads(memory_megabytes: Option<&str>) -> usize {
    let machine = available_parallelism().map_or(1, NonZero::get);
    let vcpus = memory_megabytes.and_then(|size| size.parse::<usize>().ok());
    vcpus.map_or(machine, |size| size.div_ceil(MEGABYTES_PER_VCPU)).clamp(1, machine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn below_one_vcpu_there_is_one_thread() {
        for size in ["128", "512", "1769"] {
            assert_eq!(threads(Some(size)), 1, "{size}");
        }
    }

    #[test]
    fn there_are_never_more_threads_than_the_machine_has_processors() {
        let machine = available_parallelism().unwrap().get();
        assert_eq!(threads(Some("1770")), machine.min(2));
        assert_eq!(threads(Some("999999999")), machine);
    }

    #[test]
    fn without_a_readable_size_the_machine_decides() {
        let machine = available_parallelism().unwrap().get();
        for size in [None, Some(""), Some("much")] {
            assert_eq!(threads(size), machine, "{size:?}");
        }
        assert_eq!(threads(Some("0")), 1);
    }

    #[test]
    fn small_functions_get_a_runtime_of_one_thread() {
        let environment: Environment = [("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")].into_iter().collect();
        let flavor = runtime(&environment).unwrap().handle().runtime_flavor();
        assert_eq!(flavor, tokio::runtime::RuntimeFlavor::CurrentThread);
    }
}
