//! Processor time, of another process and of this one's threads, as Linux tells it (`proc_pid_stat(5)`).

use crate::error::{BenchError, cannot};
use std::fs;
use std::time::Duration;

/// Processor time until now of all threads that the process has had; to a hundredth of a second.
pub(crate) fn of_process(pid: u32) -> Result<Duration, BenchError> {
    let file = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&file).map_err(cannot(format!("read {file}")))?;
    cpu_time(&stat).ok_or_else(|| BenchError::NotMeasured(format!("{file} is not as expected: {stat}")))
}

/// Processor time until now of this process's threads that are called `name`, and of the others. Those that have ended are
/// left out.
pub(crate) fn of_own_threads(name: &str) -> Result<(Duration, Duration), BenchError> {
    let (mut named, mut others) = (Duration::ZERO, Duration::ZERO);
    for task in fs::read_dir("/proc/self/task").map_err(cannot("list this process's threads"))? {
        let folder = task.map_err(cannot("list this process's threads"))?.path();
        // A thread may end between being listed and being read.
        let Ok(stat) = fs::read_to_string(folder.join("stat")) else { continue };
        let Some(time) = cpu_time(&stat) else { continue };
        if name_of(&stat) == Some(name) { named += time } else { others += time }
    }
    Ok((named, others))
}

/// The second field, in parentheses, which may itself hold any.
fn name_of(stat: &str) -> Option<&str> {
    Some(stat.split_once('(')?.1.rsplit_once(')')?.0)
}

/// `utime` and `stime`, the 14th and 15th field.
fn cpu_time(stat: &str) -> Option<Duration> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(Duration::from_micros((user + system) * 1_000_000 / rustix::param::clock_ticks_per_second().max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_may_be_called_anything() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 150 25 7 7 20 0 4 0 100 0 0";
        let ticks = rustix::param::clock_ticks_per_second();
        assert_eq!(cpu_time(stat), Some(Duration::from_micros(175 * 1_000_000 / ticks)));
        assert_eq!(name_of(stat), Some("a) b (c"));
        assert_eq!(cpu_time("42 (cut"), None);
    }

    #[test]
    fn work_shows_at_the_thread_that_did_it() {
        let busy = std::thread::Builder::new().name("busy".to_owned()).spawn(|| {
            let begun = std::time::Instant::now();
            while of_own_threads("busy").unwrap().0 < Duration::from_millis(30) {
                assert!(begun.elapsed() < Duration::from_mins(1), "no processor time in a minute");
            }
        });
        busy.unwrap().join().unwrap();
        assert!(of_process(std::process::id()).unwrap() >= Duration::from_millis(30));
    }
}
