//! `cargo local seed`.

use crate::arguments::SeedArguments;
use crate::log_lines::{self, Names, Output};
use crate::progress::{Progress, span};
use crate::signals::Signals;
use crate::terminal::Style;
use crate::{Failure, data_folder, environment};
use stack::{SeedOptions, SeedStep};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

/// As a shell reports a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

pub(crate) async fn seed(wish: SeedArguments) -> Result<ExitCode, Failure> {
    log_lines::start(Style::of_stdout(), Names::default(), Output::Error);
    let mut signals = Signals::listen()?;
    let options = SeedOptions {
        accounts: wish.accounts,
        tenants: wish.tenants,
        due_within_seconds: wish.due_within,
        revoked_percent: wish.revoked,
        seed: wish.seed,
    };
    let environment = environment(&wish.place, true)?;
    let folder = data_folder(&wish.place);
    let stopping = AtomicBool::new(false);
    let reached = Mutex::new(SeedStep::default());
    let hear = |now| *reached.lock().unwrap_or_else(PoisonError::into_inner) = now;
    let progress = Progress::begin();
    let seeding = async {
        let mut seeding = std::pin::pin!(stack::seed(&environment, &folder, options, &stopping, &hear));
        tokio::select! {
            report = &mut seeding => report,
            () = signals.received() => {
                // What is under way is finished: a second or so.
                stopping.store(true, Ordering::Relaxed);
                seeding.await
            }
        }
    };
    let text = |progress: &Progress| {
        let step = *reached.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = progress.rate(step.done.into());
        format!(
            "{} of {} accounts, {} of them new, {rate:.0} per second",
            step.done, wish.accounts, step.added
        )
    };
    let report = progress.during(Box::pin(seeding), text).await?;
    let SeedStep { done, added, revoked } = report.step;
    println!(
        "{done} of {} accounts are in table {}: {added} made now, {revoked} of them revoked, {} there before. Took {}, {:.0} per \
         second.",
        wish.accounts,
        report.table,
        done - added,
        span(progress.elapsed()),
        progress.rate(done.into()),
    );
    if report.stopped {
        println!("Stopped before the end; the same command goes on from there.");
        return Ok(ExitCode::from(INTERRUPTED));
    }
    Ok(ExitCode::SUCCESS)
}
