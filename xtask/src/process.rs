//! Child processes. Each has a process group of its own, so that whatever it starts ends with it, also on Ctrl-C.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// How long a group may take to end after it was asked to, before it is killed.
const GRACE: Duration = Duration::from_secs(10);
/// How often a child is looked at: `std` offers no wait with a limit.
const POLL: Duration = Duration::from_millis(25);

/// The groups that are alive now; the signal thread ends them.
static GROUPS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// Ends all children and leaves with 130 when this process is interrupted.
pub(crate) fn stop_children_on_signals() {
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    thread::spawn(move || {
        if signals.forever().next().is_some() {
            let groups: Vec<i32> =
                GROUPS.lock().map(|groups| groups.iter().copied().collect()).unwrap_or_default();
            eprintln!("interrupted: ending {} running commands", groups.len());
            end_groups(&groups);
            std::process::exit(130);
        }
    });
}

/// A running child with everything it started. Dropping it ends them all.
pub(crate) struct Group {
    child: Child,
    id: i32,
}

impl Group {
    /// Starts `command` without standard input, in a new process group.
    pub(crate) fn start(mut command: Command) -> io::Result<Self> {
        let child = command.stdin(Stdio::null()).process_group(0).spawn()?;
        let id = i32::try_from(child.id()).map_err(io::Error::other)?;
        if let Ok(mut groups) = GROUPS.lock() {
            groups.insert(id);
        }
        Ok(Self { child, id })
    }

    /// The exit status once the leader has ended, `None` while it runs.
    pub(crate) fn poll(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Waits for the leader to end; `None` when it has not within `limit`.
    pub(crate) fn wait(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.poll()? {
                return Ok(Some(status));
            }
            if start.elapsed() > limit {
                return Ok(None);
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = Pid::from_raw(self.id) {
            let _ = kill_process_group(group, Signal::TERM);
        }
        // The leader must be reaped, or its group would look alive for ever.
        if let Ok(None) = self.wait(GRACE) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        end_groups(&[self.id]);
        if let Ok(mut groups) = GROUPS.lock() {
            groups.remove(&self.id);
        }
    }
}

fn end_groups(ids: &[i32]) {
    let groups: Vec<Pid> = ids.iter().copied().filter_map(Pid::from_raw).collect();
    let alive = |group: &Pid| test_kill_process_group(*group).is_ok();
    for group in groups.iter().filter(|group| alive(group)) {
        let _ = kill_process_group(*group, Signal::TERM);
    }
    let start = Instant::now();
    while groups.iter().any(alive) && start.elapsed() < GRACE {
        thread::sleep(POLL);
    }
    for group in groups.iter().filter(|group| alive(group)) {
        let _ = kill_process_group(*group, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};

    use super::*;

    #[test]
    fn dropping_a_group_ends_what_its_leader_started() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $!; wait"]).stdout(Stdio::piped());
        let mut group = Group::start(command).unwrap();
        let mut line = String::new();
        BufReader::new(group.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let grandchild = Pid::from_raw(line.trim().parse().unwrap()).unwrap();
        let id = group.id;

        drop(group);

        assert!(rustix::process::test_kill_process(grandchild).is_err() || is_zombie(grandchild));
        assert!(!GROUPS.lock().unwrap().contains(&id));
    }

    /// An orphan that nobody reaped yet, as in a container without an init process.
    fn is_zombie(pid: Pid) -> bool {
        let stat = format!("/proc/{}/stat", pid.as_raw_nonzero());
        std::fs::read_to_string(stat).is_ok_and(|stat| stat.contains(") Z "))
    }

    #[test]
    fn a_child_that_outlives_its_limit_is_reported() {
        let mut command = Command::new("sleep");
        command.arg("600");
        let mut group = Group::start(command).unwrap();
        assert!(group.wait(Duration::from_millis(50)).unwrap().is_none());
    }
}
