//! Runs steps in two lanes: what compiles Rust (cargo would make the others wait anyway), and everything else.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::console::{Colour, Console, seconds};
use crate::run::{Run, StepResult, Stop, log_path, text_of};
use crate::steps::{Lane, Step};

/// How often a line says what is still running, so that a long step is not silent.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How much of a failed step's log is shown; the whole is on disk.
const SHOWN_LINES: usize = 120;

/// One step that has ended.
struct Ended {
    name: &'static str,
    result: StepResult,
    elapsed: Duration,
}

#[derive(Default)]
struct State {
    started: BTreeMap<&'static str, Instant>,
    ended: Vec<Ended>,
}

impl State {
    fn result_of(&self, name: &str) -> Option<&StepResult> {
        self.ended.iter().find(|ended| ended.name == name).map(|ended| &ended.result)
    }
}

/// How a run went.
pub(crate) struct Report {
    ended: Vec<Ended>,
    elapsed: Duration,
}

struct Scheduler<'a> {
    steps: &'a [&'static Step],
    root: &'a Path,
    console: &'a Console,
    state: Mutex<State>,
    changed: Condvar,
    begin: Instant,
}

/// Runs the steps, goes on after failures, and prints one line per step.
pub(crate) fn run(steps: &[&'static Step], root: &Path, console: &Console) -> Report {
    let scheduler = Scheduler {
        steps,
        root,
        console,
        state: Mutex::default(),
        changed: Condvar::new(),
        begin: Instant::now(),
    };
    thread::scope(|scope| {
        scope.spawn(|| scheduler.work(Lane::Cargo));
        scope.spawn(|| scheduler.work(Lane::Other));
        scope.spawn(|| scheduler.heartbeat());
    });
    let mut ended = scheduler.state.into_inner().unwrap_or_else(PoisonError::into_inner).ended;
    ended.sort_by_key(|ended| steps.iter().position(|step| step.name == ended.name));
    Report { ended, elapsed: scheduler.begin.elapsed() }
}

impl Scheduler<'_> {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, lane: Lane) {
        while let Some((step, blocked)) = self.next(lane) {
            let begin = Instant::now();
            let result = match blocked {
                Some(reason) => Err(Stop::Skipped(reason)),
                None => self.execute(step),
            };
            let ended = Ended { name: step.name, result, elapsed: begin.elapsed() };
            self.announce(&ended);
            let mut state = self.lock();
            state.started.remove(step.name);
            state.ended.push(ended);
            drop(state);
            self.changed.notify_all();
        }
    }

    fn execute(&self, step: &Step) -> StepResult {
        let mut run = Run::open(self.root, step.name)?;
        (step.run)(&mut run)
    }

    /// The lane's next step whose predecessors have ended, in table order, and why it cannot run if one of them did not
    /// pass. Waits while all that are left wait for the other lane; `None` when the lane is done.
    fn next(&self, lane: Lane) -> Option<(&'static Step, Option<String>)> {
        let mut state = self.lock();
        loop {
            let waiting: Vec<&'static Step> = self
                .steps
                .iter()
                .copied()
                .filter(|step| step.lane == lane)
                .filter(|step| !state.started.contains_key(step.name) && state.result_of(step.name).is_none())
                .collect();
            if waiting.is_empty() {
                return None;
            }
            let ready = waiting
                .into_iter()
                .find(|step| step.after.iter().all(|before| self.has_ended(before, &state)));
            if let Some(step) = ready {
                state.started.insert(step.name, Instant::now());
                return Some((step, blocked(step, &state)));
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A predecessor that is not part of this run was left by an earlier one.
    fn has_ended(&self, name: &str, state: &State) -> bool {
        state.result_of(name).is_some() || !self.steps.iter().any(|step| step.name == name)
    }

    fn heartbeat(&self) {
        let mut state = self.lock();
        while state.ended.len() < self.steps.len() {
            let (guard, waited) =
                self.changed.wait_timeout(state, HEARTBEAT).unwrap_or_else(PoisonError::into_inner);
            state = guard;
            if waited.timed_out() {
                for (name, begin) in &state.started {
                    let last = last_line(&log_path(self.root, name));
                    let line = format!("  ..    {name:<18} {:>7}  {last}", seconds(begin.elapsed()));
                    self.console.line(&self.console.paint(Colour::Dim, &line));
                }
            }
        }
    }

    fn announce(&self, ended: &Ended) {
        let (mark, reason) = verdict(self.console, &ended.result);
        let line = format!("{mark} {:<18} {:>7}{reason}", ended.name, seconds(ended.elapsed));
        self.console.line(&line);
        if matches!(ended.result, Err(Stop::Failed(_))) {
            let path = log_path(self.root, ended.name);
            let log = text_of(&path);
            let lines: Vec<&str> = log.lines().collect();
            let cut = lines.len().saturating_sub(SHOWN_LINES);
            let shown = path.strip_prefix(self.root).unwrap_or(&path).display();
            let of = if cut > 0 {
                format!(" (last {SHOWN_LINES} of {} lines)", lines.len())
            } else {
                String::new()
            };
            let mut text = vec![format!("  | {shown}{of}")];
            text.extend(lines[cut..].iter().map(|line| format!("  | {line}")));
            self.console.line(&text.join("\n"));
        }
    }
}

/// Why a step cannot run although its predecessors have ended.
fn blocked(step: &Step, state: &State) -> Option<String> {
    step.after.iter().find_map(|before| match state.result_of(before) {
        Some(Err(Stop::Failed(_))) => Some(format!("`{before}` failed")),
        Some(Err(Stop::Skipped(reason))) => Some(format!("`{before}` was skipped: {reason}")),
        Some(Ok(())) | None => None,
    })
}

fn verdict(console: &Console, result: &StepResult) -> (String, String) {
    match result {
        Ok(()) => (console.paint(Colour::Green, "  ok   "), String::new()),
        Err(Stop::Failed(reason)) => (console.paint(Colour::Red, "  FAIL "), format!("  {reason}")),
        Err(Stop::Skipped(reason)) => (console.paint(Colour::Yellow, "  skip "), format!("  {reason}")),
    }
}

fn last_line(path: &Path) -> String {
    let log = text_of(path);
    let line = log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim().chars().take(90).collect()
}

impl Report {
    fn count(&self, which: fn(&StepResult) -> bool) -> usize {
        self.ended.iter().filter(|ended| which(&ended.result)).count()
    }

    pub(crate) fn failed(&self) -> usize {
        self.count(|result| matches!(result, Err(Stop::Failed(_))))
    }

    /// The table of all steps; the last line is `N passed, N failed, N skipped`. `loud` says the skips once more, for a
    /// reader of CI who sees only the end.
    pub(crate) fn print(&self, console: &Console, loud: bool) {
        console.line(&format!("\n{} in {}", "Steps", seconds(self.elapsed)));
        for ended in &self.ended {
            let (mark, reason) = verdict(console, &ended.result);
            console.line(&format!("{mark} {:<18} {:>7}{reason}", ended.name, seconds(ended.elapsed)));
        }
        if loud {
            for ended in &self.ended {
                if let Err(Stop::Skipped(reason)) = &ended.result {
                    let line = format!("WARNING: {} was NOT run: {reason}", ended.name);
                    console.line(&console.paint(Colour::Yellow, &line));
                }
            }
        }
        console.line(&self.summary());
    }

    fn summary(&self) -> String {
        let passed = self.count(Result::is_ok);
        let skipped = self.count(|result| matches!(result, Err(Stop::Skipped(_))));
        format!("{passed} passed, {} failed, {skipped} skipped", self.failed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::failed;
    use crate::steps::Group;

    const fn step(
        name: &'static str,
        lane: Lane,
        after: &'static [&'static str],
        run: fn(&mut Run) -> StepResult,
    ) -> Step {
        Step { name, about: "", group: Group::Test, lane, after, run }
    }

    static PASSES: Step = step("passes", Lane::Other, &[], |_| Ok(()));
    static FAILS: Step = step("fails", Lane::Cargo, &[], |_| Err(failed("broken")));
    static SKIPS: Step =
        step("skips", Lane::Other, &["passes"], |_| Err(Stop::Skipped("no tool".to_owned())));
    static BEHIND: Step = step("behind", Lane::Other, &["fails"], |_| Ok(()));
    static LAST: Step = step("last", Lane::Cargo, &["passes", "skips"], |_| Ok(()));

    #[test]
    fn goes_on_after_a_failure_and_says_why_a_step_could_not_run() {
        let root = std::env::temp_dir().join(format!("xtask-{}-schedule", std::process::id()));
        let report = run(&[&PASSES, &FAILS, &SKIPS, &BEHIND, &LAST], &root, &Console::from_environment());
        let results: Vec<_> = report.ended.iter().map(|ended| (ended.name, &ended.result)).collect();
        let skipped = |reason: &str| Err(Stop::Skipped(reason.to_owned()));
        assert_eq!(
            results,
            [
                ("passes", &Ok(())),
                ("fails", &Err(failed("broken"))),
                ("skips", &skipped("no tool")),
                ("behind", &skipped("`fails` failed")),
                ("last", &skipped("`skips` was skipped: no tool")),
            ]
        );
        assert_eq!(report.summary(), "1 passed, 1 failed, 3 skipped");
        assert_eq!(report.failed(), 1);
    }
}
