//! Processor time, of another process and of this one's threads, as Linux tells it (`proc_pid_stat(5)`).

use crate::error::{BenchError, cannot};
use std::fs;
use std::time::Duration;

/// Processor time until now of all threads that the process has had.
///
/// The scheduler counts nanoseconds, but only of threads that still run; the process's own sum is in hundredths of a second, user
/// and system each cut to whole ones. The larger counts: of threads that have ended at most two hundredths are missed.
pub(crate) fn of_process(pid: u32) -> Result<Duration, BenchError> {
    let file = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&file).map_err(cannot(format!("read {file}")))?;
    let counted = cpu_time(&stat)
        .ok_or_else(|| BenchError::NotMeasured(format!("{file} is not as expected: {stat}")))?;
    Ok(counted.max(of_running_threads(pid)?))
}

/// The first field of each thread's `schedstat`, in nanoseconds (Linux, `Documentation/scheduler/sched-stats.rst`); nothing where
/// the kernel does not keep it.
fn of_running_threads(pid: u32) -> Result<Duration, BenchError> {
    let tasks = format!("/proc/{pid}/task");
    let mut nanoseconds = 0;
    for task in fs::read_dir(&tasks).map_err(cannot(format!("list {tasks}")))? {
        let file = task.map_err(cannot(format!("list {tasks}")))?.path().join("schedstat");
        // A thread may end between being listed and being read.
        let Ok(schedstat) = fs::read_to_string(file) else { continue };
        let on_processor = schedstat.split_ascii_whitespace().next().and_then(|field| field.parse().ok());
        nanoseconds += on_processor.unwrap_or(0_u64);
    }
    Ok(Duration::from_nanos(nanoseconds))
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

/// Processor time until now of all that this machine does, idling and waiting for disks left out (`proc_stat(5)`).
pub(crate) fn of_machine() -> Result<Duration, BenchError> {
    let stat = fs::read_to_string("/proc/stat").map_err(cannot("read /proc/stat"))?;
    busy_time(&stat).ok_or_else(|| BenchError::NotMeasured(format!("/proc/stat is not as expected: {stat}")))
}

/// `user`, `nice`, `system`, `irq`, `softirq` and `steal` of the first line.
fn busy_time(stat: &str) -> Option<Duration> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = line.split_ascii_whitespace().filter_map(|field| field.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, steal, ..] = fields[..] else { return None };
    Some(ticks(user + nice + system + irq + softirq + steal))
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
    Some(ticks(user + system))
}

fn ticks(count: u64) -> Duration {
    Duration::from_micros(count * 1_000_000 / rustix::param::clock_ticks_per_second().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_may_be_called_anything() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 150 25 7 7 20 0 4 0 100 0 0";
        assert_eq!(cpu_time(stat), Some(ticks(175)));
        assert_eq!(name_of(stat), Some("a) b (c"));
        assert_eq!(cpu_time("42 (cut"), None);
    }

    #[test]
    fn idling_is_no_work() {
        let stat = "cpu  1 2 4 1000 1000 8 16 32 64 64\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
        assert_eq!(busy_time(stat), Some(ticks(63)));
        assert_eq!(busy_time("cpu0 1 2"), None);
        assert!(of_machine().unwrap() > Duration::ZERO);
    }

    #[test]
    fn work_shows_at_the_thread_that_did_it() {
        let busy = std::thread::Builder::new().name("busy".to_owned()).spawn(|| {
            let begun = std::time::Instant::now();
            while of_own_threads("busy").unwrap().0 < Duration::from_millis(60) {
                assert!(begun.elapsed() < Duration::from_mins(1), "no processor time in a minute");
            }
        });
        busy.unwrap().join().unwrap();
        let counted = of_process(std::process::id()).unwrap();
        assert!(counted >= Duration::from_millis(40), "all but two hundredths of a second: {counted:?}");
    }
}
