//! One line per account.

use domain::identity::Pseudonyms;
use domain::sweep_accounts::TurnObserver;
use domain::turn::TurnReport;

/// Writes turns to the log, with the account's pseudonym and never a token or a name.
pub(crate) struct LogTurns<'a> {
    pub(crate) pseudonyms: &'a Pseudonyms,
}

impl TurnObserver for LogTurns<'_> {
    fn turn_ended(&self, report: &TurnReport) {
        let failure = report.failure.as_ref();
        tracing::info!(
            event = "sweep.account",
            account = self.pseudonyms.of(&report.account),
            outcome = report.outcome.as_str(),
            token_source = report.token_source.map(tracing::field::debug),
            failure.class = failure.map(|failure| failure.class.as_str()),
            failure.aadsts = failure.and_then(|failure| failure.code),
            failure.suberror = failure.and_then(|failure| failure.suberror.as_deref()),
            reason = report.reason.as_deref(),
            attempt = report.attempt,
            // Less than nothing where the clock was set back meanwhile.
            elapsed_ms = u64::try_from(report.elapsed.whole_milliseconds()).unwrap_or_default(),
        );
    }
}
