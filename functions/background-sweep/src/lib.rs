//! The scheduled function as a library: an event comes in, the use case of `domain` runs, a summary goes out.

mod event;
mod handler;
mod log;
mod measure;
mod summary;

pub use event::{QueueRecord, SweepEvent, UnknownEvent, UnreadableTask};
pub use handler::{SweepFailure, handle, run, sweep};
pub use summary::{Answer, BatchAnswer, BatchItemFailure, DryRunSummary, Summary, TurnSummary};
